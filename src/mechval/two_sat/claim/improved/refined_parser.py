"""γ_1 refined: prototypes by position, and literal counts at ``:``.

In block 0 the answer position attends to all positions nearly alike, so what it holds is, to first
order, a sum over the literals of the formula. The paper's γ_1 puts its mean there instead; on
the authors' model that one position causes nearly all of parse's disagreements. Its prototypes are
the same at every clause position, though position embeddings are not.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.two_sat.claim.bench import written_pairs
from mechval.two_sat.claim.improved.regressed_state import least_squares, with_constant
from mechval.two_sat.claim.variants.rivals import literal_counts
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.interpretation import ClauseParser
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
            resid[:, layout.answer_position] = with_constant(counts) @ self.colon
        return resid


def fit_colon(
    problem: Problem, split: Split, resid_post: Float[Tensor, "formula d_model"]
) -> Float[Tensor, "coefficient d_model"]:
    """Regress the residual stream at ``:`` after block 0 on the literal counts. A formula's counts
    add up to a constant, so of all solutions the shortest one is taken."""
    counts = literal_counts(written_pairs(problem, split), problem.n_literals)
    return next(least_squares(counts, resid_post))
