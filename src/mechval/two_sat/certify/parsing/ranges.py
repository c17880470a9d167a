"""Ranges over all choices of the earlier clauses: of pre-activations, and through the MLP.

Over a range that does not cross 0 a ReLU neuron is linear. Over one that does, it is replaced by
one linear function below its effect: a functional that it pushes up is bounded from below by 0 or
by the pre-activation itself, whichever loses less area; one that it pushes down, by the chord (the
ReLU is convex).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mechval.two_sat.certify.parsing.first_block import FirstBlock
from mechval.two_sat.certify.parsing.rounding import RoundingBounds, rounding_bounds
from mechval.two_sat.certify.parsing.softmax_fractions import Fraction, Prefix, Query, minimise

Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Ranges:
    """What numbers are at least and at most, one by one."""

    lower: Float[np.ndarray, "*shape"]
    upper: Float[np.ndarray, "*shape"]

    @property
    def is_unstable(self) -> Bool[np.ndarray, "*shape"]:
        """Which may have either sign: of pre-activations, neurons that may be on or off."""
        return (self.lower < 0) & (self.upper > 0)

    @property
    def size(self) -> Float[np.ndarray, "*shape"]:
        """The largest absolute values."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    def each(self, change: Change) -> "Ranges":
        """Both ends picked or laid out anew."""
        return Ranges(change(self.lower), change(self.upper))

    def split(self, into: Callable[[np.ndarray], Sequence[np.ndarray]]) -> tuple["Ranges", ...]:
        """Both ends taken apart alike."""
        pairs = zip(into(self.lower), into(self.upper), strict=True)
        return tuple(Ranges(lower, upper) for lower, upper in pairs)


@dataclass(frozen=True, eq=False)
class LinearBound:
    """``functional`` of the residual stream before the MLP plus ``constant``: below the target."""

    functional: Float[np.ndarray, "d_model target"]
    constant: Float[np.ndarray, " target"]


def free(fraction: Fraction) -> Fraction:
    """Nothing is known of the earlier clauses."""
    return fraction


def attention_ranges(
    query: Query,
    cases: Sequence[tuple[int | None, Prefix]],
    neurons: Int[np.ndarray, " some"] | None = None,
    restrict: Callable[[Fraction], Fraction] = free,
) -> Ranges:
    """The exact range of each head's part in the pre-activations, [case head_index neuron].

    ``neurons`` are those asked for, if not all; ``restrict`` is what is known of the earlier
    clauses, beside those that a case fixes.
    """
    weights = query.block.W_in if neurons is None else query.block.W_in[:, neurons]
    both = np.concatenate([weights, -weights], axis=1)
    bounds = [minimise(restrict(fraction)).bound for fraction in query.fractions(cases, both)]
    lower, negated = np.split(np.stack(bounds, axis=1), 2, axis=2)
    return Ranges(lower, -negated)


def pre_activation_ranges(
    query: Query, attention: Ranges, case: int, rounding: RoundingBounds
) -> Ranges:
    """Ranges of whole pre-activations in one case, widened by what rounding can have cost."""
    fixed = query.resid @ query.block.W_in + query.block.b_in
    return Ranges(
        fixed + attention.lower[case].sum(axis=0, dtype=np.float64) - rounding.pre_activation,
        fixed + attention.upper[case].sum(axis=0, dtype=np.float64) + rounding.pre_activation,
    )


def residual_ranges(
    query: Query,
    cases: Sequence[int | None],
    functionals: Float[np.ndarray, "d_model functional"],
    restrict: Callable[[Fraction], Fraction] = free,
) -> Ranges:
    """Ranges of functionals of the residual stream after block 0, [case functional].

    Arguments are as for `attention_ranges`; a case is None for a token other than a second literal.
    """
    rounding = rounding_bounds(query)
    open_cases: list[tuple[int | None, Prefix]] = [(own, ()) for own in cases]
    attention = attention_ranges(query, open_cases, restrict=restrict)
    both = np.concatenate([functionals, -functionals], axis=1)
    bounds = []
    for index, case in enumerate(open_cases):
        ranges = pre_activation_ranges(query, attention, index, rounding)
        bound = bound_after_mlp(query.block, ranges, both)
        fractions = query.fractions([case], bound.functional)
        minima = [minimise(restrict(fraction)).bound[0] for fraction in fractions]
        seen = np.sum(minima, axis=0, dtype=np.float64)
        bounds.append(seen + bound.constant + query.resid @ bound.functional)
    lower, negated = np.split(np.stack(bounds) - rounding.of(both), 2, axis=1)
    return Ranges(lower, -negated)


def bound_after_mlp(
    block: FirstBlock, ranges: Ranges, targets: Float[np.ndarray, "d_model target"]
) -> LinearBound:
    """Bound functionals of the residual stream after the MLP from below."""
    always_on, unstable = ranges.lower >= 0, ranges.is_unstable
    effect = block.W_out @ targets
    slope, offset = _below_relu(
        effect[unstable], ranges.lower[unstable, None], ranges.upper[unstable, None]
    )
    functional = targets + block.W_in[:, always_on] @ effect[always_on]
    constant = block.b_in[always_on] @ effect[always_on] + block.b_in[unstable] @ slope
    return LinearBound(
        functional + block.W_in[:, unstable] @ slope,
        constant + offset.sum(axis=0) + block.b_out @ targets,
    )


def _below_relu(
    effect: Float[np.ndarray, "neuron target"],
    lower: Float[np.ndarray, "neuron 1"],
    upper: Float[np.ndarray, "neuron 1"],
) -> tuple[Float[np.ndarray, "neuron target"], Float[np.ndarray, "neuron target"]]:
    """Slope and offset of a line at or below ``effect * relu(z)`` from lower < 0 to upper > 0."""
    slope = effect * np.where(effect < 0, upper / (upper - lower), upper > -lower)
    # At both ends of the chord; what rounding the slope costs is part of the numerical error.
    ends = np.minimum(-slope * lower, effect * upper - slope * upper)
    return slope, np.where(effect < 0, ends, 0.0)
