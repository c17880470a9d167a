"""Truth tables of clauses, formulas and literal pairs, and how many formulas have each.

Assignment ``a`` gives variable ``v`` the bit ``(a >> v) & 1``. A packed truth table has one bit
per assignment in 64-bit words, lowest bit first: one word up to 6 variables, four at 8.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import comb

import numpy as np
import torch
from jaxtyping import Bool, Int32, Integer, UInt64
from torch import Tensor

from mechval.errors import MechvalError
from mechval.two_sat.problem import Problem, clause_literals

_WORD_BITS = 64


def clause_truth_tables(problem: Problem) -> UInt64[np.ndarray, "clause word"]:
    """Pack the truth table of every distinct clause."""
    literals = _literal_truth(problem)
    first, second = clause_literals(problem).T
    bits = np.packbits(literals[first] | literals[second], axis=1, bitorder="little")
    n_words = -(-problem.n_assignments // _WORD_BITS)
    words = np.zeros((len(bits), 8 * n_words), dtype=np.uint8)
    words[:, : bits.shape[1]] = bits
    return words.view("<u8").astype(np.uint64)


def truth_tables(
    problem: Problem, clause_ids: Integer[np.ndarray, "formula clause_position"]
) -> UInt64[np.ndarray, "formula word"]:
    """Pack the truth table of every formula: the AND of its clauses' tables.

    >>> problem = Problem(n_variables=3, n_clauses=4)
    >>> truth_tables(problem, np.array([[0, 1, 2, 3], [0, 0, 0, 0]])).tolist()
    [[0], [238]]
    """
    clauses = clause_truth_tables(problem)
    # One clause position at a time: the memory is that of the result, not ten times as much.
    words = clauses[clause_ids[:, 0]]
    for position in range(1, problem.n_clauses):
        words &= clauses[clause_ids[:, position]]
    return words


def is_satisfiable(words: UInt64[np.ndarray, "formula word"]) -> Bool[np.ndarray, " formula"]:
    """Tell which truth tables have a true entry."""
    return np.bitwise_or.reduce(words, axis=1) != 0


def unpack_truth_tables(
    words: UInt64[np.ndarray, "formula word"], n_variables: int
) -> Bool[np.ndarray, "formula assignment"]:
    """Unpack truth tables into one truth value per assignment."""
    octets = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little", count=2**n_variables).astype(bool)


def formula_truth(
    problem: Problem, clause_ids: Integer[np.ndarray, "formula clause_position"]
) -> Bool[np.ndarray, "formula assignment"]:
    """Which assignments satisfy each formula."""
    return unpack_truth_tables(truth_tables(problem, clause_ids), problem.n_variables)


def literal_pair_truth(problem: Problem) -> Bool[Tensor, "pair assignment"]:
    """Evaluate every ordered pair of literals as a clause. Pair ``l * n_literals + r`` reads ``l or
    r``. Unlike the clauses of a formula, a pair may repeat a literal or be a tautology: a parse of
    a network's state may yield any pair."""
    literals = torch.as_tensor(_literal_truth(problem))
    return (literals[:, None] | literals[None, :]).flatten(0, 1)


def _literal_truth(problem: Problem) -> Bool[np.ndarray, "literal assignment"]:
    assignments = np.arange(problem.n_assignments)
    variables = np.arange(problem.n_variables)
    positive = (assignments >> variables[:, None] & 1).astype(bool)
    return np.concatenate([positive, ~positive])


# About a second of work: one step of the programme sorts this many (table, clause) pairs.
_QUICK_STEP = 2**25
_INT64_LIMIT = 2**63
# About four gigabytes of memory.
_LARGEST_STEP = 2**26


@dataclass(frozen=True)
class ReachableTables:
    """Every truth table that some formula has, with the exact number of its formulas.
    ``words`` ascend: the first is the unsatisfiable one where it is reachable. ``formulas`` are
    int64, or Python integers where the numbers do not fit."""

    problem: Problem
    words: UInt64[np.ndarray, " table"]
    formulas: np.ndarray

    @cached_property
    def truth(self) -> Bool[np.ndarray, "table assignment"]:
        """One truth value per assignment."""
        return unpack_truth_tables(self.words[:, None], self.problem.n_variables)

    @property
    def is_satisfiable(self) -> Bool[np.ndarray, " table"]:
        """Which tables have a true entry."""
        return self.words != 0

    def first_table(self) -> Int32[np.ndarray, " clause"]:
        """Index of the table of every clause alone."""
        return self._index(clause_truth_tables(self.problem)[:, 0])

    def next_table(self) -> Int32[np.ndarray, "table clause"]:
        """Index of every table with one more clause; -1 where only longer formulas have it."""
        words = clause_truth_tables(self.problem)[:, 0]
        return np.stack([self._index(self.words & word) for word in words], axis=1)

    def count(self, chosen: Bool[np.ndarray, " table"]) -> int:
        """How many formulas have one of the chosen tables."""
        return int(self.formulas[chosen].sum())

    def _index(self, words: UInt64[np.ndarray, " word"]) -> Int32[np.ndarray, " word"]:
        index = np.searchsorted(self.words, words).clip(max=len(self.words) - 1)
        return np.where(self.words[index] == words, index, -1).astype(np.int32)


def is_countable(problem: Problem) -> bool:
    """Whether counting is quick (about a second), judged by a bound on the reachable tables."""
    n_clauses = problem.n_distinct_clauses
    clause_sets = sum(comb(n_clauses, size) for size in range(1, problem.n_clauses + 1))
    tables = min(clause_sets, 2**problem.n_assignments)
    return tables * n_clauses <= _QUICK_STEP


def reachable_tables(problem: Problem) -> ReachableTables:
    """Count the formulas (ordered, with repetition) of every reachable truth table: those of k + 1
    clauses are those of k, each with one more clause, whose tables AND to it. Takes seconds at 5
    variables and 10 clauses; see :func:`is_countable`. Raises MechvalError if a truth table exceeds
    one 64-bit word (above 6 variables), or if there are too many."""
    return _reachable_tables(problem.n_variables, problem.n_clauses)


@lru_cache(maxsize=4)
def _reachable_tables(n_variables: int, n_clauses: int) -> ReachableTables:
    problem = Problem(n_variables=n_variables, n_clauses=n_clauses)
    clauses = clause_truth_tables(problem)
    if clauses.shape[1] != 1:
        raise MechvalError(
            f"n_variables={problem.n_variables} has truth tables of {problem.n_assignments} bits; "
            "allowed: up to 64 bits, 6 variables."
        )
    dtype = np.int64 if problem.n_formulas < _INT64_LIMIT else object
    every_assignment = np.array([2**problem.n_assignments - 1], dtype=np.uint64)
    counts = ReachableTables(problem, every_assignment, np.array([1], dtype=dtype))
    for length in range(problem.n_clauses):
        _refuse_too_many(problem, len(counts.words), length)
        counts = _add_clause(counts, clauses[:, 0])
    return counts


def class_sizes(problem: Problem) -> dict[str, int]:
    """Count the satisfiable and the unsatisfiable formulas.

    >>> class_sizes(Problem(n_variables=3, n_clauses=4))
    {'satisfiable': 20520, 'unsatisfiable': 216}
    """
    counts = reachable_tables(problem)
    unsatisfiable = counts.count(~counts.is_satisfiable)
    return {"satisfiable": problem.n_formulas - unsatisfiable, "unsatisfiable": unsatisfiable}


def _refuse_too_many(problem: Problem, n_tables: int, length: int) -> None:
    pairs = n_tables * problem.n_distinct_clauses
    if pairs > _LARGEST_STEP:
        raise MechvalError(
            f"n_variables={problem.n_variables}, n_clauses={problem.n_clauses} has {n_tables:,} "
            f"truth tables after {length} clauses and {pairs:,} with one more; "
            f"allowed: up to {_LARGEST_STEP:,}."
        )


def _add_clause(counts: ReachableTables, clauses: UInt64[np.ndarray, " clause"]) -> ReachableTables:
    tables = (counts.words[:, None] & clauses).ravel()
    order = np.argsort(tables)
    tables = tables[order]
    starts = np.flatnonzero(np.concatenate([[True], tables[1:] != tables[:-1]]))
    formulas = np.repeat(counts.formulas, len(clauses))[order]
    return ReachableTables(counts.problem, tables[starts], np.add.reduceat(formulas, starts))
