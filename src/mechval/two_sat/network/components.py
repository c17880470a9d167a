"""The paper's cut of the two-block network into three concrete components, and what they do.

Parse is embeddings plus block 0; evaluate is block 1's attention plus its MLP's hidden layer, read
at the answer position; output is the MLP's output plus the unembedding and the argmax. Source:
paper section 4 (components). TransformerLens counts blocks from 0, the paper from 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.progress import progress_bar
from mechval.transformer import Architecture, Attended, Transformer
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.network.answer import labels
from mechval.two_sat.problem import Problem


def make_network(problem: Problem, architecture: Architecture) -> Transformer:
    """A network for formulas of this size, with weights not yet drawn."""
    return Transformer(
        architecture, d_vocab=Vocabulary(problem).d_vocab, n_ctx=FormulaLayout(problem).n_ctx
    )


@dataclass(frozen=True)
class AnswerState:
    """The concrete state at cut 2, at the answer position. ``hidden``: post-ReLU activations of
    block 1 (``blocks.1.mlp.hook_post``). ``resid_mid``: residual stream after block 1's attention
    (``blocks.1.hook_resid_mid``)."""

    hidden: Float[Tensor, "batch d_mlp"]
    resid_mid: Float[Tensor, "batch d_model"]


BATCH_SIZE = 256


class Components:
    """The three concrete components of one network, which compute on its device."""

    def __init__(self, model: Transformer, problem: Problem):
        self.model = model
        self.problem = problem
        self.vocabulary = Vocabulary(problem)
        self.layout = FormulaLayout(problem)

    @property
    def device(self) -> torch.device:
        return self.model.W_E.device

    def parse(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Tokens to the residual stream after block 0."""
        return self.model.block(0)(self.model.embed(tokens))

    def attend_from_answer(self, resid: Float[Tensor, "batch pos d_model"]) -> Attended:
        """Block 1's attention from the answer position, the only query."""
        position = torch.tensor([self.layout.answer_position], device=resid.device)
        return self.model.block(1).attn.attend_from(resid, position)

    def answer_attention(
        self, resid: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch d_model"]:
        """What block 1's attention adds at the answer position (``blocks.1.hook_attn_out``)."""
        return self.attend_from_answer(resid).out[:, 0]

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
        """Logits at the answer position. W_out is applied to W_U, not to every state: there are
        fewer tokens than dimensions of the residual stream."""
        mlp, W_U = self.model.block(1).mlp, self.model.W_U
        return (state.resid_mid + mlp.b_out) @ W_U + state.hidden @ (mlp.W_out @ W_U)

    def output(self, state: AnswerState) -> Int[Tensor, " batch"]:
        """The predicted label: 1 where the answer is ``s``, else 0."""
        return labels(self.answer_logits(state), self.vocabulary)

    def batches(
        self, split: Split, description: str
    ) -> Iterator[tuple[Int[Tensor, "batch pos"], Bool[Tensor, " batch"]]]:
        """Yield tokens and satisfiability of consecutive formulas, with a progress bar."""
        with progress_bar(None, description, total=len(split)) as bar:
            for first in range(0, len(split), BATCH_SIZE):
                rows = slice(first, first + BATCH_SIZE)
                clause_ids = torch.from_numpy(split.clause_ids[rows]).to(self.device)
                satisfiable = torch.from_numpy(split.satisfiable[rows]).to(self.device)
                yield encode_formulas(self.problem, clause_ids), satisfiable
                bar.update(len(clause_ids))


@torch.inference_mode()
def record_cuts(
    components: Components, split: Split
) -> tuple[Float[Tensor, "formula d_model"], AnswerState]:
    """The residual stream after block 0 at ``:``, and the state at cut 2, on the CPU."""
    position = components.layout.answer_position
    resids, states = [], []
    for tokens, _ in components.batches(split, "states at ':'"):
        resid = components.parse(tokens)
        # A clone, because a view would keep all positions in memory.
        resids.append(resid[:, position].clone().cpu())
        states.append(components.evaluate(resid))
    return torch.cat(resids), AnswerState(
        hidden=torch.cat([state.hidden.cpu() for state in states]),
        resid_mid=torch.cat([state.resid_mid.cpu() for state in states]),
    )


def record_answer_states(components: Components, split: Split) -> AnswerState:
    """The concrete state at cut 2 of every formula, on the CPU."""
    return record_cuts(components, split)[1]
