"""One table of named formulas, run through every module that reads formulas.

A clause is a pair of literals written as variable and sign, so that the table holds no token ids:
``+1`` is ``x0``, ``-1`` its negation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from mechval.two_sat.problem import Problem, clause_ids_of_literal_pairs


@dataclass(frozen=True)
class NamedFormula:
    """A formula whose satisfiability is known by argument, not by computation.

    ``is_drawable`` is false where a clause repeats a variable or is written in the wrong order:
    such clauses have no id, and only a parse of a network's state can yield them.
    """

    name: str
    problem: Problem
    clauses: tuple[tuple[int, int], ...]
    satisfiable: bool
    is_drawable: bool = True

    @property
    def literal_pairs(self) -> Int[np.ndarray, "clause_position 2"]:
        """The clauses as pairs of literal token ids."""
        signed = np.array(self.clauses)
        return np.abs(signed) - 1 + self.problem.n_variables * (signed < 0)

    @property
    def clause_ids(self) -> Int[np.ndarray, " clause_position"]:
        """The clauses' ids; -1 for a clause that has none."""
        first, second = self.literal_pairs.T
        return clause_ids_of_literal_pairs(self.problem)[first, second]


_THREE_BY_FOUR = Problem(n_variables=3, n_clauses=4)
_THREE_BY_SIX = Problem(n_variables=3, n_clauses=6)
_FIVE_BY_TEN = Problem(n_variables=5, n_clauses=10)
_EIGHT_BY_FOUR = Problem(n_variables=8, n_clauses=4)

DRAWABLE_FORMULAS = (
    NamedFormula("all positive", _THREE_BY_FOUR, ((1, 2), (1, 3), (2, 3), (1, 2)), True),
    NamedFormula("one clause repeated", _THREE_BY_FOUR, ((-1, -3),) * 4, True),
    NamedFormula(
        "minimal unsatisfiable", _THREE_BY_FOUR, ((1, 2), (1, -2), (-1, 2), (-1, -2)), False
    ),
    NamedFormula(
        "unsatisfiable over three variables",
        _THREE_BY_FOUR,
        ((1, 2), (1, -2), (-1, 3), (-1, -3)),
        False,
    ),
    NamedFormula(
        "unsatisfiable in the last two variables",
        _EIGHT_BY_FOUR,
        ((7, 8), (7, -8), (-7, 8), (-7, -8)),
        False,
    ),
    NamedFormula(
        "two models left", _THREE_BY_SIX, ((1, 2), (1, -2), (1, 3), (1, -3), (2, 3), (2, 3)), True
    ),
    NamedFormula(
        "unsatisfiable by a chain of implications",
        _FIVE_BY_TEN,
        # x0 forces x1, x2, x3, x4 and then not x0; not x0 forces x1, x2, x3 and then x0.
        ((-1, 2), (-2, 3), (-3, 4), (-4, 5), (-1, -5), (1, 2), (1, -4), (1, 2), (1, 2), (1, 2)),
        False,
    ),
    NamedFormula(
        "the same chain without its last link",
        _FIVE_BY_TEN,
        ((-1, 2), (-2, 3), (-3, 4), (-4, 5), (-1, -5), (1, 2), (1, 2), (1, 2), (1, 2), (1, 2)),
        True,
    ),
)

UNDRAWABLE_FORMULAS = (
    NamedFormula("tautologies only", _THREE_BY_FOUR, ((1, -1), (-1, 1)) * 2, True, False),
    NamedFormula(
        "a repeated literal", _THREE_BY_FOUR, ((1, 1), (2, 3), (2, 3), (2, 3)), True, False
    ),
    NamedFormula("two unit clauses clash", _THREE_BY_FOUR, ((1, 1), (-1, -1)) * 2, False, False),
    NamedFormula(
        "minimal unsatisfiable, literals swapped",
        _THREE_BY_FOUR,
        ((2, 1), (-2, 1), (2, -1), (-2, -1)),
        False,
        False,
    ),
)

NAMED_FORMULAS = DRAWABLE_FORMULAS + UNDRAWABLE_FORMULAS
