"""Every limit is there once, and a value on its wrong side is MISSED."""

import pytest

from mechval.errors import MechvalError
from mechval.reporting.paper_comparison import Measured
from mechval.two_sat.report.paper_values import BY_KEY
from mechval.two_sat.report.targets import FRONT, TARGETS, Target

PARSE = next(target for target in TARGETS if target.key == "trees/prefix replaceability/parse")
NONE = next(target for target in TARGETS if target.quantity == "count")
ACCURACY = next(target for target in TARGETS if target.comparison == "at least")


def test_a_target_has_one_limit() -> None:
    assert len({(target.about, target.name) for target in TARGETS}) == len(TARGETS)
    assert PARSE.limit == 0.005
    assert FRONT.limit == 0.05


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_paper_s_number_for_a_target_is_known(target: Target) -> None:
    assert target.printed in BY_KEY


@pytest.mark.parametrize(
    ("target", "value", "count", "verdict"),
    [
        (PARSE, 0.005, 370, "met"),
        (PARSE, 0.0051, 380, "**MISSED**"),
        (NONE, 3.74e-5, 0, "met"),
        (NONE, 5.9e-5, 1, "**MISSED**"),
        (ACCURACY, 0.999, 99_900, "met"),
        (ACCURACY, 0.9989, 99_890, "**MISSED**"),
    ],
)
def test_a_limit_is_kept_or_missed(target: Target, value: float, count: int, verdict: str) -> None:
    values = {target.key: Measured(value, count, 80_000)}
    assert target.verdict(values) == verdict


def test_a_target_is_shown_with_its_count_and_bound() -> None:
    values = {PARSE.key: Measured(0.00386, 280, 80_000), NONE.key: Measured(3.74e-5, 0, 80_000)}
    assert PARSE.shown(values).text == "0.00386 (280 of 80,000)"
    assert NONE.shown(values).text == "0 of 80,000"
    assert (PARSE.bound, NONE.bound, ACCURACY.bound) == ("≤ 0.005", "≤ 0", "≥ 0.999")


def test_a_target_that_is_not_measured_is_refused() -> None:
    with pytest.raises(MechvalError, match="has no measured"):
        PARSE.verdict({})
