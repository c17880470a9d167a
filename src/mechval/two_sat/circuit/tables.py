"""The circuit as plain rows for tables."""

from typing import Any

from mechval.reporting.tables import Row
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.neurons import EFFECT_SHARE
from mechval.two_sat.programs.trees import describe_tree


def neuron_rows(circuit: Circuit) -> list[Row]:
    """One row per hidden neuron that carries effect or is read as a bit, largest effect first."""
    effects = circuit.effects
    total = float(effects.effect.double().sum())
    chosen = set(effects.carrying().tolist())
    for reading in circuit.readings.values():
        chosen |= set(reading.neurons.tolist()) | set(reading.constant_neurons.tolist())
    ordered = sorted(chosen, key=lambda neuron: -float(effects.effect[neuron]))
    return [
        {
            "neuron": neuron,
            "coefficient": float(effects.coefficient[neuron]),
            "max_activation": float(effects.max_activation[neuron]),
            "effect": float(effects.effect[neuron]),
            "effect_share": float(effects.effect[neuron]) / total,
            **_bit_columns(circuit, neuron),
        }
        for neuron in ordered
    ]


def assignment_rows(circuit: Circuit) -> list[Row]:
    """Mean activation of every evaluating neuron over the formulas each assignment satisfies."""
    return [
        {
            "reading": name,
            "neuron": int(neuron),
            "assignment": assignment,
            "mean_activation": float(reading.mean_activation[row, assignment]),
            "in_disjunction": bool(reading.disjunctions.assignments[row, assignment]),
        }
        for name, reading in circuit.readings.items()
        for row, neuron in enumerate(reading.neurons)
        for assignment in range(reading.mean_activation.shape[1])
    ]


def attention_rows(circuit: Circuit) -> list[Row]:
    """Block 0's mean attention from each second literal to the two literals of its clause."""
    return [
        {"head": head, "clause": clause, "own_clause_attention": float(value)}
        for head, values in enumerate(circuit.own_clause_attention)
        for clause, value in enumerate(values)
    ]


def facts(circuit: Circuit) -> dict[str, Any]:
    """The circuit in a few numbers.

    ``smallest_mean_own_clause_attention`` is the least over clause positions of what the strongest
    head puts on the clause's own two literals, the same rule as in the report; heads are never
    added up, because each has attention of its own that sums to 1.
    """
    effects = circuit.effects
    carrying = effects.carrying()
    return {
        "effect_share": EFFECT_SHARE,
        "carrying_neurons": len(carrying),
        "carrying_neurons_with_negative_coefficient": int(
            (effects.coefficient[carrying] < 0).sum()
        ),
        "smallest_mean_own_clause_attention": float(circuit.own_clause_attention.amax(dim=0).min()),
        "readings": {name: _reading_facts(reading) for name, reading in circuit.readings.items()},
    }


def _reading_facts(reading: Reading) -> dict[str, Any]:
    return {
        "evaluating_neurons": len(reading.neurons),
        "constant_bits_refused": reading.constant_neurons.tolist(),
        "smallest_on_rate": float(reading.on_rate.min()),
        "largest_on_rate": float(reading.on_rate.max()),
        "assignments": reading.mean_activation.shape[1],
        "covered_by_trees": len(reading.trees.program.covered()),
        "covered_by_unpruned_trees": len(reading.trees.unpruned.covered()),
        "covered_by_disjunctions": len(reading.disjunctions.covered()),
    }


def _bit_columns(circuit: Circuit, neuron: int) -> dict[str, str | float | bool | None]:
    columns: dict[str, str | float | bool | None] = {}
    for name, reading in circuit.readings.items():
        rows = (reading.neurons == neuron).nonzero().flatten().tolist()
        row = rows[0] if rows else None
        columns |= {
            f"{name}.evaluates": row is not None,
            f"{name}.is_constant": neuron in reading.constant_neurons.tolist(),
            f"{name}.cut": None if row is None else float(reading.levels.cut[row]),
            f"{name}.high": None if row is None else float(reading.levels.high[row]),
            f"{name}.on_rate": None if row is None else float(reading.on_rate[row]),
            f"{name}.tree": None
            if row is None
            else describe_tree(reading.trees.program.trees[row]),
            f"{name}.disjunction": None if row is None else _disjunction(reading, row),
        }
    return columns


def _disjunction(reading: Reading, row: int) -> str:
    chosen = reading.disjunctions.assignments[row].nonzero().flatten().tolist()
    return " ∨ ".join(f"φ{assignment}" for assignment in chosen) or "0"
