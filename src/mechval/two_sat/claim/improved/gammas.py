"""Refined γs: prototypes by position and literal counts at ``:``, and regression for evaluate.

In block 0 the answer position attends to all positions nearly alike, so what it holds is, to first
order, a sum over the literals of the formula. The paper's γ_1 puts its mean there instead; on
the authors' model that one position causes nearly all of parse's disagreements. Its prototypes are
the same at every clause position, though position embeddings are not. The paper's γ_2 puts every
neuron at one of two constants and all else at its mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from mechval.two_sat.claim.bench import written_pairs
from mechval.two_sat.claim.variants.rivals import literal_counts
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.network.components import AnswerState
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class RefinedParser(ClauseParser):
    """Cut 1 as in the paper, but γ_1 writes more. ``colon``: residual stream at ``:`` of a formula
    without literals, then what each literal adds; None leaves its mean there. ``by_position``:
    prototypes of each clause position's own; None leaves the paper's."""

    colon: Float[Tensor, "coefficient d_model"] | None = None
    by_position: Float[Tensor, "clause_position pair d_model"] | None = None

    def gamma(
        self, pairs: Int[Tensor, "batch clause_position"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Mean residuals, prototypes at the second literals, literal counts at ``:`` (γ_1)."""
        resid, layout = super().gamma(pairs), FormulaLayout(self.problem)
        if self.by_position is not None:
            clause = torch.arange(self.problem.n_clauses, device=pairs.device)
            second = list(layout.second_literal_positions)
            resid[:, second] = self.by_position[clause, pairs]
        if self.colon is not None:
            counts = literal_counts(pairs, self.problem.n_literals)
            resid[:, layout.answer_position] = _with_constant(counts) @ self.colon
        return resid


@dataclass(frozen=True)
class RegressedState:
    """γ_2 by regression: the state at cut 2 as a linear function of the bits. The first row is the
    state where no neuron is on, then comes what each one that is on adds."""

    hidden: Float[Tensor, "coefficient d_mlp"]
    resid_mid: Float[Tensor, "coefficient d_model"]

    def gamma(self, bits: Bool[Tensor, "batch neuron"]) -> AnswerState:
        """The state that the bits predict; activations below 0 do not exist and are raised to 0."""
        known = _with_constant(bits)
        return AnswerState((known @ self.hidden).clamp(min=0), known @ self.resid_mid)

    def to(self, device: torch.device) -> "RegressedState":
        return RegressedState(self.hidden.to(device), self.resid_mid.to(device))


def fit_colon(
    problem: Problem, split: Split, resid_post: Float[Tensor, "formula d_model"]
) -> Float[Tensor, "coefficient d_model"]:
    """Regress the residual stream at ``:`` after block 0 on the literal counts. A formula's counts
    add up to a constant, so of all solutions the shortest one is taken."""
    counts = literal_counts(written_pairs(problem, split), problem.n_literals)
    return next(_least_squares(counts, resid_post))


def fit_regression(bits: Bool[Tensor, "formula neuron"], states: AnswerState) -> RegressedState:
    """Regress the state on the network's own bits, over the fitting split."""
    return RegressedState(*_least_squares(bits, states.hidden, states.resid_mid))


def _least_squares(
    known: Bool[Tensor, "formula _"] | Int[Tensor, "formula _"], *values: Float[Tensor, "formula _"]
) -> Iterator[Float[Tensor, "coefficient _"]]:
    """The shortest of the best linear predictions of each of the values, fitted in float64."""
    given = _with_constant(known).double()
    inverse = torch.linalg.pinv(given.T @ given, hermitian=True)
    for value in values:
        yield (inverse @ (given.T @ value.double())).float()


def _with_constant(known: Tensor) -> Float[Tensor, "batch coefficient"]:
    return pad(known.float(), (1, 0), value=1.0)
