"""Abstract programs on every formula: exact errors and exact distances.

A program that reads a formula's truth table alone is the same on all formulas of one table, so
the reachable tables with their numbers of formulas are the whole input space. A program that
reads anything else of a formula, as the voting program reads how often its clauses occur, is no
function of the table and cannot be counted here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int32, UInt64

from mechval import tables
from mechval.two_sat.formulas.truth_tables import (
    clause_truth_tables,
    count_truth_tables,
    unpack_truth_tables,
)
from mechval.two_sat.interpretation import any_bit
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import EvaluateProgram

CLASSES = ("unsatisfiable", "satisfiable")
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class ProgramError:
    """On how many formulas of a class, or of ``all`` alike, a program is wrong, exactly.

    The mean of the rates of both classes, ``balanced_rate``, stands beside ``all`` only.
    """

    program: str
    stratum: str = tables.told("formulas are")
    errors: int
    formulas: int
    rate: float | None = tables.number(unit="%")
    balanced_rate: float | None = tables.number(unit="%")


@dataclass(frozen=True, kw_only=True)
class ProgramDistance:
    """On how many formulas two programs differ, exactly; bits only if they have as many neurons.

    They are equivalent if no formula tells them apart.
    """

    program: str
    other: str
    on: Literal["answer", "bits"]
    differing: int
    formulas: int
    rate: float = tables.number(unit="%")
    equivalent: bool


PROGRAM_ERRORS = tables.Table("certify/programs.csv", ProgramError)
PROGRAM_DISTANCES = tables.Table("certify/program_distances.csv", ProgramDistance)
TABLES = (PROGRAM_ERRORS, PROGRAM_DISTANCES)


@dataclass(frozen=True)
class ReachableTables:
    """Every truth table that some formula has, with the exact number of its formulas.

    ``words`` ascend: the first is the unsatisfiable one where it is reachable. ``formulas`` are
    int64, or Python integers where the numbers do not fit.
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
        words = clause_truth_tables(self.problem)[:, 0]
        return np.stack([self._index(self.words & word) for word in words], axis=1)

    def count(self, chosen: Bool[np.ndarray, " table"]) -> int:
        """How many formulas have one of the chosen tables."""
        return int(self.formulas[chosen].sum())

    def _index(self, words: UInt64[np.ndarray, " word"]) -> Int32[np.ndarray, " word"]:
        index = np.searchsorted(self.words, words).clip(max=len(self.words) - 1)
        return np.where(self.words[index] == words, index, -1).astype(np.int32)


def reachable_tables(problem: Problem) -> ReachableTables:
    """Count the formulas of every reachable truth table.

    Raises MechvalError where there are too many tables for the memory, stating how many; or where
    a table exceeds one word.
    """
    counts = count_truth_tables(problem)
    return ReachableTables(problem, counts.tables, counts.formulas)


def program_bits(
    program: EvaluateProgram, reachable: ReachableTables
) -> Bool[np.ndarray, "table neuron"]:
    """One bit per neuron for every reachable table."""
    return program.bits(torch.from_numpy(reachable.truth)).numpy()


def program_errors(
    programs: Mapping[str, EvaluateProgram], reachable: ReachableTables
) -> list[ProgramError]:
    """Every program's answer against satisfiability, by class and on all formulas."""
    satisfiable, rows = reachable.is_satisfiable, []
    members = (~satisfiable, satisfiable, np.ones_like(satisfiable))
    for name, program in programs.items():
        answers = any_bit(torch.from_numpy(program_bits(program, reachable))).bool().numpy()
        rates: list[float | None] = []
        for stratum, chosen in zip((*CLASSES, ALL), members, strict=True):
            errors = reachable.count((answers != satisfiable) & chosen)
            total = reachable.count(chosen)
            known = [rate for rate in rates if rate is not None]
            balanced = sum(known) / 2 if len(known) == 2 else None
            rates.append(errors / total if total else None)
            counts = {"errors": errors, "formulas": total, "rate": rates[-1]}
            rows.append(
                ProgramError(program=name, stratum=stratum, **counts, balanced_rate=balanced)
            )
    return rows


def program_distances(
    programs: Mapping[str, EvaluateProgram], reachable: ReachableTables
) -> list[ProgramDistance]:
    """Every two programs, on their answers and on their bits."""
    bits = {name: program_bits(program, reachable) for name, program in programs.items()}
    n_formulas, rows = reachable.problem.n_formulas, []
    for one, other in combinations(programs, 2):
        first, second = bits[one], bits[other]
        differing: dict[Literal["answer", "bits"], np.ndarray] = {
            "answer": first.any(axis=1) != second.any(axis=1)
        }
        if first.shape == second.shape:
            differing["bits"] = (first != second).any(axis=1)
        for on, tells in differing.items():
            found = reachable.count(tells)
            counts = {"differing": found, "formulas": n_formulas, "rate": found / n_formulas}
            pair, equal = {"program": one, "other": other, "on": on}, not tells.any()
            rows.append(ProgramDistance(**pair, **counts, equivalent=equal))
    return rows
