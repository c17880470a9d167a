"""Exact numbers of formulas, without listing them.

A dynamic programme over truth tables: the formulas of k + 1 clauses with a given table are the
formulas of k clauses, each with one more clause, whose tables AND to it. It tells, before any
formula is drawn, whether a class has as many formulas as are asked for.
"""

from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import UInt64

from mechval.errors import MechvalError
from mechval.two_sat.formulas.truth_tables import clause_truth_tables
from mechval.two_sat.problem import Problem

# About a second of work: one step of the programme sorts this many (table, clause) pairs.
_QUICK_STEP = 2**25
_INT64_LIMIT = 2**63
# About four gigabytes of memory.
_LARGEST_STEP = 2**26


@dataclass(frozen=True)
class TruthTableCounts:
    """How many formulas have each reachable truth table. ``formulas`` is int64, or Python integers
    where the numbers do not fit."""

    tables: UInt64[np.ndarray, " table"]
    formulas: np.ndarray


@dataclass(frozen=True)
class ClassSizes:
    """How many formulas of a problem are satisfiable and how many are not."""

    satisfiable: int
    unsatisfiable: int


def is_countable(problem: Problem) -> bool:
    """Whether counting is quick (about a second), judged by a bound on the reachable tables."""
    n_clauses = problem.n_distinct_clauses
    clause_sets = sum(comb(n_clauses, size) for size in range(1, problem.n_clauses + 1))
    tables = min(clause_sets, 2**problem.n_assignments)
    return tables * n_clauses <= _QUICK_STEP


def count_truth_tables(problem: Problem) -> TruthTableCounts:
    """Count the formulas (ordered, with repetition) of every reachable truth table. Takes seconds
    at 5 variables and 10 clauses; see :func:`is_countable`. Truth tables must fit one 64-bit word,
    so that there are at most 6 variables. Raises MechvalError if truth tables exceed one word, or
    if they become too many."""
    clauses = clause_truth_tables(problem)
    if clauses.shape[1] != 1:
        raise MechvalError(
            f"n_variables={problem.n_variables} has truth tables of {problem.n_assignments} bits; "
            "allowed: up to 64 bits, 6 variables."
        )
    dtype = np.int64 if problem.n_formulas < _INT64_LIMIT else object
    every_assignment = np.array([2**problem.n_assignments - 1], dtype=np.uint64)
    counts = TruthTableCounts(every_assignment, np.array([1], dtype=dtype))
    for length in range(problem.n_clauses):
        _refuse_too_many(problem, len(counts.tables), length)
        counts = _add_clause(counts, clauses[:, 0])
    return counts


def class_sizes(problem: Problem) -> ClassSizes:
    """Count the satisfiable and the unsatisfiable formulas.

    >>> class_sizes(Problem(n_variables=3, n_clauses=4))
    ClassSizes(satisfiable=20520, unsatisfiable=216)
    """
    counts = count_truth_tables(problem)
    unsatisfiable = int(counts.formulas[counts.tables == 0].sum())
    return ClassSizes(problem.n_formulas - unsatisfiable, unsatisfiable)


def _refuse_too_many(problem: Problem, n_tables: int, length: int) -> None:
    pairs = n_tables * problem.n_distinct_clauses
    if pairs > _LARGEST_STEP:
        raise MechvalError(
            f"n_variables={problem.n_variables}, n_clauses={problem.n_clauses} has {n_tables:,} "
            f"truth tables after {length} clauses and {pairs:,} with one more; "
            f"allowed: up to {_LARGEST_STEP:,}."
        )


def _add_clause(
    counts: TruthTableCounts, clauses: UInt64[np.ndarray, " clause"]
) -> TruthTableCounts:
    tables = (counts.tables[:, None] & clauses).ravel()
    order = np.argsort(tables)
    tables = tables[order]
    starts = np.flatnonzero(np.concatenate([[True], tables[1:] != tables[:-1]]))
    formulas = np.repeat(counts.formulas, len(clauses))[order]
    return TruthTableCounts(tables[starts], np.add.reduceat(formulas, starts))
