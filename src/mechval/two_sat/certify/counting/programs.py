"""Abstract programs on every formula: exact errors and exact distances.

A program that reads a formula's truth table alone is the same on all formulas of one table, so
the reachable tables with their numbers of formulas are the whole input space. A program that
reads anything else of a formula, as the voting program reads how often its clauses occur, is no
function of the table and cannot be counted here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool

from mechval import tables
from mechval.two_sat.formulas.truth_tables import ReachableTables
from mechval.two_sat.interpretation import any_bit
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
