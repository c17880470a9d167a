"""Bounds of columns over all formulas, without listing any.

A column is base + Σ_h (Σ_j w_j v_j) / (Σ_j w_j) over the sources j that head h attends. The sum of
weights lies between sums of extremes over clauses, its inverse y therefore in an interval, and
with y free there every clause position contributes by itself. The fewer the weights differ, the
less is lost: nothing where attention is an average. Shifting a head's values by a constant, added
to the base, changes nothing, as weights sum to one; half their range loses least.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.two_sat.certify.theorem import balls
from mechval.two_sat.certify.theorem.balls import Ball
from mechval.two_sat.certify.theorem.second_block import Sums


@dataclass(frozen=True, eq=False)
class Terms:
    """What each clause at each position adds to columns, at least and at most.

    Attributes:
        low: [position clause column].
        high: the same.
        base_low: what is added in any case, at least.
        base_high: at most.
        slack: what contamination and the rounding of these sums can change of any bound.
        least_mixture: the column at least, whatever mixture of its sources each head sees.
    """

    low: Float[Tensor, "position clause column"]
    high: Float[Tensor, "position clause column"]
    base_low: Float[Tensor, " column"]
    base_high: Float[Tensor, " column"]
    slack: Float[Tensor, " column"]
    least_mixture: Float[Tensor, " column"]

    @property
    def lowest(self) -> Float[Tensor, " column"]:
        """Lower bounds over all formulas."""
        return self.base_low - self.slack + self.low.amin(1).sum(0)

    @property
    def highest(self) -> Float[Tensor, " column"]:
        """Upper bounds over all formulas."""
        return self.base_high + self.slack + self.high.amax(1).sum(0)

    def lowest_where(
        self, falsified: Bool[Tensor, "assignment clause"]
    ) -> Float[Tensor, "assignment column"]:
        """Lower bounds over the formulas that each assignment satisfies."""
        found = torch.empty(len(falsified), self.low.shape[2], dtype=self.low.dtype)
        for row, clauses in zip(found, falsified, strict=True):
            row[:] = self.low[:, ~clauses].amin(1).sum(0)
        return self.base_low - self.slack + found

    def lowest_on(self, falsified: Bool[Tensor, "column clause"]) -> Float[Tensor, " column"]:
        """Lower bounds of each column over the formulas without a clause of its own set."""
        low = torch.where(falsified.T, torch.inf, self.low).amin(1)
        return self.base_low - self.slack + low.sum(0)

    def highest_off(self, falsified: Bool[Tensor, "column clause"]) -> Float[Tensor, " column"]:
        """Upper bounds over the formulas with at least one clause of its own set."""
        top = self.high.amax(1)
        one = torch.where(falsified.T, self.high, -torch.inf).amax(1)
        return self.base_high + self.slack + top.sum(0) + (one - top).amax(0)


def lay_out(sums: Sums, columns: Tensor | slice) -> Terms:
    """Terms of some columns."""
    return terms_of(
        sums,
        sums.base[columns],
        sums.value[..., columns],
        sums.fixed_value[..., columns],
        sums.moved[columns],
    )


def differences(sums: Sums, first: int, others: list[int]) -> Terms:
    """Terms of one column less each of some others."""
    rest = torch.tensor(others)
    kept = torch.full_like(rest, first)
    return terms_of(
        sums,
        sums.base[kept] - sums.base[rest],
        sums.value[..., kept] - sums.value[..., rest],
        sums.fixed_value[..., kept] - sums.fixed_value[..., rest],
        sums.moved[kept] + sums.moved[rest],
    )


def clause_shares(sums: Sums) -> tuple[Tensor, Tensor]:
    """Least and largest share of a clause in each head, on any formula."""
    low, high = _shares(sums, sums.weight)
    return low.amin((1, 2)), high.amax((1, 2))


def terms_of(sums: Sums, base: Ball, value: Ball, fixed: Ball, moved: Tensor) -> Terms:
    """Terms of columns with this base, these values and this contamination."""
    gauge = (value.mid.amin((1, 2)) + value.mid.amax((1, 2))) / 2
    shifted = value - balls.exact(gauge[:, None, None])
    settled = fixed - balls.exact(gauge[:, None])
    share_low, share_high = _shares(sums, sums.weight)
    low, high = _products(shifted, share_low[..., None], share_high[..., None])
    fixed_low, fixed_high = _products(
        settled, *(share[..., None] for share in _shares(sums, sums.fixed_weight))
    )
    size = torch.maximum(low.abs(), high.abs()).sum(0).amax(1).sum(0)
    size = size + torch.maximum(fixed_low.abs(), fixed_high.abs()).sum((0, 1))
    size = size + base.mid.abs() + base.rad + gauge.abs().sum(0) + moved
    n_operations = 64 + value.mid.shape[1] + gauge.shape[0] * (8 + fixed.mid.shape[1])
    slack = balls.enlarged(balls.gamma(n_operations) * size + moved)
    settled_at = gauge.sum(0)
    return Terms(
        low.sum(0),
        high.sum(0),
        base.lower + settled_at + fixed_low.sum((0, 1)),
        base.upper + settled_at + fixed_high.sum((0, 1)),
        slack if sums.rounds else torch.zeros_like(slack),
        _least_mixture(base, value, fixed, moved),
    )


def _least_mixture(base: Ball, value: Ball, fixed: Ball, moved: Tensor) -> Tensor:
    least = torch.minimum(value.lower.amin((1, 2)), fixed.lower.amin(1))
    parts = torch.cat([base.lower[None], -balls.enlarged(moved)[None], least])
    return parts.sum(0) - balls.gamma(len(parts) + 2) * parts.abs().sum(0)


def _shares(sums: Sums, weight: Ball) -> tuple[Tensor, Tensor]:
    """Attention that each source gets, at least and at most."""
    least = sums.weight.least.amin(2).sum(1) + sums.fixed_weight.least.sum(1)
    most = sums.weight.upper.amax(2).sum(1) + sums.fixed_weight.upper.sum(1)
    shape = [-1] + [1] * (weight.mid.ndim - 1)
    low = weight.least / most.reshape(shape) * (1 - 2.0**-38)
    return low, weight.upper / least.reshape(shape) * (1 + 2.0**-38)


def _products(value: Ball, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest product of a value and a share, both within their bounds."""
    least, most = value.lower, value.upper
    return (
        torch.where(least >= 0, least * low, least * high),
        torch.where(most >= 0, most * high, most * low),
    )
