"""Ranges of every pre-activation over all choices of the earlier clauses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mechval.two_sat.certify.parsing.fractional import minimise
from mechval.two_sat.certify.parsing.query import Fraction, Prefix, Query
from mechval.two_sat.certify.parsing.relaxation import Ranges, bound_after_mlp
from mechval.two_sat.certify.parsing.rounding import RoundingBounds, rounding_bounds


@dataclass(frozen=True, eq=False)
class AttentionRanges:
    """What attention adds to every pre-activation, at least and at most (float32), per case."""

    lower: Float[np.ndarray, "case head_index neuron"]
    upper: Float[np.ndarray, "case head_index neuron"]


def free(fraction: Fraction) -> Fraction:
    """Nothing is known of the earlier clauses."""
    return fraction


def attention_ranges(
    query: Query,
    cases: Sequence[tuple[int | None, Prefix]],
    neurons: Int[np.ndarray, " some"] | None = None,
    restrict: Callable[[Fraction], Fraction] = free,
) -> AttentionRanges:
    """The exact range of each head's part in the pre-activations of all neurons, or of some.

    Args:
        query: the asking token.
        cases: own clause and fixed earlier clauses.
        neurons: which, if not all.
        restrict: what is known of the earlier clauses.
    """
    weights = query.block.W_in if neurons is None else query.block.W_in[:, neurons]
    both = np.concatenate([weights, -weights], axis=1)
    bounds = [minimise(restrict(fraction)).bound for fraction in query.fractions(cases, both)]
    lower, negated = np.split(np.stack(bounds, axis=1), 2, axis=2)
    return AttentionRanges(lower, -negated)


def pre_activation_ranges(
    query: Query, attention: AttentionRanges, case: int, rounding: RoundingBounds
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
) -> tuple[Float[np.ndarray, "case functional"], Float[np.ndarray, "case functional"]]:
    """Ranges of functionals of the residual stream after block 0, for each own clause.

    Args as for `attention_ranges`; a case is None for a token other than a second literal.
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
    return lower, -negated
