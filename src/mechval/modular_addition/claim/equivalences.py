"""When two states made of cosines and sines count as the same.

A state holds, per part, K pairs of a cosine and a sine; its last axis is (cosine, sine).

Source: paper section 5; deviation D5 (the authors' rounded state has no equality, this one has).
"""

import math

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from mechval.axioms import Equivalence, n_differing

Waves = Float64[Tensor, "batch *part 2"]


def compared_waves(decimals: int | None, n_parts: int) -> Equivalence:
    """Every cosine and every sine is the same after rounding; None compares float64 as it is."""
    if decimals is None:
        return Equivalence("waves, unrounded", n_differing, n_parts=n_parts)

    def distance(found: Waves, expected: Waves) -> Int[Tensor, " batch"]:
        return n_differing(found.round(decimals=decimals), expected.round(decimals=decimals))

    return Equivalence(f"waves, rounded to {decimals} decimals", distance, n_parts=n_parts)


def nearest_angles(p: int, n_parts: int) -> Equivalence:
    """Every pair (cosine, sine) points to the same one of the p angles 2πn/p.

    The length of a pair does not matter, so a wave that is read off too weak still counts.
    """

    def distance(found: Waves, expected: Waves) -> Int[Tensor, " batch"]:
        return (_nearest_angle(found, p) != _nearest_angle(expected, p)).flatten(1).sum(dim=1)

    return Equivalence(f"nearest of the {p} angles", distance, n_parts=n_parts)


def _nearest_angle(state: Float64[Tensor, "*batch 2"], p: int) -> Int[Tensor, "*batch"]:
    angle = torch.atan2(state[..., 1], state[..., 0])
    return (angle * (p / (2 * math.pi))).round().long() % p
