"""What the hidden neurons write to the ``s`` logit, how they are read, what they
respond to."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from mechval import tables
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.mean_activations import mean_activation_by_assignment
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
    means = mean_activation_by_assignment(hidden, truth_tables)
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
