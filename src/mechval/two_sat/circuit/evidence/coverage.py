"""How many assignments trees of several sizes and disjunctions name (deviation D3), and how well
they describe the neurons."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool

from mechval import tables
from mechval.two_sat.circuit.extract import Reading
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.programs import evaluate
from mechval.two_sat.programs.disjunctions import DisjunctionProgram

LEAVES = (2, 4, 16)
"""Sizes of the trees, besides the circuit's own and unlimited ones."""
DISJUNCTION = "disjunction"
_Program: TypeAlias = evaluate.TreeProgram | DisjunctionProgram


@dataclass(frozen=True)
class CoverageRow:
    """How many assignments the programs of one kind name, over all neurons of a reading.
    ``in_circuit``: whether the circuit holds these programs. ``covered_unpruned``: counted on the
    trees before redundant splits are pruned (D3)."""

    reading: ReadingName = tables.told()
    program: str = tables.told()
    in_circuit: bool = tables.told()
    assignments: int = tables.told()
    covered_pruned: int = tables.told()
    covered_unpruned: int = tables.told()


@dataclass(frozen=True)
class QualityRow:
    """How often a neuron's programs and its bit are on, on the test formulas. ``on``: formulas on
    which the bit is 1. ``predicted``: by program, formulas on which the program is 1. ``both``: by
    program, formulas on which both are."""

    reading: ReadingName = tables.told()
    neuron: int = tables.told()
    n: int = tables.told("N")
    on: int = tables.count()
    predicted: Mapping[str, int] = tables.count()
    both: Mapping[str, int] = tables.count()

    def f1(self, program: str) -> float:
        """F1 of the value 1; 1 where neither is ever on."""
        on = self.predicted[program] + self.on
        return 2 * self.both[program] / on if on else 1.0


COVERAGE = tables.Table("circuit/evidence/coverage.csv", CoverageRow)
PROGRAM_QUALITY = tables.Table("circuit/evidence/program_quality.csv", QualityRow)


Labelled: TypeAlias = tuple[evaluate.TruthTableCounts, Bool[np.ndarray, "_ neuron"]]
"""Formulas of one split as distinct truth tables, and neurons' bits on them."""


def program_rows(
    name: ReadingName,
    reading: Reading,
    fit: Labelled,
    test: Labelled,
    *,
    max_leaves: int,
    seed: int,
) -> tuple[list[CoverageRow], list[QualityRow]]:
    """Rows of the circuit's own programs, whose trees have ``max_leaves``, and of trees of other
    sizes fitted on the fitting split."""
    programs: dict[str, tuple[_Program, _Program]] = {}
    for leaves in (*sorted({*LEAVES, max_leaves}), None):
        trees = reading.trees
        if leaves != max_leaves:
            trees = evaluate.fit_trees(*fit, max_leaves=leaves, seed=seed)
        programs[f"trees-{leaves or 'unlimited'}"] = trees.program, trees.unpruned
    programs[DISJUNCTION] = reading.disjunctions, reading.disjunctions
    own, n_bits = (f"trees-{max_leaves}", DISJUNCTION), fit[0].distinct.shape[1]
    coverage = [
        CoverageRow(
            name, label, label in own, n_bits, len(program.covered()), len(unpruned.covered())
        )
        for label, (program, unpruned) in programs.items()
    ]
    tables, bits = test
    distinct = torch.from_numpy(tables.distinct)
    predicted = {
        label: program.bits(distinct).numpy()[tables.index]
        for label, (program, _) in programs.items()
    }
    return coverage, _quality_rows(name, reading, predicted, bits)


def _quality_rows(
    name: ReadingName,
    reading: Reading,
    predicted: Mapping[str, Bool[np.ndarray, "formula neuron"]],
    bits: Bool[np.ndarray, "formula neuron"],
) -> list[QualityRow]:
    return [
        QualityRow(
            reading=name,
            neuron=neuron,
            n=len(bits),
            on=int(bits[:, row].sum()),
            predicted={label: int(found[:, row].sum()) for label, found in predicted.items()},
            both={label: int(found[bits[:, row], row].sum()) for label, found in predicted.items()},
        )
        for row, neuron in enumerate(reading.neurons.tolist())
    ]
