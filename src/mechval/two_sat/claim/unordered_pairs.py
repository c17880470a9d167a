"""When two parses count as the same: clauses are sets, so the order of two literals is nothing."""

from jaxtyping import Int
from torch import Tensor

from mechval.axioms import Equivalence
from mechval.two_sat.problem import Problem


def unordered_pairs(problem: Problem) -> Equivalence:
    """Every clause is the same pair ``first * n_literals + second``, or the same one turned."""
    n = problem.n_literals

    def distance(
        found: Int[Tensor, "batch clause_position"], expected: Int[Tensor, "batch clause_position"]
    ) -> Int[Tensor, " batch"]:
        turned = expected % n * n + expected // n
        return ((found != expected) & (found != turned)).sum(dim=1)

    return Equivalence("clauses as unordered pairs", distance, n_parts=problem.n_clauses)
