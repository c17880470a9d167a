"""The paper's cut of the two-block network into three concrete components.

Parse is embeddings plus block 0; evaluate is block 1's attention plus its MLP's hidden layer, read
at the answer position; output is the MLP's output plus the unembedding and the argmax. Source:
paper section 4; PAPER.md section 2. TransformerLens counts blocks from 0, the paper from 1.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class AnswerState:
    """The concrete state at cut 2, at the answer position. ``hidden``: post-ReLU activations of
    block 1 (``blocks.1.mlp.hook_post``). ``resid_mid``: residual stream after block 1's attention
    (``blocks.1.hook_resid_mid``)."""

    hidden: Float[Tensor, "batch d_mlp"]
    resid_mid: Float[Tensor, "batch d_model"]


class Components:
    """The three concrete components of one network."""

    def __init__(self, model: Transformer, problem: Problem):
        self.model = model
        self.vocabulary = Vocabulary(problem)
        self.layout = FormulaLayout(problem)

    def parse(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Tokens to the residual stream after block 0."""
        return self.model.block(0)(self.model.embed(tokens))

    def answer_attention(
        self, resid: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch d_model"]:
        """What block 1's attention adds at the answer position (``blocks.1.hook_attn_out``)."""
        position = torch.tensor([self.layout.answer_position], device=resid.device)
        return self.model.block(1).attn(resid, position)[:, 0]

    def evaluate(
        self,
        resid: Float[Tensor, "batch pos d_model"],
        attn_out: Float[Tensor, "batch d_model"] | None = None,
    ) -> AnswerState:
        """The residual stream after block 0 to the hidden layer at the answer position.
        ``attn_out``: what :meth:`answer_attention` gives, if it is known."""
        if attn_out is None:
            attn_out = self.answer_attention(resid)
        resid_mid = resid[:, self.layout.answer_position] + attn_out
        return AnswerState(self.model.block(1).mlp.hidden(resid_mid), resid_mid)

    def answer_logits(self, state: AnswerState) -> Float[Tensor, "batch d_vocab"]:
        """Logits at the answer position."""
        resid_post = state.resid_mid + self.model.block(1).mlp.project(state.hidden)
        return resid_post @ self.model.W_U

    def output(self, state: AnswerState) -> Int[Tensor, " batch"]:
        """The predicted label: 1 where the argmax over all tokens is ``s``, else 0."""
        return (self.answer_logits(state).argmax(dim=-1) == self.vocabulary.satisfiable).long()
