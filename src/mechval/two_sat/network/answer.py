"""Which token counts as the network's answer, and which one is right."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.formulas.tokens import Vocabulary


def answers(logits: Float[Tensor, "batch d_vocab"]) -> Int[Tensor, " batch"]:
    """The likeliest of all tokens, so an answer that is neither ``s`` nor ``u`` is wrong."""
    return logits.argmax(dim=-1)


def labels(logits: Float[Tensor, "batch d_vocab"], vocabulary: Vocabulary) -> Int[Tensor, " batch"]:
    """1 where the answer is ``s``, else 0."""
    return (answers(logits) == vocabulary.satisfiable).long()


def right_answers(
    vocabulary: Vocabulary, satisfiable: Bool[Tensor, " batch"]
) -> Int[Tensor, " batch"]:
    """``s`` where a formula is satisfiable, else ``u``."""
    return torch.where(satisfiable, vocabulary.satisfiable, vocabulary.unsatisfiable)
