"""Null distributions on a toy of 200 numbers: every ε, and so every p-value, is known."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mechval.axioms import Estimate, Interpretation, clopper_pearson_upper
from mechval.axioms.nulls import (
    LARGEST,
    NULLS,
    NullCell,
    NullRow,
    compare_with_nulls,
    null_distribution,
    refuse_few,
)
from mechval.errors import MechvalError
from tests.unit.axioms import toy

NUMBERS = torch.arange(toy.N)
CLAIM = toy.make_toy()


def network(wrong: int) -> Callable[[], Interpretation]:
    """A network whose first component is wrong on so many numbers."""

    def parse(number: Tensor) -> Tensor:
        bit = toy.negated_on(toy.parity(number), number, torch.arange(wrong))
        return torch.stack([number, bit], dim=1)

    return lambda: toy.with_map(CLAIM, "concrete", 0, parse)


def refusing() -> Interpretation:
    raise MechvalError("there is nothing to fit; allowed: something.")


def rows_of(makers: dict[str, Callable[[], Interpretation]]) -> dict[tuple[str, str], NullRow]:
    rows = null_distribution(CLAIM, makers, NUMBERS, level=1 / (1 + len(makers)))
    return {(row.cell, row.component): row for row in rows}


def test_the_p_value_counts_null_networks_that_do_as_well() -> None:
    """The claim is wrong on 7 numbers behind parse, behind output on 14 more."""
    rows = rows_of({f"wrong on {k}": network(k) for k in (0, 7, 8, 30)})
    row = rows["prefix equivalence", "parse"]
    assert (row.disagreements, row.networks, row.as_good, row.unfitted) == (toy.a, 4, 2, 0)
    assert row.p == 3 / 5
    bounds = [clopper_pearson_upper(k, toy.N, 0.95) for k in (0, 7, 8, 30)]
    assert (row.least, row.largest) == pytest.approx((bounds[0], bounds[-1]))
    assert row.median == pytest.approx((bounds[1] + bounds[2]) / 2)
    worst = rows[LARGEST, "all"]
    assert (worst.disagreements, worst.as_good) == (toy.a + toy.b + toy.c, 2)
    assert worst.largest == pytest.approx(clopper_pearson_upper(30 + 14, toy.N, 0.95))


def test_a_claim_that_no_null_network_reaches_has_the_least_p_value() -> None:
    rows = rows_of({f"wrong on {k}": network(k) for k in (20, 30, 40)})
    assert rows["prefix equivalence", "parse"].p == 1 / 4
    assert rows[LARGEST, "all"].p == 1 / 4
    # what a component does by itself does not depend on the one before it
    assert rows["component equivalence", "evaluate"].p == 1


def test_the_claim_on_its_own_network_again_is_no_evidence() -> None:
    rows = rows_of({f"again {k}": lambda: CLAIM for k in range(2)})
    assert {row.p for row in rows.values()} == {1.0}


def test_a_network_without_a_claim_counts_as_the_worst_and_is_told() -> None:
    rows = rows_of({"as good": network(7), "worse": network(8), "empty": refusing})
    assert {row.unfitted for row in rows.values()} == {1}
    assert {row.largest for row in rows.values()} == {1.0}
    assert rows["prefix equivalence", "parse"].as_good == 1


def test_a_table_says_what_was_found(tmp_path: Path) -> None:
    rows = null_distribution(CLAIM, {"one": network(8)}, NUMBERS, level=0.5)
    NULLS.write(rows, tmp_path)
    assert [row.p for row in NULLS.read(tmp_path)] == [row.p for row in rows]


@pytest.mark.parametrize(("level", "needed"), [(0.05, 19), (0.01, 99), (0.3, 3)])
def test_too_few_networks_are_refused(level: float, needed: int) -> None:
    refuse_few(needed, level)
    makers = {str(k): network(k) for k in range(needed - 1)}
    expected = (
        f"the null distribution has {needed - 1} networks; allowed: at least {needed}, without "
        f"which no p-value can be {level:g}"
    )
    with pytest.raises(MechvalError, match=expected):
        null_distribution(CLAIM, makers, NUMBERS[:10], level=level)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_level_that_is_no_p_value_is_refused(level: float) -> None:
    with pytest.raises(MechvalError, match=r"level=.* is not allowed; allowed: strictly between"):
        null_distribution(CLAIM, {}, NUMBERS, level=level)


def test_networks_are_ordered_by_rate_where_their_samples_differ() -> None:
    """ε of 1 in 10 is above that of 15 in 100, but it disagrees less often."""

    def cell(disagreements: int, n: int, network: str) -> NullCell:
        return NullCell(
            **vars(Estimate.of(disagreements, n, 0.95)),
            family=network and "null",
            network=network,
            interpretation="claim",
            component="part",
            cell="interchange",
            refusal="",
        )

    own = cell(1, 10, "")
    nulls = [cell(15, 100, "worse"), cell(9, 100, "better")]
    assert own.epsilon > nulls[0].epsilon
    rows = [*compare_with_nulls([own], nulls, level=0.5)]
    assert [row.as_good for row in rows] == [1, 1]
