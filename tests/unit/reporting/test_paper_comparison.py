"""Verdicts on printed numbers: the rule, and that a wrong printed value comes out as differing."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.errors import MechvalError
from mechval.reporting import report
from mechval.reporting.paper_comparison import (
    COMPARISONS,
    NOT_MEASURED,
    Agreement,
    Measured,
    PrintedValue,
    compare,
    load_printed,
    paper_section,
    round_like,
)

HEADER = "key,quantity,kind,printed,n,count,deviation,source\n"


def epsilon(printed: str, key: str = "parse") -> PrintedValue:
    return PrintedValue(
        key=key,
        quantity="parse, replaceability",
        kind="epsilon",
        printed=Decimal(printed),
        n=80_001,
        count=None,
        deviation=None,
        source="Table 1",
    )


def number(printed: str, key: str = "parse") -> PrintedValue:
    return dataclasses.replace(epsilon(printed, key), kind="number", n=None)


def rate(count: int, n: int = 80_000) -> Measured:
    return Measured(count / n, count, n)


def verdict(published: PrintedValue, measured: Measured) -> Agreement:
    return compare([published], {published.key: measured})[0].verdict


def test_a_count_that_chance_explains_agrees() -> None:
    assert verdict(epsilon("0.0418"), rate(3_234)) is Agreement.AGREES


def test_a_count_that_chance_does_not_explain_is_close_within_a_tenth() -> None:
    assert verdict(epsilon("0.0418"), rate(3_500)) is Agreement.CLOSE


def test_a_wrong_printed_value_differs() -> None:
    assert verdict(epsilon("0.0518"), rate(3_234)) is Agreement.DIFFERS


def test_no_disagreement_agrees_with_no_disagreement_and_not_with_many() -> None:
    assert verdict(epsilon("3.74e-5"), rate(0)) is Agreement.AGREES
    assert verdict(epsilon("3.74e-5"), rate(40)) is Agreement.DIFFERS


@pytest.mark.parametrize(
    ("printed", "value", "expected"),
    [
        ("0.0209", 0.02094, Agreement.AGREES),
        ("0.0209", 0.0208, Agreement.CLOSE),
        ("34", 34.0, Agreement.AGREES),
        ("34", 41.0, Agreement.DIFFERS),
        ("6e-6", 5.6e-6, Agreement.AGREES),
    ],
)
def test_a_number_agrees_at_its_printed_digits(
    printed: str, value: float, expected: Agreement
) -> None:
    assert verdict(number(printed), Measured(float(value))) is expected


def test_more_rows_make_the_same_difference_weaker_evidence() -> None:
    alone = compare([epsilon("0.0418")], {"parse": rate(3_050)})[0]
    others = [epsilon("0.0418", f"other {index}") for index in range(9)]
    measured = {row.key: rate(3_251) for row in others} | {"parse": rate(3_050)}
    together = compare([epsilon("0.0418"), *others], measured)[0]
    assert alone.p is not None
    assert together.p == pytest.approx(10 * alone.p)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_corrected_p_are_probabilities_and_keep_their_order(counts: list[int]) -> None:
    rows = [epsilon("0.01", str(index)) for index in range(len(counts))]
    found = compare(rows, {str(i): rate(count, 10_000) for i, count in enumerate(counts)})
    alone = [compare([item.published], {item.published.key: item.measured})[0].p for item in found]
    p = [item.p for item in found]
    assert all(value is not None and 0 <= value <= 1 for value in p)
    order = sorted(range(len(p)), key=lambda index: alone[index] or 0)
    assert [p[index] for index in order] == sorted(value or 0 for value in p)


def test_the_interval_holds_the_rate() -> None:
    found = compare([epsilon("0.0418")], {"parse": rate(3_234)})[0]
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 3_234 / 80_000 < found.upper


def test_a_row_without_a_measured_value_is_refused() -> None:
    with pytest.raises(MechvalError, match="no measured value for 'parse'"):
        compare([epsilon("0.0418")], {})


def test_a_rate_without_its_count_is_refused() -> None:
    with pytest.raises(MechvalError, match="'parse' has no count"):
        compare([epsilon("0.0418")], {"parse": Measured(0.04)})


def test_a_comparison_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    measured = {"parse": rate(3_250), "size": Measured(34.0)}
    rows = compare([epsilon("0.0418"), number("34", "size")], measured, {"parse": rate(10)})
    COMPARISONS.write(rows, tmp_path)
    read = COMPARISONS.read(tmp_path)
    assert [row.calibrated for row in read] == [rate(10), NOT_MEASURED]
    assert [(row.published, row.measured) for row in read] == [
        (row.published, row.measured) for row in rows
    ]


def test_the_section_shows_counts_and_what_is_not_measured() -> None:
    section = paper_section(compare([epsilon("0.0418")], {"parse": rate(3_250)}), ["log/1"])
    page = report.render_markdown("Page", [section], "mechval.reporting")
    assert "1 agrees. Rates:" in page
    assert "| parse, replaceability | 0.0418 | 0.0406 (3,250 of 80,000) | " in page
    assert "**Not measured in this run:** log/1." in page


def test_each_epsilon_is_held_against_the_published_one_in_its_own_column() -> None:
    rows = compare([epsilon("0.0418")], {"parse": rate(3_500)}, {"parse": rate(10)})
    page = report.render_markdown("Page", [paper_section(rows)], "mechval.reporting")
    header, _, row = (line.split(" | ") for line in page.splitlines() if line.startswith("|"))
    stands = dict(zip(header, row, strict=True))
    assert stands["measured against the printed"] == "above"
    assert stands["calibrated against the printed"] == "at or below"


def test_rounding_follows_the_printed_digits() -> None:
    assert round_like(2.949, Decimal("2.9")) == Decimal("2.9")


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("a,q,epsilon,0.1,10,,,T1\na,q,epsilon,0.1,10,,,T1\n", "key='a' is there twice"),
        ("a,q,guess,0.1,10,,,T1\n", "kind: Input should be"),
        ("a,q,epsilon,much,10,,,T1\n", "printed: "),
        ("a,q,epsilon,0.1,,,,T1\n", "n=None is not allowed with kind=epsilon"),
        ("a,q,number,0.1,5,,,T1\n", "n=5 is not allowed with kind=number"),
    ],
)
def test_a_wrong_data_file_is_refused(tmp_path: Path, lines: str, fault: str) -> None:
    path = tmp_path / "published.csv"
    path.write_text(HEADER + lines)
    with pytest.raises(MechvalError, match=fault):
        load_printed(path)
