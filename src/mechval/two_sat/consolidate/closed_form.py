"""Bounds of every neuron over all ordered formulas, from tables, in closed form.

Attention weights of a head sum to 1, so its values may be shifted by a constant, which the base
takes up; half of their range makes the bounds tight. The denominator of a head lies between its
sums of smallest and of largest weights, and every term is bounded with the worse end of it. The
formula that attains the bound need not exist.

The cost is neurons × positions × clauses × heads: it is linear in the number of clauses.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.two_sat.consolidate.second_block import (
    SMALLEST_WEIGHT,
    SecondBlockTables,
    attention_weights,
)


@dataclass(frozen=True)
class NeuronBounds:
    """Pre-activations over all formulas.

    Attributes:
        lower: least where the neuron's assignment satisfies the formula.
        upper: greatest where it does not.
    """

    lower: Float[Tensor, " neuron"]
    upper: Float[Tensor, " neuron"]


def neuron_bounds(
    block: SecondBlockTables, falsified: Bool[Tensor, "clause neuron"]
) -> NeuronBounds:
    """Bound every neuron on every formula, differentiable.

    Args:
        block: the tables.
        falsified: whether the neuron's assignment falsifies the clause.
    """
    weights, colon_weight = attention_weights(block)
    least = (colon_weight + weights.amin(dim=-1).sum(dim=-1)).clamp(min=SMALLEST_WEIGHT)
    greatest = colon_weight + weights.amax(dim=-1).sum(dim=-1)
    values, colon_values, base = _centred(block)
    low = _term(weights, values, 1 / greatest, 1 / least)
    high = -_term(weights, -values, 1 / greatest, 1 / least)
    ends = torch.stack([1 / greatest, 1 / least])[..., None]
    own = colon_weight[:, None] * colon_values * ends
    lower = base + own.amin(dim=0).sum(dim=0) + low.masked_fill(falsified, torch.inf).amin(1).sum(0)
    anywhere = high.amax(dim=1)
    violated = high.masked_fill(~falsified, -torch.inf).amax(dim=1)
    upper = base + own.amax(dim=0).sum(dim=0) + anywhere.sum(0) + (violated - anywhere).amax(dim=0)
    return NeuronBounds(lower, upper)


def _centred(
    block: SecondBlockTables,
) -> tuple[
    Float[Tensor, "head_index clause_position clause neuron"],
    Float[Tensor, "head_index neuron"],
    Float[Tensor, " neuron"],
]:
    centre = (block.values.amin(dim=(1, 2)) + block.values.amax(dim=(1, 2))).detach() / 2
    return (
        block.values - centre[:, None, None],
        block.colon_values - centre,
        block.base + centre.sum(dim=0),
    )


def _term(
    weights: Float[Tensor, "head_index clause_position clause"],
    values: Float[Tensor, "head_index clause_position clause neuron"],
    smallest: Float[Tensor, " head_index"],
    largest: Float[Tensor, " head_index"],
) -> Float[Tensor, "clause_position clause neuron"]:
    """Least Σ_h w v y over each y between its ends: the smallest for v > 0, else the largest."""
    up = torch.einsum("hic,h,hick->ick", weights, smallest, values.relu())
    down = torch.einsum("hic,h,hick->ick", weights, largest, (-values).relu())
    return up - down
