"""Interval arithmetic for the checker: two arrays of ends, moved outward by what rounding may cost.

Matrices are split by sign, so that each end is one product of its own; γ_n = n u / (1 - n u) with
u = 2^-53 bounds the relative error of n operations (Higham, chapter 3).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

UNIT = 2.0**-53
_LEAST = 1e-300


@dataclass(frozen=True, eq=False)
class Interval:
    """All numbers from ``low`` to ``high``, entry by entry."""

    low: Float[np.ndarray, "*shape"]
    high: Float[np.ndarray, "*same_shape"]

    @property
    def size(self) -> Float[np.ndarray, "*shape"]:
        """Largest absolute values."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def middle(self) -> Float[np.ndarray, "*shape"]:
        """A number in between."""
        return (self.low + self.high) / 2

    def __getitem__(self, index: Any) -> "Interval":
        return Interval(self.low[index], self.high[index])

    def __neg__(self) -> "Interval":
        return Interval(-self.high, -self.low)

    def __add__(self, other: "Interval") -> "Interval":
        return outward(self.low + other.low, self.high + other.high, 2)

    def __sub__(self, other: "Interval") -> "Interval":
        return self + -other

    def __mul__(self, other: "Interval") -> "Interval":
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return outward(np.minimum.reduce(ends), np.maximum.reduce(ends), 2)

    def by(self, matrix: "Interval") -> "Interval":
        """Matrix product."""
        centre = matrix.middle
        positive, negative = np.maximum(centre, 0), np.minimum(centre, 0)
        low = self.low @ positive + self.high @ negative
        high = self.high @ positive + self.low @ negative
        aside = np.maximum(matrix.high - centre, centre - matrix.low) * (1 + 8 * UNIT)
        rounding = gamma(2 * centre.shape[-2] + 8)
        wide = self.size @ (aside + rounding * np.abs(centre)) * (1 + 2.0**-36) + _LEAST
        return Interval(low - wide, high + wide)

    def total(self, axis: int) -> "Interval":
        """Sum along an axis."""
        wide = gamma(self.low.shape[axis] + 2) * self.size.sum(axis) * (1 + 2.0**-36)
        return Interval(self.low.sum(axis) - wide, self.high.sum(axis) + wide)

    def exp(self) -> "Interval":
        """Exponentials, of an ``exp`` that is good to 4 units in the last place."""
        return outward(np.exp(self.low), np.exp(self.high), 8)

    def positive_part(self) -> "Interval":
        """ReLU."""
        return Interval(np.maximum(self.low, 0), np.maximum(self.high, 0))

    def inverse(self) -> "Interval":
        """Inverses of positive numbers; no upper end where they may not be positive."""
        with np.errstate(divide="ignore"):
            high = np.where(self.low > 0, 1 / self.low, np.inf)
        return outward(1 / self.high, high, 2)

    @property
    def turned(self) -> "Interval":
        """The axes in reverse."""
        return Interval(self.low.T, self.high.T)

    def laid(self, *shape: int) -> "Interval":
        """Laid out anew."""
        return Interval(self.low.reshape(shape), self.high.reshape(shape))


def outward(low: np.ndarray, high: np.ndarray, units: int) -> Interval:
    """Both ends moved by some units of their last place."""
    moved = (units * UNIT * np.abs(end) * 2 + _LEAST for end in (low, high))
    return Interval(low - next(moved), high + next(moved))


def point(values: np.ndarray) -> Interval:
    """Stored numbers."""
    exact = values.astype(np.float64)
    return Interval(exact, exact)


def joined(parts: list[Interval]) -> Interval:
    """Intervals along a new first axis."""
    return Interval(np.stack([p.low for p in parts]), np.stack([p.high for p in parts]))


def gamma(n: int) -> float:
    """Relative error of n operations in sequence."""
    return n * UNIT / (1 - n * UNIT)
