"""How a neuron evaluates: what each clause adds to its pre-activation, head by head.

The pre-activation is b_in plus the residual stream's share plus, for every head of block 1, a
softmax-weighted sum over positions. Each position adds ``exp(score)`` to the head's denominator and
``exp(score)`` times its value along the neuron's input weights to the numerator. Source: PAPER.md
section 2, circuit evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.progress import track
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.recording import answer_attention
from mechval.two_sat.circuit.extract import Reading
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, encode_formulas
from mechval.two_sat.formulas.truth_tables import clause_truth_tables, unpack_truth_tables
from mechval.two_sat.network.activations import BATCH_SIZE
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem

GROUPS = ("violates none", "violates some", "violates all")
"""Clauses by how many of the neuron's assignments they violate; ``some`` is neither."""


@dataclass(frozen=True)
class Contributions:
    """One batch's pre-activations in parts, in float64 on the CPU.

    ``constant``: residual stream before block 1's attention along the input weights, plus b_in.
    ``numerator``: per position; its sum over positions, divided by the denominator's, is a head's
    part of the pre-activation. ``denominator``: per position, the same for all neurons.
    ``violated``: for each clause position and neuron, an index into ``GROUPS``.
    """

    constant: Float[Tensor, "batch neuron"]
    numerator: Float[Tensor, "batch head_index pos neuron"]
    denominator: Float[Tensor, "batch head_index pos"]
    violated: Int[Tensor, "batch clause_position neuron"]

    @classmethod
    def concatenate(cls, batches: "Sequence[Contributions]") -> "Contributions":
        """Several batches as one."""
        return cls(*(torch.cat([getattr(b, field.name) for b in batches]) for field in fields(cls)))

    def parts(self, positions: list[int]) -> Float[Tensor, "batch head_index neuron"]:
        """What some positions add to the pre-activation."""
        total = self.denominator.sum(dim=-1)[..., None]
        return self.numerator[:, :, positions].sum(dim=2) / total


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
    tables = unpack_truth_tables(clause_truth_tables(problem), problem.n_variables)
    n_violated = (~torch.from_numpy(tables)).long() @ assignments.long().T
    return (n_violated > 0).long() + (n_violated == assignments.sum(dim=1)).long()


def contribution_batches(
    model: Transformer,
    problem: Problem,
    split: Split,
    neurons: Int[Tensor, " neuron"],
    assignments: Bool[Tensor, "neuron assignment"],
    device: torch.device,
) -> Iterator[Contributions]:
    """Take the pre-activations of neurons apart; iterate under ``inference_mode``. ``assignments``:
    those that each neuron stands for."""
    components = Components(model, problem)
    groups = violation_groups(problem, assignments)
    for first in track(range(0, len(split), BATCH_SIZE), "contributions to neurons"):
        clause_ids = torch.from_numpy(split.clause_ids[first : first + BATCH_SIZE].astype(np.int64))
        resid = components.parse(encode_formulas(problem, clause_ids.to(device)))
        yield _take_apart(model, resid, neurons.to(device), groups[clause_ids])


def clause_positions(problem: Problem) -> tuple[list[int], list[int]]:
    """Positions where clauses are parsed, and all others."""
    layout = FormulaLayout(problem)
    parsed = list(layout.second_literal_positions)
    return parsed, [position for position in range(layout.n_ctx) if position not in parsed]


def _take_apart(
    model: Transformer,
    resid: Float[Tensor, "batch pos d_model"],
    neurons: Int[Tensor, " neuron"],
    violated: Int[Tensor, "batch clause_position neuron"],
) -> Contributions:
    attn, mlp = model.block(1).attn, model.block(1).mlp
    weights = mlp.W_in[:, neurons]
    along = torch.einsum("hde,hef,fn->hdn", attn.W_V, attn.W_O, weights)
    values = torch.einsum("bpd,hdn->bhpn", resid, along).double().cpu()
    denominator = answer_attention(model, resid).scores.double().cpu().exp()
    return Contributions(
        constant=(resid[:, -1] @ weights + mlp.b_in[neurons]).double().cpu(),
        numerator=denominator[..., None] * values,
        denominator=denominator,
        violated=violated,
    )
