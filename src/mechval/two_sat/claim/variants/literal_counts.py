"""A rival program of evaluate that knows how often each literal occurs and no clause."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor


@dataclass(frozen=True)
class LiteralCountProgram:
    """Each neuron is on where a weighted sum of how often the literals occur is above 0.

    This is as much as a network can do that does not bind literals into clauses.
    """

    weights: Float[Tensor, "literal neuron"]
    bias: Float[Tensor, " neuron"]

    def program(self, pairs: Int[Tensor, "batch clause_position"]) -> Bool[Tensor, "batch neuron"]:
        """Literal pairs to bits (h_2)."""
        counts = literal_counts(pairs, len(self.weights)).double()
        return counts @ self.weights.to(pairs.device) + self.bias.to(pairs.device) > 0


def literal_counts(
    pairs: Int[Tensor, "batch clause_position"], n_literals: int
) -> Int[Tensor, "batch literal"]:
    """How often each literal occurs among the literal pairs of a formula."""
    literals = torch.cat([pairs // n_literals, pairs % n_literals], dim=1)
    return torch.nn.functional.one_hot(literals, n_literals).sum(dim=1)


def fit_literal_counts(
    pairs: Int[Tensor, "formula clause_position"],
    bits: Bool[Tensor, "formula neuron"],
    n_literals: int,
) -> LiteralCountProgram:
    """Fit a logistic regression per neuron; every bit must change among the formulas."""
    counts = literal_counts(pairs, n_literals).numpy()
    fitted = [LogisticRegression().fit(counts, neuron.numpy()) for neuron in bits.T]
    return LiteralCountProgram(
        weights=torch.from_numpy(np.stack([model.coef_[0] for model in fitted], axis=1)).double(),
        bias=torch.from_numpy(np.concatenate([model.intercept_ for model in fitted])).double(),
    )
