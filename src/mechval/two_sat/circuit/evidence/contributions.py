"""How a neuron evaluates: what each clause adds to its pre-activation, head by head.

The pre-activation is b_in plus the residual stream's share plus, for every head of block 1, a
softmax-weighted sum over positions. Each position adds ``exp(score)`` to the head's denominator and
``exp(score)`` times its value along the neuron's input weights to the numerator. Source: paper
section 4 and appendix (circuit evidence: how one neuron evaluates).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval import tables
from mechval.progress import track
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, encode_formulas
from mechval.two_sat.formulas.truth_tables import clause_truth_tables, unpack_truth_tables
from mechval.two_sat.network.components import BATCH_SIZE, Components
from mechval.two_sat.problem import Problem

FORMULAS = 4_096
"""Formulas whose clauses fill the histograms: with ten clauses 40 960 points per head."""
BINS = 40
GROUPS = ("violates none", "violates some", "violates all")
"""Clauses by how many of the neuron's assignments they violate; ``some`` is neither."""


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


@dataclass(frozen=True)
class Contributions:
    """One batch's pre-activations in parts, in float64 on the CPU. ``constant``: residual stream
    before block 1's attention along the input weights, plus b_in. ``numerator``: per position; its
    sum over positions, divided by the denominator's, is a head's part of the pre-activation.
    ``violated``: an index into ``GROUPS``."""

    constant: Float[Tensor, "batch neuron"]
    numerator: Float[Tensor, "batch head_index pos neuron"]
    denominator: Float[Tensor, "batch head_index pos"]
    violated: Int[Tensor, "batch clause_position neuron"]

    def parts(self, positions: list[int]) -> Float[Tensor, "batch head_index neuron"]:
        """What some positions add to the pre-activation."""
        total = self.denominator.sum(dim=-1)[..., None]
        return self.numerator[:, :, positions].sum(dim=2) / total


def shown_neuron(circuit: Circuit) -> int:
    """The neuron that is taken apart: that of the first reading with the largest effect."""
    reading = next(iter(circuit.readings.values()))
    return int(reading.neurons[circuit.effects.effect[reading.neurons].argmax()])


def neuron_assignments(reading: Reading) -> Bool[Tensor, "neuron assignment"]:
    """The assignments a neuron stands for: its disjunction's, or the strongest if it has none."""
    chosen = reading.disjunctions.assignments.clone()
    strongest = reading.mean_activation.argmax(dim=1)
    rows = (~chosen.any(dim=1)).nonzero().flatten()
    chosen[rows, strongest[rows]] = True
    return chosen


def violation_groups(
    problem: Problem, assignments: Bool[Tensor, "neuron assignment"]
) -> Int[Tensor, "clause neuron"]:
    """For every distinct clause and neuron, an index into ``GROUPS``."""
    truth = unpack_truth_tables(clause_truth_tables(problem), problem.n_variables)
    n_violated = (~torch.from_numpy(truth)).long() @ assignments.long().T
    return (n_violated > 0).long() + (n_violated == assignments.sum(dim=1)).long()


def clause_positions(problem: Problem) -> tuple[list[int], list[int]]:
    """Positions where clauses are parsed, and all others."""
    layout = FormulaLayout(problem)
    parsed = list(layout.second_literal_positions)
    return parsed, [position for position in range(layout.n_ctx) if position not in parsed]


def contribution_batches(
    components: Components,
    split: Split,
    neurons: Int[Tensor, " neuron"],
    assignments: Bool[Tensor, "neuron assignment"],
) -> Iterator[Contributions]:
    """Take the pre-activations of neurons, which stand for ``assignments``, apart; iterate under
    ``inference_mode``."""
    model, groups = components.model, violation_groups(components.problem, assignments)
    attn, mlp = model.block(1).attn, model.block(1).mlp
    neurons = neurons.to(components.device)
    weights = mlp.W_in[:, neurons]
    along = torch.einsum("hde,hef,fn->hdn", attn.W_V, attn.W_O, weights)
    for first in track(range(0, len(split), BATCH_SIZE), "contributions to neurons"):
        clause_ids = torch.from_numpy(split.clause_ids[first : first + BATCH_SIZE].astype(np.int64))
        tokens = encode_formulas(components.problem, clause_ids.to(components.device))
        resid = components.parse(tokens)
        values = torch.einsum("bpd,hdn->bhpn", resid, along).double().cpu()
        scores = components.attend_from_answer(resid).scores[:, :, 0]
        denominator = scores.double().cpu().exp()
        yield Contributions(
            constant=(resid[:, -1] @ weights + mlp.b_in[neurons]).double().cpu(),
            numerator=denominator[..., None] * values,
            denominator=denominator,
            violated=groups[clause_ids],
        )


@torch.inference_mode()
def contribution_tables(
    components: Components, circuit: Circuit, split: Split
) -> dict[tables.Table[Any], list[Any]]:
    """Take the shown neuron apart, on the first formulas of ``split``."""
    reading = next(iter(circuit.readings.values()))
    row = reading.neurons == shown_neuron(circuit)
    chosen, assignments = reading.neurons[row], neuron_assignments(reading)[row]
    sample = split.first(FORMULAS)
    batches = list(contribution_batches(components, sample, chosen, assignments))
    found = Contributions(
        *(torch.cat(parts) for parts in zip(*(vars(b).values() for b in batches), strict=True))
    )
    parsed, others = clause_positions(components.problem)
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
