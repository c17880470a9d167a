"""The paper's cut of the one-block network into three concrete components.

Embed: token embedding; hidden: position embedding, attention and the MLP's hidden layer, read at
``=``; output: the MLP's output, the unembedding and the argmax over all tokens.

Source: paper section 5.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer

Logits = Float[Tensor, "pair d_vocab"]
BATCH = 4096
"""Inputs computed together."""


@dataclass(frozen=True)
class AnswerState:
    """Cut 2, at ``=``: ``blocks.0.mlp.hook_post`` and ``blocks.0.hook_resid_mid``."""

    hidden: Float[Tensor, "batch d_mlp"]
    resid_mid: Float[Tensor, "batch d_model"]


class Components:
    """The three concrete components of one network; ``steps`` has them as the same objects."""

    def __init__(self, model: Transformer):
        self.model = model
        self.steps = (self.embed, self.hidden, self.output)

    def embed(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """The token embeddings (``hook_embed``)."""
        return functional.embedding(tokens.to(self.model.W_E.device), self.model.W_E)

    def hidden(self, embedded: Float[Tensor, "batch pos d_model"]) -> AnswerState:
        """Position embedding, attention and hidden layer; only what reaches ``=`` is computed."""
        block = self.model.block(0)
        resid_pre = embedded + self.model.W_pos[: embedded.shape[1]]
        last = torch.tensor([embedded.shape[1] - 1], device=embedded.device)
        resid_mid = (resid_pre[:, last] + block.attn(resid_pre, last))[:, 0]
        return AnswerState(block.mlp.hidden(resid_mid), resid_mid)

    def logits(self, state: AnswerState) -> Float[Tensor, "batch d_vocab"]:
        """MLP output and unembedding."""
        mlp_out = self.model.block(0).mlp.project(state.hidden)
        return (state.resid_mid + mlp_out) @ self.model.W_U

    def output(self, state: AnswerState) -> Int[Tensor, " batch"]:
        """The predicted token: the argmax over the whole vocabulary."""
        return self.logits(state).argmax(dim=-1)


@dataclass(frozen=True)
class Activations(AnswerState):
    """What the network computes at ``=`` on every one of the p² inputs, in their order."""

    logits: Logits

    @property
    def labels(self) -> Int[Tensor, " pair"]:
        return self.logits.argmax(dim=-1)


@torch.inference_mode()
def record_activations(model: Transformer, problem: ModularAddition) -> Activations:
    """Run the network, on its device, on all p² inputs; the results lie on the CPU."""
    components, found = Components(model), []
    for pairs in problem.all_pairs().split(BATCH):
        state = components.hidden(components.embed(problem.tokens(pairs)))
        found.append((state.hidden.cpu(), state.resid_mid.cpu(), components.logits(state).cpu()))
    return Activations(*map(torch.cat, zip(*found, strict=True)))
