"""The 2-SAT problem: how many variables and clauses, and which clauses exist.

A literal is its token id: variable ``v`` is ``v``, its negation is ``n_variables + v``. A clause
is its row in :func:`clause_literals`. A formula is the ordered list of its clauses' ids; clauses
may repeat.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Int
from pydantic import Field

from mechval.config import Config


class Problem(Config):
    """The size of the formulas; every other size in the case study follows from it.

    Source: paper section 4 uses 5 variables and 10 clauses.
    """

    n_variables: int = Field(strict=True, ge=3, le=10, description="an integer from 3 to 10")
    n_clauses: int = Field(strict=True, ge=4, le=30, description="an integer from 4 to 30")

    @property
    def n_literals(self) -> int:
        """Each variable and its negation."""
        return 2 * self.n_variables

    @property
    def n_distinct_clauses(self) -> int:
        """How many clauses over two different variables there are, literal order aside."""
        return 2 * self.n_variables * (self.n_variables - 1)

    @property
    def n_assignments(self) -> int:
        """How many assignments of the variables there are."""
        return 2**self.n_variables

    @property
    def n_formulas(self) -> int:
        """How many formulas there are: ordered lists of clauses, repetition allowed."""
        return self.n_distinct_clauses**self.n_clauses


def clause_literals(problem: Problem) -> Int[np.ndarray, "clause 2"]:
    """List the distinct clauses as (first, second) literal, the smaller variable first.

    Ordered by the two variables, then by the sign of the first literal, then of the second; a
    positive literal comes before its negation.

    >>> clause_literals(Problem(n_variables=3, n_clauses=4))[:5].tolist()
    [[0, 1], [0, 4], [3, 1], [3, 4], [0, 2]]
    """
    n = problem.n_variables
    pairs = [
        (first, second)
        for i, j in combinations(range(n), 2)
        for first in (i, n + i)
        for second in (j, n + j)
    ]
    return np.array(pairs, dtype=np.int64)


def clause_pairs(problem: Problem) -> Int[np.ndarray, " clause"]:
    """The literal pair ``first * n_literals + second`` that each distinct clause is written as."""
    first, second = clause_literals(problem).T
    return first * problem.n_literals + second


def clause_ids_of_literal_pairs(problem: Problem) -> Int[np.ndarray, "literal literal"]:
    """Look up the clause written as (first, second) literal; -1 where no clause is written so."""
    ids = np.full((problem.n_literals, problem.n_literals), -1, dtype=np.int64)
    first, second = clause_literals(problem).T
    ids[first, second] = np.arange(problem.n_distinct_clauses)
    return ids
