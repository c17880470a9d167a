"""Properties of the bounds, checked against exact binomial tails."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechval.axioms import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    disagreements_from_epsilon,
    label_entropy,
    mixture_upper,
)

# The machine may be busy: an example's duration says nothing.
unhurried = settings(deadline=None)

confidences = st.floats(0.5, 0.999)


def binomial_probability(count: int, n: int, rate: float) -> float:
    return math.comb(n, count) * rate**count * (1 - rate) ** (n - count)


def binomial_tail(count: int, n: int, rate: float) -> float:
    """Probability of at most ``count`` disagreements."""
    return math.fsum(binomial_probability(k, n, rate) for k in range(count + 1))


@unhurried
@given(st.integers(1, 10**6), st.data(), confidences)
def test_bounds_enclose_the_observed_rate(n: int, data: st.DataObject, confidence: float) -> None:
    count = data.draw(st.integers(0, n))
    lower = clopper_pearson_lower(count, n, confidence)
    upper = clopper_pearson_upper(count, n, confidence)
    assert 0 <= lower <= count / n <= upper <= 1


@unhurried
@given(st.integers(1, 10**6), st.data(), confidences)
def test_one_more_disagreement_raises_both_bounds(
    n: int, data: st.DataObject, confidence: float
) -> None:
    count = data.draw(st.integers(0, n - 1))
    for bound in (clopper_pearson_lower, clopper_pearson_upper):
        assert bound(count, n, confidence) < bound(count + 1, n, confidence)


@unhurried
@given(st.integers(1, 10**6), st.data(), confidences)
def test_more_agreeing_samples_lower_the_bound(
    n: int, data: st.DataObject, confidence: float
) -> None:
    count = data.draw(st.integers(0, n - 1))
    assert clopper_pearson_upper(count, n + 1, confidence) < clopper_pearson_upper(
        count, n, confidence
    )


@unhurried
@given(st.integers(1, 60), st.data(), confidences)
def test_at_the_upper_bound_so_few_disagreements_are_just_too_unlikely(
    n: int, data: st.DataObject, confidence: float
) -> None:
    count = data.draw(st.integers(0, n - 1))
    rate = clopper_pearson_upper(count, n, confidence)
    assert binomial_tail(count, n, rate) == pytest.approx(1 - confidence, rel=1e-6)


@unhurried
@given(st.integers(1, 60), st.data(), confidences)
def test_the_lower_bound_is_the_upper_bound_of_agreement(
    n: int, data: st.DataObject, confidence: float
) -> None:
    count = data.draw(st.integers(0, n))
    lower = clopper_pearson_lower(count, n, confidence)
    assert lower == pytest.approx(1 - clopper_pearson_upper(n - count, n, confidence), abs=1e-9)


@unhurried
@given(st.integers(1, 60), st.floats(0.001, 0.999), confidences)
def test_the_bound_covers_the_true_rate_as_often_as_promised(
    n: int, rate: float, confidence: float
) -> None:
    covered = math.fsum(
        binomial_probability(count, n, rate)
        for count in range(n + 1)
        if clopper_pearson_upper(count, n, confidence) >= rate
    )
    assert covered >= confidence - 1e-9


@unhurried
@given(st.integers(1, 8), st.integers(1, 8), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_mixture_bound_covers_the_mixed_rate_as_often_as_promised(
    n_first: int, n_second: int, first: float, second: float, weight: float
) -> None:
    weights = [weight, 1 - weight]
    mixed_rate = weight * first + (1 - weight) * second
    covered = math.fsum(
        binomial_probability(i, n_first, first) * binomial_probability(j, n_second, second)
        for i in range(n_first + 1)
        for j in range(n_second + 1)
        if mixture_upper([i, j], [n_first, n_second], weights, 0.95) >= mixed_rate - 1e-12
    )
    assert covered >= 0.95 - 1e-9


@unhurried
@given(st.integers(1, 10**6), st.data(), confidences)
def test_inverting_a_bound_gives_its_count(n: int, data: st.DataObject, confidence: float) -> None:
    count = data.draw(st.integers(0, n))
    epsilon = clopper_pearson_upper(count, n, confidence)
    assert disagreements_from_epsilon(epsilon, n, confidence) == count


@unhurried
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_entropy_lies_between_none_and_that_of_equal_labels(counts: list[int]) -> None:
    assert 0 <= label_entropy(counts) <= math.log2(len(counts)) + 1e-9
