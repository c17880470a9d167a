"""Formulas as DIMACS CNF, the format that SAT solvers read.

Variable ``v`` is the integer ``v + 1``, its negation the negative. Order and repetitions of the
clauses are kept. Signed integers exist in this module and the oracle only.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, Integer
from pysat.formula import CNF

from mechval.errors import MechvalError
from mechval.two_sat.problem import Problem, clause_literals


def dimacs_clauses(problem: Problem) -> Int[np.ndarray, "clause 2"]:
    """The signed literals of every distinct clause."""
    literals = clause_literals(problem)
    is_negated = literals >= problem.n_variables
    return np.where(is_negated, -(literals - problem.n_variables + 1), literals + 1)


def dimacs_text(
    problem: Problem,
    clause_ids: Integer[np.ndarray, " clause_position"],
    comments: Sequence[str] = (),
) -> str:
    """Write one formula, comments first.

    >>> print(dimacs_text(Problem(n_variables=3, n_clauses=4), np.array([0, 0, 3, 9]), ["why"]))
    c why
    p cnf 3 4
    1 2 0
    1 2 0
    -1 -2 0
    2 -3 0
    """
    formula = CNF(from_clauses=dimacs_clauses(problem)[clause_ids].tolist())
    formula.nv = problem.n_variables
    formula.comments = [f"c {comment}" for comment in comments]
    return formula.to_dimacs()


def read_dimacs(problem: Problem, path: Path) -> Int[np.ndarray, " clause_position"]:
    """Read one formula of this size back as clause ids.

    Raises:
        MechvalError: if the file is missing, is not DIMACS, or holds another kind of formula.
    """
    try:
        clauses = CNF(from_string=path.read_text(encoding="utf-8")).clauses
    except (OSError, ValueError, IndexError, AttributeError) as error:
        raise _refusal(problem, path, f"unreadable, {type(error).__name__}") from None
    if len(clauses) != problem.n_clauses:
        raise _refusal(problem, path, f"{len(clauses)} clauses")
    ids = {frozenset(clause): id for id, clause in enumerate(dimacs_clauses(problem).tolist())}
    for clause in clauses:
        if frozenset(clause) not in ids:
            raise _refusal(problem, path, f"clause {clause}")
    return np.array([ids[frozenset(clause)] for clause in clauses], dtype=np.int64)


def _refusal(problem: Problem, path: Path, found: str) -> MechvalError:
    return MechvalError(
        f"{path} cannot be used ({found}); allowed: a DIMACS file of {problem.n_clauses} clauses "
        f"of two literals over two of the variables 1 to {problem.n_variables}."
    )
