"""Ranges of every pre-activation over all choices of the earlier clauses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mechval.two_sat.certify.fractional import minimise
from mechval.two_sat.certify.query import Prefix, Query
from mechval.two_sat.certify.relaxation import Ranges
from mechval.two_sat.certify.rounding import RoundingBounds


@dataclass(frozen=True, eq=False)
class AttentionRanges:
    """What attention adds to every pre-activation, at least and at most (float32), per case."""

    lower: Float[np.ndarray, "case head_index neuron"]
    upper: Float[np.ndarray, "case head_index neuron"]


def attention_ranges(
    query: Query,
    cases: Sequence[tuple[int | None, Prefix]],
    neurons: Int[np.ndarray, " some"] | None = None,
) -> AttentionRanges:
    """The exact range of each head's part in the pre-activations of all neurons, or of some."""
    weights = query.block.W_in if neurons is None else query.block.W_in[:, neurons]
    both = np.concatenate([weights, -weights], axis=1)
    bounds = [minimise(fraction).bound for fraction in query.fractions(cases, both)]
    lower, negated = np.split(np.stack(bounds, axis=1), 2, axis=2)
    return AttentionRanges(lower, -negated)


def pre_activation_ranges(
    query: Query, attention: AttentionRanges, rounding: RoundingBounds
) -> Ranges:
    """Ranges of whole pre-activations, widened by what rounding can have cost."""
    fixed = query.resid @ query.block.W_in + query.block.b_in
    return Ranges(
        fixed + attention.lower.sum(axis=1, dtype=np.float64) - rounding.pre_activation,
        fixed + attention.upper.sum(axis=1, dtype=np.float64) + rounding.pre_activation,
    )
