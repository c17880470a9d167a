"""McNemar's exact test and Tango's interval: by counting, and against the definition."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm
from torch import Tensor

from mechval.axioms import AxiomReport
from mechval.axioms.paired import compare_disagreements, compare_pairs
from mechval.errors import MechvalError
from tests.unit.axioms import toy

N = 100


def vectors(only_first: int, only_second: int, both: int = 3, n: int = N) -> tuple[Tensor, Tensor]:
    first, second = torch.zeros(n, dtype=torch.bool), torch.zeros(n, dtype=torch.bool)
    first[: only_first + both] = True
    second[only_first : only_first + both + only_second] = True
    return first, second


def test_samples_are_counted_by_who_disagrees() -> None:
    found = compare_disagreements(*vectors(12, 9), 0.95)
    assert (found.n, found.only_first, found.only_second, found.both) == (N, 12, 9, 3)


def test_the_difference_is_that_of_the_rates() -> None:
    first, second = vectors(12, 9)
    expected = float(first.float().mean() - second.float().mean())
    assert compare_disagreements(first, second, 0.95).difference == pytest.approx(expected)


def test_the_p_value_is_that_of_a_fair_coin_on_the_uneven_samples() -> None:
    found = compare_disagreements(*vectors(12, 3), 0.95)
    at_least_as_uneven = sum(math.comb(15, k) for k in (*range(4), *range(12, 16)))
    assert found.p_value == pytest.approx(at_least_as_uneven / 2**15)


def test_equal_interpretations_do_not_differ() -> None:
    found = compare_disagreements(*vectors(0, 0), 0.95)
    assert (found.p_value, found.difference) == (1.0, 0.0)
    assert found.low < 0 < found.high


def test_a_worse_interpretation_is_found_out() -> None:
    found = compare_disagreements(*vectors(30, 4), 0.95)
    assert found.p_value < 1e-4
    assert found.low > 0


def test_a_difference_that_may_be_chance_is_left_open() -> None:
    found = compare_disagreements(*vectors(6, 5), 0.95)
    assert found.p_value == pytest.approx(1)
    assert found.low < 0 < found.high


def test_swapping_the_two_mirrors_the_interval() -> None:
    first, second = vectors(12, 3)
    one, other = (
        compare_disagreements(first, second, 0.95),
        compare_disagreements(second, first, 0.95),
    )
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_total_opposition_reaches_the_end_of_the_scale() -> None:
    found = compare_disagreements(*vectors(0, N, both=0), 0.95)
    assert (found.difference, found.low) == (-1.0, -1.0)
    assert -1 < found.high < -0.9


@pytest.mark.parametrize(("only_first", "only_second"), [(12, 9), (1, 0), (0, 7), (60, 20)])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_the_score_at_both_ends_is_the_quantile(
    only_first: int, only_second: int, confidence: float
) -> None:
    found = compare_disagreements(*vectors(only_first, only_second), confidence)
    scores = [score(only_first, only_second, end) for end in (found.low, found.high)]
    quantile = norm.ppf((1 + confidence) / 2)
    assert scores == pytest.approx([quantile, -quantile], rel=1e-4)


def score(only_first: int, only_second: int, difference: float) -> float:
    """The score by its definition, its nuisance rate by numeric maximum likelihood."""
    even = N - only_first - only_second

    def surprise(rate: float) -> float:
        rates = np.array([rate + difference, rate, 1 - 2 * rate - difference])
        counts = np.array([only_first, only_second, even])
        return -float((counts * np.log(np.maximum(rates, 1e-300)))[counts > 0].sum())

    bounds = (max(0, -difference), (1 - difference) / 2)
    rate = minimize_scalar(surprise, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    variance = (2 * rate + difference * (1 - difference)) / N
    return ((only_first - only_second) / N - difference) / math.sqrt(variance)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(300, [0.06, 0.02, 0.92], size=400)
    covered = 0
    for only_first, only_second, _ in counts.tolist():
        found = compare_disagreements(*vectors(only_first, only_second, 0, 300), 0.95)
        covered += found.low <= 0.04 <= found.high
    assert binomtest(covered, 400).proportion_ci(0.999).high >= 0.95


@pytest.mark.parametrize(
    ("lengths", "confidence", "named"),
    [((3, 4), 0.95, "3 and 4"), ((0, 0), 0.95, "0 and 0"), ((3, 3), 1.0, "confidence=1.0")],
)
def test_what_cannot_be_compared_is_refused(
    lengths: tuple[int, int], confidence: float, named: str
) -> None:
    first, second = (torch.zeros(length, dtype=torch.bool) for length in lengths)
    with pytest.raises(MechvalError, match=named):
        compare_disagreements(first, second, confidence)


def toy_reports() -> list[AxiomReport]:
    """The right toy, a copy of it and one whose last component of the program is inverted."""
    right, copy, wrong = (toy.make_toy(name) for name in ("right", "copy", "wrong"))
    wrong = toy.with_map(wrong, "abstract", 2, toy.negate)
    return [toy.evaluate_toy(made) for made in (right, copy, wrong)]


def test_every_two_reports_are_compared_once() -> None:
    rows = compare_pairs(toy_reports(), "component equivalence/output", 0.95)
    pairs = [(row.first, row.second) for row in rows]
    assert pairs == [("right", "copy"), ("right", "wrong"), ("copy", "wrong")]


def test_the_named_cell_is_compared_sample_by_sample() -> None:
    same, worse, _ = compare_pairs(toy_reports(), "component equivalence/output", 0.95)
    assert (same.only_first, same.only_second, same.both) == (0, 0, toy.c)
    assert (worse.only_first, worse.only_second) == (toy.c, toy.N - toy.c)


def test_a_cell_that_is_not_there_is_refused() -> None:
    with pytest.raises(MechvalError, match="cell 'parse' of 'right' is not there"):
        compare_pairs(toy_reports(), "parse", 0.95)


def test_a_p_value_that_is_not_that_of_its_counts_is_refused() -> None:
    found = compare_disagreements(*vectors(12, 3), 0.95)
    with pytest.raises(MechvalError, match=r"p_value=0\.5 does not follow from only_first=12"):
        replace(found, p_value=0.5)
