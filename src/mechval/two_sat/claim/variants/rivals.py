"""Rival programs of evaluate: one that binds no clauses, one that says nothing of neurons."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mechval.axioms import Equivalence, n_differing
from mechval.two_sat.network.components import AnswerState
from mechval.two_sat.problem import Problem

ONE_BIT = "whether any evaluating neuron is on"


@dataclass(frozen=True)
class LiteralCountProgram:
    """Each neuron is on where a weighted sum of how often the literals occur is above 0. This is as
    much as a network can do that does not bind literals into clauses."""

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


@dataclass(frozen=True)
class ImplicationGraph:
    """Decides satisfiability as textbooks do; its one bit stands for all evaluating neurons.
    ``state_when`` is the mean state of the fitting formulas with the bit off and with it on."""

    problem: Problem
    neurons: Int[Tensor, " neuron"]
    cut: Float[Tensor, " neuron"]
    state_when: AnswerState

    def alpha(self, state: AnswerState) -> Bool[Tensor, "batch 1"]:
        """Whether any evaluating neuron is on (α_2)."""
        return (state.hidden[:, self.neurons] >= self.cut).any(dim=1, keepdim=True)

    def gamma(self, bits: Bool[Tensor, "batch 1"]) -> AnswerState:
        """The mean state of the formulas with that bit (γ_2)."""
        row = bits[:, 0].long()
        return AnswerState(self.state_when.hidden[row], self.state_when.resid_mid[row])

    def equivalence(self) -> Equivalence:
        return Equivalence(ONE_BIT, n_differing)

    def program(self, pairs: Int[Tensor, "batch clause_position"]) -> Bool[Tensor, "batch 1"]:
        """Satisfiable unless some variable and its negation imply each other (h_2)."""
        n, n_literals = self.problem.n_variables, self.problem.n_literals
        reaches = _implications(pairs, n)
        for _ in range(math.ceil(math.log2(n_literals))):
            reaches = (reaches @ reaches > 0).float()
        variable = torch.arange(n, device=pairs.device)
        contradicted = reaches[:, variable, variable + n] * reaches[:, variable + n, variable]
        return ~(contradicted > 0).any(dim=1, keepdim=True)


def implication_graph(
    problem: Problem,
    neurons: Int[Tensor, " neuron"],
    cut: Float[Tensor, " neuron"],
    states: AnswerState,
    device: torch.device,
) -> ImplicationGraph:
    """Fit the one-bit reading; a bit that never occurs gets the mean of all formulas."""
    is_on = (states.hidden[:, neurons] >= cut).any(dim=1)
    chosen = [rows if bool(rows.any()) else torch.ones_like(rows) for rows in (~is_on, is_on)]
    means = [
        torch.stack([part[rows].mean(dim=0, dtype=torch.float64).float() for rows in chosen])
        for part in (states.hidden, states.resid_mid)
    ]
    hidden, resid_mid = (mean.to(device) for mean in means)
    return ImplicationGraph(
        problem, neurons.to(device), cut.to(device), AnswerState(hidden, resid_mid)
    )


def _implications(
    pairs: Int[Tensor, "batch clause_position"], n_variables: int
) -> Float[Tensor, "batch literal literal"]:
    """1 where a literal implies another by one clause, or is that literal itself."""
    n_literals, device = 2 * n_variables, pairs.device
    first, second = pairs // n_literals, pairs % n_literals
    negation = torch.arange(n_literals, device=device).roll(n_variables)
    edges = torch.eye(n_literals, device=device).repeat(len(pairs), 1, 1)
    formula = torch.arange(len(pairs), device=device)[:, None]
    edges[formula, negation[first], second] = 1
    edges[formula, negation[second], first] = 1
    return edges
