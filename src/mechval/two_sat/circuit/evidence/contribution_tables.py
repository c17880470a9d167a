"""Tables of what clauses add to the neurons' pre-activations.

Source: PAPER.md section 2, circuit evidence ("how one neuron evaluates").
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.contributions import (
    GROUPS,
    Contributions,
    clause_positions,
    contribution_batches,
)
from mechval.two_sat.circuit.evidence.moments import Moments
from mechval.two_sat.circuit.evidence.record import Evidence, Fact
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.problem import Problem

FORMULAS = 4_096
"""Formulas whose clauses fill the histograms: with ten clauses 40 960 points per head."""
BINS = 40


@torch.inference_mode()
def contribution_evidence(
    model: Transformer, problem: Problem, circuit: Circuit, split: Split, device: torch.device
) -> Evidence:
    """Take apart the neurons of the circuit's first reading, on the first formulas of ``split``.

    The histograms are those of the neuron with the largest effect.
    """
    reading = next(iter(circuit.readings.values()))
    default = int(circuit.effects.effect[reading.neurons].argmax())
    sample = split.first(FORMULAS)
    collected = _Collected(problem, reading.neurons.tolist(), default, model.block(1).attn.n_heads)
    for batch in contribution_batches(model, problem, sample, reading, device):
        collected.add(batch)
    return Evidence(
        {
            "clause_contributions": collected.clause_rows(),
            "preactivation_parts": collected.part_rows(),
            "contribution_histograms": collected.histogram_rows(),
        },
        {"contributions.default_neuron": Fact(float(reading.neurons[default]), len(sample))},
    )


class _Collected:
    """What the batches add up to; ``default`` is a row of ``neurons``."""

    def __init__(self, problem: Problem, neurons: list[int], default: int, n_heads: int):
        self._neurons, self._default, self._n_heads = neurons, default, n_heads
        self._parsed, self._others = clause_positions(problem)
        self._numerator = Moments.empty(len(GROUPS), n_heads, len(neurons))
        self._denominator = Moments.empty(len(GROUPS), n_heads, len(neurons))
        self._parts = Moments.empty(2, 1 + 2 * n_heads, len(neurons))
        self._points: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, batch: Contributions) -> None:
        numerator = batch.numerator[:, :, self._parsed].transpose(1, 2)
        denominator = batch.denominator[:, :, self._parsed].transpose(1, 2)
        points = numerator.flatten(0, 1)
        weights = denominator.flatten(0, 1)[..., None].expand_as(points)
        violated = batch.violated.flatten(0, 1)[:, None].expand_as(points)
        for group in range(len(GROUPS)):
            self._numerator.add(group, points, violated == group)
            self._denominator.add(group, weights, violated == group)
        self._add_parts(batch)
        default = self._default
        own = (points[..., default].clone(), weights[..., default].clone())
        self._points.append((*own, batch.violated[..., default].flatten()))

    def clause_rows(self) -> list[Row]:
        return [
            {
                "neuron": self._neurons[neuron],
                "head": head,
                "group": GROUPS[group],
                "clauses": int(self._numerator.n[group, head, neuron]),
                **self._numerator.columns((group, head, neuron), "numerator_"),
                **self._denominator.columns((group, head, neuron), "denominator_"),
            }
            for neuron, head, group in self._numerator.n.permute(2, 1, 0).nonzero().tolist()
        ]

    def part_rows(self) -> list[Row]:
        heads = range(self._n_heads)
        names = [
            "residual and bias",
            *(f"head {head}, clauses" for head in heads),
            *(f"head {head}, other positions" for head in heads),
        ]
        return [
            {
                "neuron": self._neurons[neuron],
                "part": names[part],
                "is_active": bool(active),
                "n": int(self._parts.n[active, part, neuron]),
                **self._parts.columns((active, part, neuron)),
            }
            for neuron, part, active in self._parts.n.permute(2, 1, 0).nonzero().tolist()
        ]

    def histogram_rows(self) -> list[Row]:
        numerator, denominator, groups = (
            torch.cat(points) for points in zip(*self._points, strict=True)
        )
        return [
            {"neuron": self._neurons[self._default], "head": head, "quantity": quantity, **row}
            for quantity, values in (("numerator", numerator), ("denominator", denominator))
            for head in range(self._n_heads)
            for row in _histogram(values[:, head], groups)
        ]

    def _add_parts(self, batch: Contributions) -> None:
        by_head = [batch.parts(self._parsed), batch.parts(self._others)]
        parts = torch.cat([batch.constant[:, None], *by_head], dim=1)
        is_active = (parts.sum(dim=1, keepdim=True) > 0).expand_as(parts)
        self._parts.add(0, parts, ~is_active)
        self._parts.add(1, parts, is_active)


def _histogram(values: Float[Tensor, " clause"], groups: Int[Tensor, " clause"]) -> list[Row]:
    """Counts per group, over equal bins that span all groups."""
    edges = np.histogram_bin_edges(values.numpy(), BINS)
    return [
        {"group": GROUPS[group], "low": float(low), "high": float(high), "clauses": int(count)}
        for group in groups.unique().tolist()
        for low, high, count in zip(
            edges[:-1],
            edges[1:],
            np.histogram(values[groups == group].numpy(), edges)[0],
            strict=True,
        )
    ]
