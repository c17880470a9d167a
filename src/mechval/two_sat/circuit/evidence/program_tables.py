"""How well trees of several sizes and disjunctions describe single neurons.

Source: PAPER.md section 2, circuit evidence, and deviation D3.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from mechval.reporting.tables import Row
from mechval.two_sat.circuit.evidence.record import Evidence, Fact
from mechval.two_sat.circuit.extract import Reading
from mechval.two_sat.circuit.neurons import NeuronEffects
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.programs.evaluate import (
    DisjunctionProgram,
    TreeProgram,
    TruthTableCounts,
    fit_trees,
)

LEAVES: dict[str, int | None] = {
    "trees-2": 2,
    "trees-4": 4,
    "trees-16": 16,
    "trees-unlimited": None,
}
"""Programs by name and their leaves; None: as many as there are distinct truth tables."""

DISJUNCTION = "disjunction"


@dataclass(frozen=True)
class LabelledTables:
    """Formulas of one split as distinct truth tables, and neurons' bits on them."""

    tables: TruthTableCounts
    bits: Bool[np.ndarray, "formula neuron"]


def program_evidence(
    name: ReadingName,
    reading: Reading,
    effects: NeuronEffects,
    fit: LabelledTables,
    test: LabelledTables,
    seed: int,
) -> Evidence:
    """Coverage and F1 of trees of several sizes and of the disjunctions, for one reading.

    Trees are fitted on the fitting split; F1 is measured on the test split.
    """
    fitted = {
        label: fit_trees(fit.tables, fit.bits, max_leaves=leaves, seed=seed)
        for label, leaves in LEAVES.items()
    }
    coverage: list[Row] = [
        _coverage_row(name, label, trees.program, trees.unpruned, test)
        for label, trees in fitted.items()
    ]
    coverage.append(_coverage_row(name, DISJUNCTION, reading.disjunctions, None, test))
    distinct = torch.from_numpy(test.tables.distinct)
    predicted = {label: trees.program.bits(distinct).numpy() for label, trees in fitted.items()}
    predicted[DISJUNCTION] = reading.disjunctions.bits(distinct).numpy()
    quality = [
        row
        for label, bits in predicted.items()
        for row in _quality_rows(name, label, reading, effects, bits[test.tables.index], test)
    ]
    return Evidence(
        {"coverage": coverage, "program_quality": quality},
        {**_coverage_facts(coverage), **_quality_facts(name, quality)},
    )


def f1_score(
    predicted: Bool[np.ndarray, "formula neuron"], bits: Bool[np.ndarray, "formula neuron"]
) -> Float[np.ndarray, " neuron"]:
    """F1 of the value ``on``, per neuron; 1 where neither is ever on.

    >>> f1_score(np.array([[True], [True], [False]]), np.array([[True], [False], [False]]))
    array([0.66666667])
    """
    on_in_both = (predicted & bits).sum(axis=0)
    on = predicted.sum(axis=0) + bits.sum(axis=0)
    return np.where(on > 0, 2 * on_in_both / np.maximum(on, 1), 1.0)


def _coverage_row(
    name: ReadingName,
    label: str,
    program: TreeProgram | DisjunctionProgram,
    unpruned: TreeProgram | None,
    test: LabelledTables,
) -> Row:
    return {
        "reading": name,
        "program": label,
        "assignments": test.tables.distinct.shape[1],
        "covered_pruned": len(program.covered()),
        "covered_unpruned": len((unpruned or program).covered()),
    }


def _quality_rows(
    name: ReadingName,
    label: str,
    reading: Reading,
    effects: NeuronEffects,
    predicted: Bool[np.ndarray, "formula neuron"],
    test: LabelledTables,
) -> list[Row]:
    scores = f1_score(predicted, test.bits)
    wrong = (predicted != test.bits).sum(axis=0)
    return [
        {
            "reading": name,
            "program": label,
            "neuron": neuron,
            "max_effect": float(effects.effect[neuron]),
            "f1": float(scores[row]),
            "disagreements": int(wrong[row]),
            "n": len(test.bits),
        }
        for row, neuron in enumerate(reading.neurons.tolist())
    ]


def _coverage_facts(rows: list[Row]) -> dict[str, Fact]:
    return {
        f"coverage.{row['reading']}.{row['program']}.missed_{count}": Fact(
            float(str(row["assignments"])) - float(str(row[f"covered_{count}"]))
        )
        for row in rows
        for count in ("pruned", "unpruned")
    }


def _quality_facts(name: ReadingName, rows: list[Row]) -> dict[str, Fact]:
    facts = {}
    for label in (*LEAVES, DISJUNCTION):
        chosen = [row for row in rows if row["program"] == label]
        scores = [float(str(row["f1"])) for row in chosen]
        n = int(str(chosen[0]["n"]))
        facts[f"f1.{name}.{label}.mean"] = Fact(float(np.mean(scores)), n)
        facts[f"f1.{name}.{label}.smallest"] = Fact(min(scores), n)
    return facts
