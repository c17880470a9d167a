"""Every printed 2-SAT number is found in the tables of a run, under the key of its data file."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from mechval.pipeline import Workspace
from mechval.reporting.paper import NOT_MEASURED, Agreement, Measured, compare, published_count
from mechval.two_sat.report.paper_table import (
    compare_with_paper,
    measured_values,
    render_comparison,
    unmeasured,
)
from mechval.two_sat.report.published_values import PUBLISHED
from tests.unit.two_sat.stages.test_stages import place, rows

PRINTED = [row for row in PUBLISHED if row.kind != "context"]


@pytest.fixture(scope="module")
def directories(paper_size_run: Workspace) -> dict[str, Path]:
    return {stage: place(paper_size_run, stage) for stage in ("train", "circuit", "axioms")}


@pytest.fixture(scope="module")
def measured(directories: dict[str, Path]) -> dict[str, Measured]:
    return measured_values(directories)


def test_every_printed_number_is_found_in_the_tables(measured: dict[str, Measured]) -> None:
    assert {row.key for row in PRINTED} - measured.keys() == set()


def test_every_printed_rate_is_found_with_its_count(measured: dict[str, Measured]) -> None:
    samples = {
        (measured[row.key].n, measured[row.key].count is None)
        for row in PRINTED
        if row.kind != "number"
    }
    assert samples == {(140, False), (160, False)}


def test_a_cell_is_what_the_table_of_its_variant_says(
    directories: dict[str, Path], measured: dict[str, Measured]
) -> None:
    (row,) = (
        row
        for row in rows(directories["axioms"] / "variants.csv")
        if (row["variant"], row["axiom"], row["component"])
        == ("trees/paper/attn_out/high 0.5", "prefix replaceability", "evaluate")
    )
    key = "trees/paper/attn_out/high 0.5/prefix replaceability/evaluate"
    expected = Measured(float(row["epsilon"]), int(row["disagreements"]), int(row["n"]))
    assert measured[key] == expected


def test_accuracy_counts_the_right_answers(measured: dict[str, Measured]) -> None:
    found = measured["train/accuracy"]
    assert found.count is not None
    assert found.n is not None
    assert found.value == pytest.approx(found.count / found.n)


def test_every_printed_number_gets_a_verdict(directories: dict[str, Path]) -> None:
    comparisons = compare_with_paper(directories)
    assert [item.published.key for item in comparisons] == [row.key for row in PRINTED]
    assert render_comparison(comparisons).count("\n") == len(PRINTED) + 1


def test_beside_a_cell_stands_what_the_calibrated_reading_gives(
    directories: dict[str, Path], measured: dict[str, Measured]
) -> None:
    table = {row.published.key: row for row in compare_with_paper(directories)}
    cell = "disjunction/{}/prefix equivalence/output"
    row, calibrated = table[cell.format("paper/attn_out")], cell.format("calibrated/resid_mid")
    assert row.calibrated == measured[calibrated]
    assert row.calibrated.n == 160
    assert table["train/accuracy"].calibrated == NOT_MEASURED


def as_printed() -> dict[str, Measured]:
    """What the paper's own network would give, were every printed number right."""
    made = {}
    for row in PRINTED:
        if row.n is None:
            made[row.key] = Measured(float(row.printed))
        else:
            made[row.key] = Measured(float(row.printed), published_count(row), row.n)
    return made


def test_the_printed_numbers_agree_with_themselves() -> None:
    verdicts = {item.verdict for item in compare(PUBLISHED, as_printed())}
    assert verdicts == {Agreement.AGREES}


@pytest.mark.parametrize("key", [row.key for row in PRINTED])
def test_a_wrong_printed_number_differs(key: str) -> None:
    wrong = [
        dataclasses.replace(row, printed=wrong_value(row.printed), count=None)
        if row.key == key
        else row
        for row in PUBLISHED
    ]
    verdicts = {item.published.key: item.verdict for item in compare(wrong, as_printed())}
    assert verdicts.pop(key) is Agreement.DIFFERS
    assert set(verdicts.values()) == {Agreement.AGREES}


def wrong_value(printed: Decimal) -> Decimal:
    """Half of it; ten times one so small that half of it is within chance; 1 instead of 0."""
    if printed < Decimal("1e-3"):
        return 10 * printed or Decimal(1)
    return printed / 2


def test_what_a_run_does_not_measure_has_no_row(
    directories: dict[str, Path], tmp_path: Path
) -> None:
    for name, text in (("variants.csv", "variant\n"), ("axioms.csv", "interpretation\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    run = {**directories, "axioms": tmp_path}
    rows = compare_with_paper(run)
    assert "trees/paper/attn_out/prefix equivalence/parse" in unmeasured(run)
    assert len(rows) + len(unmeasured(run)) == sum(row.kind != "context" for row in PUBLISHED)
    assert {row.published.key.partition("/")[0] for row in rows} == {"train", "evidence"}
