"""The tolerance curve against plain counting, and its two ends."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mechval.axioms import clopper_pearson_upper
from mechval.two_sat.claim.variants.tolerance import tolerance_curve

N_NEURONS = 6
DISTANCES = st.lists(st.integers(0, N_NEURONS), min_size=1, max_size=40).map(torch.tensor)


def counts(distances: torch.Tensor) -> list[int]:
    rows = tolerance_curve(distances, N_NEURONS, tags={}, confidence=0.95)
    return [row.disagreements for row in rows]


@given(DISTANCES)
def test_each_tolerance_counts_the_samples_beyond_it(distances: torch.Tensor) -> None:
    expected = [int((distances > tolerance).sum()) for tolerance in range(N_NEURONS + 1)]
    assert counts(distances) == expected


def test_distances_may_be_floats_as_the_suite_keeps_them() -> None:
    distances = torch.tensor([0.0, 2.0, 6.0], dtype=torch.float64)
    assert counts(distances) == [2, 2, 1, 1, 1, 1, 0]


def test_rows_carry_the_bound_of_their_count() -> None:
    rows = tolerance_curve(
        torch.tensor([0, 0, 1, 3]),
        N_NEURONS,
        tags={"version": "trees"},
        confidence=0.9,
    )
    assert [row.tolerance for row in rows] == list(range(N_NEURONS + 1))
    assert (rows[0].disagreements, rows[0].rate) == (2, 0.5)
    assert rows[0].epsilon == pytest.approx(clopper_pearson_upper(2, 4, 0.9))
    assert rows[-1].disagreements == 0
