"""The error of a program whose parsed clauses are replaced at random, without drawing anything.

Each clause of a formula is replaced with the same probability, independently, by one of a list of
literal pairs, each as likely (``NoisyParser`` draws this by hashing). Given the truth table of the
clauses that are kept, the replaced clauses as they were written and what replaces them are
independent, so a backward dynamic programme over truth tables for each is enough. All terms are
positive: float64 loses no more than a few hundred roundings of the result.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import comb

import numpy as np
from jaxtyping import Float, Int, Int32, UInt64
from torch import Tensor

from mechval.errors import MechvalError
from mechval.reporting.tables import Row
from mechval.two_sat.certify.counting.exact_programs import ReachableTables, program_answers
from mechval.two_sat.formulas.truth_tables import clause_truth_tables, literal_pair_truth
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import EvaluateProgram


def noisy_program_rows(
    programs: Mapping[str, EvaluateProgram],
    tables: ReachableTables,
    replacements: Int[Tensor, " replacement"],
    probability: float,
) -> list[Row]:
    """Expected error of every program behind a noisy parser, over all formulas and all noise.

    Columns: ``program``, ``probability``, then the share of formulas that are unsatisfiable and
    called satisfiable, that are satisfiable and called unsatisfiable, and their sum:
    ``false_satisfiable``, ``false_unsatisfiable``, ``error``.

    Args:
        replacements: literal pairs as ``noise_replacements`` lists them.
        probability: that a clause is replaced.

    Raises:
        MechvalError: for a probability outside [0, 1].
    """
    if not 0 <= probability <= 1:
        raise MechvalError(f"noise probability={probability} is not allowed; allowed: 0 to 1.")
    problem = tables.problem
    written = clause_truth_tables(problem)[:, 0]
    noise = _packed_pairs(problem, replacements)
    states = _closed(tables, np.unique(np.concatenate([written, noise])))
    keep, swap = states.index_with(written), states.index_with(noise)
    kept = _forward(keep, problem.n_clauses)
    satisfiable = _backward(keep, states.is_satisfiable.astype(float), problem.n_clauses)
    rows: list[Row] = []
    for name, program in programs.items():
        called = _backward(swap, program_answers(program, states).astype(float), problem.n_clauses)
        false_yes, false_no = 0.0, 0.0
        for n_replaced in range(problem.n_clauses + 1):
            weight = _binomial(problem.n_clauses, n_replaced, probability)
            at = kept[problem.n_clauses - n_replaced]
            true, said = satisfiable[n_replaced], called[n_replaced]
            false_yes += weight * float(at @ ((1 - true) * said))
            false_no += weight * float(at @ (true * (1 - said)))
        rows.append(
            {
                "program": name,
                "probability": probability,
                "false_satisfiable": false_yes,
                "false_unsatisfiable": false_no,
                "error": false_yes + false_no,
            }
        )
    return rows


def _binomial(n: int, k: int, probability: float) -> float:
    return comb(n, k) * probability**k * (1 - probability) ** (n - k)


def _packed_pairs(
    problem: Problem, pairs: Int[Tensor, " replacement"]
) -> UInt64[np.ndarray, " replacement"]:
    powers = np.uint64(1) << np.arange(problem.n_assignments, dtype=np.uint64)
    return (literal_pair_truth(problem)[pairs].numpy() * powers).sum(axis=1, dtype=np.uint64)


def _closed(tables: ReachableTables, words: UInt64[np.ndarray, " word"]) -> ReachableTables:
    """All tables that clauses and replacements together can reach, the true one first to last."""
    every = np.uint64(2**tables.problem.n_assignments - 1)
    states = np.unique(np.append(tables.words, every))
    while True:
        more = np.unique(np.concatenate([states, *(states & word for word in words)]))
        if len(more) == len(states):
            return replace(tables, words=states, formulas=np.zeros(len(states), dtype=np.int64))
        states = more


def _forward(
    index: Int32[np.ndarray, "state clause"], n_clauses: int
) -> list[Float[np.ndarray, " state"]]:
    """Probability of every state after 0, 1, ... clauses, from the state of no clause."""
    reached = np.zeros(len(index))
    reached[-1] = 1.0
    levels = [reached]
    for _ in range(n_clauses):
        sums = [np.bincount(column, weights=levels[-1], minlength=len(index)) for column in index.T]
        levels.append(np.sum(sums, axis=0) / index.shape[1])
    return levels


def _backward(
    index: Int32[np.ndarray, "state clause"],
    final: Float[np.ndarray, " state"],
    n_clauses: int,
) -> list[Float[np.ndarray, " state"]]:
    """Probability that 0, 1, ... more clauses lead from a state to one that ``final`` marks."""
    levels = [final]
    for _ in range(n_clauses):
        total = np.zeros(len(final))
        for column in index.T:
            total += levels[-1][column]
        levels.append(total / index.shape[1])
    return levels
