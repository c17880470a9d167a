"""What the hidden neurons write to the ``s`` logit, how they are read, what they
respond to, and how well trees of several sizes and disjunctions describe them (deviation D3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval import tables
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.programs import disjunctions, evaluate
from mechval.two_sat.programs.trees import describe_tree


@dataclass(frozen=True)
class NeuronReading:
    """How one reading sees a neuron; a neuron that is read as no bit has no cut and no program.
    ``is_constant``: selected by the reading's rule, but refused because its bit never changes.
    ``cut``: activation from which the bit is 1. ``high``: activation that γ_2 writes for a bit of
    1. ``on_rate``: share of the fitting formulas on which the bit is 1. ``tree``: its decision tree
    in words. ``assignments``: those of its disjunction."""

    evaluates: bool = tables.told()
    is_constant: bool = tables.told()
    cut: float | None = tables.number(default=None)
    high: float | None = tables.number(default=None)
    on_rate: float | None = tables.rate(unit="%", default=None)
    tree: str | None = tables.told(default=None)
    assignments: tuple[int, ...] = tables.told(default=())

    @property
    def disjunction(self) -> str:
        """The disjunction in words; 0 if it has no assignment."""
        return " ∨ ".join(f"φ{assignment}" for assignment in self.assignments) or "0"


@dataclass(frozen=True)
class NeuronRow:
    """A hidden neuron of block 1, measured on the fitting split. ``coefficient``: weight on the
    ``s`` logit. ``effect``: largest activation times the size of the coefficient, in logits.
    ``effect_share``: of the sum over all neurons. ``is_carrying``: among the smallest set with 99.9
    % of that sum. ``reading``: by the reading's name."""

    neuron: int = tables.told()
    coefficient: float = tables.number()
    max_activation: float = tables.number()
    effect: float = tables.number(unit="logits")
    effect_share: float = tables.number("share", unit="%")
    is_carrying: bool = tables.told()
    reading: Mapping[str, NeuronReading] = tables.told()


@dataclass(frozen=True)
class MeanActivationRow:
    """Mean activation of a neuron over the fitting formulas that each assignment satisfies."""

    neuron: int = tables.told()
    mean_activation: Mapping[str, float] = tables.number()


@dataclass(frozen=True)
class AssignmentEffectRow:
    """Activation times coefficient, summed over all neurons, on the ``n`` satisfied formulas."""

    assignment: int = tables.told()
    total_effect: float = tables.number(unit="logits on s")
    n: int = tables.told("N")


NEURONS = tables.Table("circuit/neurons.csv", NeuronRow)
MEAN_ACTIVATIONS = tables.Table("circuit/mean_activations.csv", MeanActivationRow)
ASSIGNMENT_EFFECTS = tables.Table("circuit/evidence/assignment_effects.csv", AssignmentEffectRow)


def neuron_rows(circuit: Circuit) -> list[NeuronRow]:
    """Every hidden neuron, largest effect first."""
    effects = circuit.effects
    total = float(effects.effect.double().sum())
    carrying = set(effects.carrying().tolist())
    return [
        NeuronRow(
            neuron=neuron,
            coefficient=float(effects.coefficient[neuron]),
            max_activation=float(effects.max_activation[neuron]),
            effect=float(effects.effect[neuron]),
            effect_share=float(effects.effect[neuron]) / total,
            is_carrying=neuron in carrying,
            reading={
                name: _neuron_reading(reading, neuron) for name, reading in circuit.readings.items()
            },
        )
        for neuron in effects.effect.sort(descending=True, stable=True).indices.tolist()
    ]


def mean_activation_rows(circuit: Circuit) -> list[MeanActivationRow]:
    """One row per neuron that some reading reads as a bit, in index order."""
    means = {
        neuron: row
        for reading in circuit.readings.values()
        for neuron, row in zip(
            reading.neurons.tolist(), reading.mean_activation.tolist(), strict=True
        )
    }
    return [
        MeanActivationRow(neuron, {str(index): mean for index, mean in enumerate(means[neuron])})
        for neuron in sorted(means)
    ]


def assignment_effect_rows(
    circuit: Circuit,
    hidden: Float[Tensor, "formula d_mlp"],
    truth_tables: Bool[Tensor, "formula assignment"],
) -> list[AssignmentEffectRow]:
    means = disjunctions.mean_activation_by_assignment(hidden, truth_tables)
    effects = circuit.effects.coefficient.double() @ means.double()
    n_formulas = truth_tables.sum(dim=0).tolist()
    return [
        AssignmentEffectRow(assignment, effect, n)
        for assignment, (effect, n) in enumerate(zip(effects.tolist(), n_formulas, strict=True))
    ]


def _neuron_reading(reading: Reading, neuron: int) -> NeuronReading:
    rows = (reading.neurons == neuron).nonzero().flatten().tolist()
    if not rows:
        is_constant = neuron in reading.constant_neurons.tolist()
        return NeuronReading(evaluates=False, is_constant=is_constant)
    (row,) = rows
    return NeuronReading(
        evaluates=True,
        is_constant=False,
        cut=float(reading.levels.cut[row]),
        high=float(reading.levels.high[row]),
        on_rate=float(reading.on_rate[row]),
        tree=describe_tree(reading.trees.program.trees[row]),
        assignments=tuple(reading.disjunctions.assignments[row].nonzero().flatten().tolist()),
    )


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
    programs: dict[str, tuple[evaluate.NeuronPrograms, evaluate.NeuronPrograms]] = {}
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
