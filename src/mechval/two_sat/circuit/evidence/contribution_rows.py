"""Tables of what clauses add to one neuron's pre-activation.

Source: PAPER.md section 2, circuit evidence ("how one neuron evaluates").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.contributions import (
    GROUPS,
    Contributions,
    clause_positions,
    contribution_batches,
    neuron_assignments,
)
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.problem import Problem

FORMULAS = 4_096
"""Formulas whose clauses fill the histograms: with ten clauses 40 960 points per head."""
BINS = 40


@dataclass(frozen=True)
class PreactivationRow:
    """A part of the pre-activation, over the ``n`` formulas where it is above 0, or is not."""

    part: str = tables.told()
    is_active: bool = tables.told()
    n: int = tables.count("N", of="formulas")
    formulas: int = tables.told()
    mean: float = tables.number()
    sd: float = tables.number("standard deviation")


@dataclass(frozen=True)
class HistogramRow:
    """How many clauses of each group lie in a bin; the bins of all groups are the same."""

    head: int = tables.told()
    quantity: Literal["numerator", "denominator"] = tables.told()
    low: float = tables.number()
    high: float = tables.number()
    n: int = tables.told("clauses of all groups")
    clauses: Mapping[str, int] = tables.count()


PREACTIVATION_PARTS = tables.Table("circuit/evidence/preactivation_parts.csv", PreactivationRow)
HISTOGRAMS = tables.Table("circuit/evidence/contribution_histograms.csv", HistogramRow)


def shown_neuron(circuit: Circuit) -> int:
    """The neuron that is taken apart: that of the first reading with the largest effect."""
    reading = next(iter(circuit.readings.values()))
    return int(reading.neurons[circuit.effects.effect[reading.neurons].argmax()])


@torch.inference_mode()
def contribution_tables(
    model: Transformer, problem: Problem, circuit: Circuit, split: Split, device: torch.device
) -> dict[tables.Table[Any], list[Any]]:
    """Take the shown neuron apart, on the first formulas of ``split``."""
    reading = next(iter(circuit.readings.values()))
    row = reading.neurons == shown_neuron(circuit)
    batches = contribution_batches(
        model,
        problem,
        split.first(FORMULAS),
        reading.neurons[row],
        neuron_assignments(reading)[row],
        device,
    )
    found = Contributions.concatenate(list(batches))
    parsed, others = clause_positions(problem)
    numerator = found.numerator[:, :, parsed, 0].transpose(1, 2).flatten(0, 1)
    denominator = found.denominator[:, :, parsed].transpose(1, 2).flatten(0, 1)
    groups = found.violated.flatten()
    return {
        PREACTIVATION_PARTS: _part_rows(found, parsed, others),
        HISTOGRAMS: [
            *_histogram_rows("numerator", numerator, groups),
            *_histogram_rows("denominator", denominator, groups),
        ],
    }


def _part_rows(
    found: Contributions, parsed: list[int], others: list[int]
) -> list[PreactivationRow]:
    heads = range(found.denominator.shape[1])
    names = [
        "residual and bias",
        *(f"head {head}, clauses" for head in heads),
        *(f"head {head}, other positions" for head in heads),
    ]
    by_head = [found.parts(parsed)[..., 0], found.parts(others)[..., 0]]
    parts = torch.cat([found.constant, *by_head], dim=1)
    is_active = parts.sum(dim=1) > 0
    return [
        PreactivationRow(
            name,
            active,
            int(chosen.sum()),
            len(parts),
            mean=float(values[chosen].mean()),
            sd=float(values[chosen].std(correction=0)),
        )
        for name, values in zip(names, parts.T, strict=True)
        for active, chosen in ((False, ~is_active), (True, is_active))
        if chosen.any()
    ]


def _histogram_rows(
    quantity: Literal["numerator", "denominator"],
    values: Float[Tensor, "clause head_index"],
    groups: Int[Tensor, " clause"],
) -> list[HistogramRow]:
    """Equal bins that span all groups, for every head."""
    rows = []
    for head, points in enumerate(values.T):
        edges = np.histogram_bin_edges(points.numpy(), BINS).tolist()
        counts = {
            GROUPS[group]: np.histogram(points[groups == group].numpy(), edges)[0].tolist()
            for group in groups.unique().tolist()
        }
        for bin, (low, high) in enumerate(pairwise(edges)):
            clauses = {group: count[bin] for group, count in counts.items()}
            rows.append(HistogramRow(head, quantity, low, high, len(points), clauses))
    return rows
