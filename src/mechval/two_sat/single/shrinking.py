"""Making a failing formula as simple as it gets while it keeps failing.

Formulas have a fixed number of clauses, so a clause cannot be dropped. The padding rule instead:
every occurrence of one clause is replaced by another clause that remains. What shrinks is the
number of distinct clauses.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Int, Integer

Fails: TypeAlias = Callable[
    [Int[np.ndarray, "formula clause_position"]], Bool[np.ndarray, " formula"]
]


def distinct_clauses(formula: Integer[np.ndarray, " clause_position"]) -> list[int]:
    """The clauses of a formula, each once, in order of first appearance."""
    return list(dict.fromkeys(formula.tolist()))


def shrink(
    formula: Int[np.ndarray, " clause_position"], fails: Fails
) -> Int[np.ndarray, " clause_position"]:
    """Replace clauses by others of the same formula for as long as it still fails.

    Clauses are tried in order of first appearance, their replacements too, so the result is
    determined. In it no single distinct clause can be replaced any more.

    Args:
        formula: clause ids of a formula that fails.
        fails: tells of each formula of a batch whether it fails.
    """
    shrunk, smaller = formula, _smaller(formula, fails)
    while smaller is not None:
        shrunk, smaller = smaller, _smaller(smaller, fails)
    return shrunk


def _smaller(
    formula: Int[np.ndarray, " clause_position"], fails: Fails
) -> Int[np.ndarray, " clause_position"] | None:
    clauses = distinct_clauses(formula)
    if len(clauses) == 1:
        return None
    for clause in clauses:
        others = [other for other in clauses if other != clause]
        candidates = np.stack([np.where(formula == clause, other, formula) for other in others])
        is_failing = fails(candidates)
        if is_failing.any():
            return candidates[is_failing.argmax()]
    return None
