"""Abstract programs on every formula: exact errors, exact distances, equivalence.

A program that reads a formula's truth table alone is the same on all formulas of one table, so
the reachable tables with their numbers of formulas are the whole input space. A program that
reads anything else of a formula, as the voting program reads how often its clauses occur, is no
function of the table and cannot be counted here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Int32, UInt64

from mechval.reporting.tables import Row
from mechval.two_sat.formulas.counting import count_truth_tables
from mechval.two_sat.formulas.truth_tables import clause_truth_tables, unpack_truth_tables
from mechval.two_sat.interpretation import any_bit
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import EvaluateProgram

CLASSES = ("unsatisfiable", "satisfiable", "all")


@dataclass(frozen=True)
class ReachableTables:
    """Every truth table that some formula has, with the exact number of its formulas.

    Attributes:
        words: the tables, ascending; the first is the unsatisfiable one where it is reachable.
        formulas: int64, or Python integers where the numbers do not fit.
    """

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
        return self.index_with(clause_truth_tables(self.problem)[:, 0])

    def index_with(self, words: UInt64[np.ndarray, " word"]) -> Int32[np.ndarray, "table word"]:
        """Index of every table's conjunction with every word; -1 where it is not among them."""
        return np.stack([self._index(self.words & word) for word in words], axis=1)

    def count(self, chosen: Bool[np.ndarray, " table"]) -> int:
        """How many formulas have one of the chosen tables."""
        return int(self.formulas[chosen].sum())

    def _index(self, words: UInt64[np.ndarray, " word"]) -> Int32[np.ndarray, " word"]:
        index = np.searchsorted(self.words, words).clip(max=len(self.words) - 1)
        return np.where(self.words[index] == words, index, -1).astype(np.int32)


def reachable_tables(problem: Problem) -> ReachableTables:
    """Count the formulas of every reachable truth table.

    Raises:
        MechvalError: where there are too many tables for the memory, stating how many; or where
            a table exceeds one word.
    """
    counts = count_truth_tables(problem)
    return ReachableTables(problem, counts.tables, counts.formulas)


def program_bits(
    program: EvaluateProgram, tables: ReachableTables
) -> Bool[np.ndarray, "table neuron"]:
    """One bit per neuron for every reachable table."""
    return program.bits(torch.from_numpy(tables.truth)).numpy()


def program_answers(
    program: EvaluateProgram, tables: ReachableTables
) -> Bool[np.ndarray, " table"]:
    """Whether the program calls the formulas of every reachable table satisfiable."""
    return any_bit(torch.from_numpy(program_bits(program, tables))).bool().numpy()


def exact_program_rows(
    programs: Mapping[str, EvaluateProgram], tables: ReachableTables
) -> list[Row]:
    """Exact error of every program's answer against satisfiability.

    Columns: ``program``, ``class`` (also ``all``, uniform over formulas), ``errors``, ``formulas``
    (exact integers), ``rate``, ``balanced_rate`` (mean of the rates of both classes; beside
    ``all`` only).
    """
    rows: list[Row] = []
    for name, program in programs.items():
        wrong = program_answers(program, tables) != tables.is_satisfiable
        rows.extend({"program": name, **row} for row in class_rows(wrong, tables, "errors"))
    return rows


def exact_distance_rows(
    programs: Mapping[str, EvaluateProgram], tables: ReachableTables
) -> list[Row]:
    """Exact distance of every two programs, on their answers and on their bits.

    Columns: ``program``, ``other``, ``on`` (``answer`` or ``bits``; bits only where both have the
    same neurons in number), ``differing`` and ``formulas`` (exact integers), ``rate``,
    ``equivalent`` (whether no formula tells them apart).
    """
    bits = {name: program_bits(program, tables) for name, program in programs.items()}
    rows: list[Row] = []
    for one, other in combinations(programs, 2):
        first, second = bits[one], bits[other]
        differing = {"answer": first.any(axis=1) != second.any(axis=1)}
        if first.shape == second.shape:
            differing["bits"] = (first != second).any(axis=1)
        for on, tells in differing.items():
            count = tables.count(tells)
            rows.append(
                {
                    "program": one,
                    "other": other,
                    "on": on,
                    "differing": count,
                    "formulas": tables.problem.n_formulas,
                    "rate": count / tables.problem.n_formulas,
                    "equivalent": not tells.any(),
                }
            )
    return rows


def are_equivalent(one: EvaluateProgram, other: EvaluateProgram, tables: ReachableTables) -> bool:
    """Whether two programs give the same answer on every formula."""
    return bool((program_answers(one, tables) == program_answers(other, tables)).all())


def class_rows(
    chosen: Bool[np.ndarray, " table"], tables: ReachableTables, column: str
) -> list[Row]:
    """Count the chosen tables' formulas by class; ``column`` names the count."""
    satisfiable = tables.is_satisfiable
    members = (~satisfiable, satisfiable, np.ones_like(satisfiable))
    counts = [tables.count(chosen & of_class) for of_class in members]
    totals = [tables.count(of_class) for of_class in members]
    rates = [count / total if total else None for count, total in zip(counts, totals, strict=True)]
    both = [rate for rate in rates[:2] if rate is not None]
    return [
        {
            "class": name,
            column: count,
            "formulas": total,
            "rate": rate,
            "balanced_rate": sum(both) / 2 if name == "all" and len(both) == 2 else None,
        }
        for name, count, total, rate in zip(CLASSES, counts, totals, rates, strict=True)
    ]
