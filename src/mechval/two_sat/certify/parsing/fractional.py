"""Separable linear-fractional programmes: least value of (N_0 + Σ n_j(c_j)) / (D_0 + Σ d_j(c_j)).

Denominators are positive, so a number λ is at most every value of the fraction exactly if
N_0 - λ D_0 + Σ_j min_c (n_j(c) - λ d_j(c)) is not negative: that is what a checker evaluates.
Dinkelbach's iteration finds the largest such λ, and with it the choice that attains it.

Source: W. Dinkelbach, On Nonlinear Fractional Programming, Management Science 13 (1967).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mechval.two_sat.certify.parsing.query import Fraction

_MAX_ITERATIONS = 60
# Below a value by this share of the largest term, a bound survives another order of summation.
_SLACK = 2.0**-40


@dataclass(frozen=True, eq=False)
class Minimum:
    """Least values, one per case and functional.

    Attributes:
        bound: float32 at or below the least value, so that a float64 check of it succeeds.
        choice: the clause at each free position that attains it.
    """

    bound: Float[np.ndarray, "case functional"]
    choice: Int[np.ndarray, "case functional earlier"]


def minimise(fraction: Fraction) -> Minimum:
    """Find the least value of a fraction for every case and functional."""
    value = fraction.fixed_numerator / fraction.fixed_denominator[:, None]
    choice = np.full((*value.shape, len(fraction.denominator)), -1)
    for _ in range(_MAX_ITERATIONS):
        better = _minimisers(fraction, value)
        if (better == choice).all():
            break
        choice = better
        value = _values(fraction, choice)
    return Minimum(_below(fraction, value), choice)


def in_any_order(fraction: Fraction, clauses: Int[np.ndarray, " held"]) -> Fraction:
    """The fraction where these very clauses are held, each at a position of its choice.

    Positions may be chosen twice, so this allows more than all orders. A choice is a position.
    """
    return Fraction(
        fraction.fixed_numerator,
        fraction.fixed_denominator,
        fraction.numerator[:, :, clauses].swapaxes(1, 2),
        fraction.denominator[:, clauses].T,
    )


def _minimisers(
    fraction: Fraction, value: Float[np.ndarray, "case functional"]
) -> Int[np.ndarray, "case functional earlier"]:
    n_free = len(fraction.denominator)
    choice = np.empty((n_free, *value.shape), dtype=np.int64)
    for j in range(n_free):
        weight = fraction.denominator[j][:, None]
        for case, ratio in enumerate(value):
            shared = case % len(fraction.numerator)
            choice[j, case] = (fraction.numerator[shared, j] - weight * ratio).argmin(axis=0)
    return np.moveaxis(choice, 0, -1)


def _values(
    fraction: Fraction, choice: Int[np.ndarray, "case functional earlier"]
) -> Float[np.ndarray, "case functional"]:
    n_cases, n_functionals, n_free = choice.shape
    shared = (np.arange(n_cases) % len(fraction.numerator))[:, None]
    functional = np.arange(n_functionals)
    numerator = fraction.fixed_numerator.copy()
    denominator = np.repeat(fraction.fixed_denominator[:, None], n_functionals, axis=1)
    for j in range(n_free):
        numerator += fraction.numerator[shared, j, choice[..., j], functional]
        denominator += fraction.denominator[j][choice[..., j]]
    return numerator / denominator


def _below(
    fraction: Fraction, value: Float[np.ndarray, "case functional"]
) -> Float[np.ndarray, "case functional"]:
    largest = np.abs(fraction.fixed_numerator) / fraction.fixed_denominator[:, None]
    if len(fraction.denominator):
        ratios = np.abs(fraction.numerator) / fraction.denominator[..., None]
        largest = np.maximum(largest, ratios.max(axis=(1, 2)))
    lowered = (value - _SLACK * largest).astype(np.float32)
    return np.nextafter(lowered, np.float32(-np.inf))
