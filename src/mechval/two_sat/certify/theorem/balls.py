"""Numbers with a radius: a midpoint in float64 and how far the exact value may lie from it.

Every operation adds to the radius what its own rounding can cost, bounded beforehand: a sum of n
products is off by at most γ_n = n u / (1 - n u) times the same sum of absolute values, whatever
the order, with u = 2^-53. Radii are themselves rounded; they are enlarged by more than that.

Source: Higham, Accuracy and Stability of Numerical Algorithms, chapter 3; Rump, Verification
methods, section 9 (midpoint-radius arithmetic).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

UNIT = 2.0**-53
_ENLARGED, _TINY = 1 + 2.0**-38, 1e-290


@dataclass(frozen=True, eq=False)
class Ball:
    """All numbers within ``rad`` of ``mid``, entry by entry."""

    mid: Float[Tensor, "*shape"]
    rad: Float[Tensor, "*same_shape"]

    @property
    def lower(self) -> Float[Tensor, "*shape"]:
        """At or below every number."""
        return self.mid - enlarged(self.rad + 2 * UNIT * self.mid.abs())

    @property
    def least(self) -> Float[Tensor, "*shape"]:
        """The same of numbers that cannot be negative."""
        return self.lower.clamp(min=0)

    @property
    def upper(self) -> Float[Tensor, "*shape"]:
        """At or above every number."""
        return self.mid + enlarged(self.rad + 2 * UNIT * self.mid.abs())

    def __add__(self, other: "Ball") -> "Ball":
        mid = self.mid + other.mid
        return Ball(mid, enlarged(self.rad + other.rad + UNIT * mid.abs()))

    def __neg__(self) -> "Ball":
        return Ball(-self.mid, self.rad)

    def __sub__(self, other: "Ball") -> "Ball":
        return self + -other

    def __mul__(self, other: "Ball") -> "Ball":
        mid = self.mid * other.mid
        rad = self.mid.abs() * other.rad + self.rad * (other.mid.abs() + other.rad)
        return Ball(mid, enlarged(rad + UNIT * mid.abs()))

    def __matmul__(self, other: "Ball") -> "Ball":
        sizes, others = self.mid.abs(), other.mid.abs()
        rounding = gamma(self.mid.shape[-1] + 2)
        rad = sizes @ (other.rad + rounding * others) + self.rad @ (others + other.rad)
        return Ball(self.mid @ other.mid, enlarged(rad))

    def __getitem__(self, index: Any) -> "Ball":
        return Ball(self.mid[index], self.rad[index])

    def sum(self, dim: int) -> "Ball":
        """Sum along an axis."""
        rounding = gamma(self.mid.shape[dim]) * self.mid.abs().sum(dim)
        return Ball(self.mid.sum(dim), enlarged(self.rad.sum(dim) + rounding))

    def relu(self) -> "Ball":
        """Positive parts; exactly 0 where no number is positive."""
        return Ball(self.mid.clamp(min=0), torch.where(self.upper <= 0, 0.0, self.rad))

    def exp(self) -> "Ball":
        """Exponentials, of an ``exp`` that is good to 4 units in the last place."""
        return between(self.lower.exp() * (1 - 8 * UNIT), self.upper.exp() * (1 + 8 * UNIT))

    def widened(self, rad: Float[Tensor, "*same_shape"]) -> "Ball":
        """The same with a larger radius."""
        return Ball(self.mid, enlarged(self.rad + rad))

    def transposed(self) -> "Ball":
        """The last two axes exchanged."""
        return Ball(self.mid.transpose(-1, -2), self.rad.transpose(-1, -2))

    def reshape(self, *shape: int) -> "Ball":
        """Laid out anew."""
        return Ball(self.mid.reshape(shape), self.rad.reshape(shape))


def exact(values: Tensor) -> Ball:
    """Stored numbers, which are what they are."""
    mid = values.detach().cpu().double()
    return Ball(mid, torch.zeros_like(mid))


def stacked(parts: Sequence[Ball]) -> Ball:
    """Balls of one shape along a new first axis."""
    return Ball(torch.stack([p.mid for p in parts]), torch.stack([p.rad for p in parts]))


def between(lower: Float[Tensor, "*shape"], upper: Float[Tensor, "*same_shape"]) -> Ball:
    """All numbers from ``lower`` to ``upper``."""
    mid = lower + (upper - lower) / 2
    return Ball(mid, enlarged(torch.maximum(upper - mid, mid - lower) + 2 * UNIT * mid.abs()))


def reciprocal(positive: Ball) -> Ball:
    """Inverses of numbers that are all positive; without bounds where they are not."""
    lower, upper = positive.lower, positive.upper
    highest = torch.where(lower > 0, (1 + 4 * UNIT) / lower, torch.inf)
    return between((1 - 4 * UNIT) / upper, highest)


def gamma(n_operations: int) -> float:
    """γ_n: relative error of a sum of products after n operations in sequence."""
    return n_operations * UNIT / (1 - n_operations * UNIT)


def enlarged(rad: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """A radius that covers what rounding took from it (sums of fewer than 2^14 terms)."""
    return rad * _ENLARGED + _TINY
