"""How well trees of several sizes and disjunctions describe single neurons. Deviation D3."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval import tables
from mechval.two_sat.circuit.extract import Reading
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.programs import evaluate

LEAVES = (2, 4, 16)
"""Sizes of the trees, besides the circuit's own and unlimited ones."""
DISJUNCTION = "disjunction"


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


@dataclass(frozen=True)
class LabelledTables:
    """Formulas of one split as distinct truth tables, and neurons' bits on them."""

    tables: evaluate.TruthTableCounts
    bits: Bool[np.ndarray, "formula neuron"]


def label_tables(
    reading: Reading,
    truth: Bool[np.ndarray, "formula assignment"],
    hidden: Float[Tensor, "formula neuron"],
) -> LabelledTables:
    """Read the activations of a reading's neurons as bits."""
    return LabelledTables(
        evaluate.TruthTableCounts.of(truth), (hidden >= reading.levels.cut).numpy()
    )


@dataclass(frozen=True)
class ReadingPrograms:
    """One program per neuron, and the same before pruning."""

    program: evaluate.TreeProgram | evaluate.DisjunctionProgram
    unpruned: evaluate.TreeProgram | evaluate.DisjunctionProgram
    in_circuit: bool


def reading_programs(
    reading: Reading, fit: LabelledTables, *, max_leaves: int, seed: int
) -> dict[str, ReadingPrograms]:
    """Programs by name: trees fitted on the fitting split, and the circuit's own programs.
    ``max_leaves``: what the circuit's trees were fitted with."""
    programs: dict[str, ReadingPrograms] = {}
    for leaves in (*sorted({*LEAVES, max_leaves}), None):
        in_circuit = leaves == max_leaves
        trees = (
            reading.trees
            if in_circuit
            else evaluate.fit_trees(fit.tables, fit.bits, max_leaves=leaves, seed=seed)
        )
        name = f"trees-{leaves or 'unlimited'}"
        programs[name] = ReadingPrograms(trees.program, trees.unpruned, in_circuit)
    programs[DISJUNCTION] = ReadingPrograms(reading.disjunctions, reading.disjunctions, True)
    return programs


def coverage_rows(
    name: ReadingName, programs: Mapping[str, ReadingPrograms], n_assignments: int
) -> list[CoverageRow]:
    return [
        CoverageRow(
            name,
            label,
            fitted.in_circuit,
            n_assignments,
            covered_pruned=len(fitted.program.covered()),
            covered_unpruned=len(fitted.unpruned.covered()),
        )
        for label, fitted in programs.items()
    ]


def quality_rows(
    name: ReadingName,
    reading: Reading,
    programs: Mapping[str, ReadingPrograms],
    test: LabelledTables,
) -> list[QualityRow]:
    distinct = torch.from_numpy(test.tables.distinct)
    predicted = {
        label: fitted.program.bits(distinct).numpy()[test.tables.index]
        for label, fitted in programs.items()
    }
    return [
        QualityRow(
            reading=name,
            neuron=neuron,
            n=len(test.bits),
            on=int(test.bits[:, row].sum()),
            predicted={label: int(bits[:, row].sum()) for label, bits in predicted.items()},
            both={
                label: int((bits[:, row] & test.bits[:, row]).sum())
                for label, bits in predicted.items()
            },
        )
        for row, neuron in enumerate(reading.neurons.tolist())
    ]
