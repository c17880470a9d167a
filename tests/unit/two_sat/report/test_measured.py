"""Every printed 2-SAT number is found in the tables of a run, under the key of its data file."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from mechval.axioms.report import CELLS
from mechval.pipeline import Workspace
from mechval.reporting.paper_comparison import (
    NOT_MEASURED,
    Agreement,
    Measured,
    compare,
    printed_count,
)
from mechval.reporting.report import RunFiles
from mechval.two_sat.claim.variants.variant import VARIANTS
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.report import content
from mechval.two_sat.report.measured import (
    COMPARABLE,
    MAIN,
    cell_values,
    compare_with_paper,
    has_tags,
    measured_values,
)
from mechval.two_sat.report.paper_values import PRINTED_VALUES
from tests.unit.two_sat.stages.test_stages import place

PRINTED = [row for row in PRINTED_VALUES if row.kind != "context"]


@pytest.fixture(scope="module")
def files(paper_size_run: Workspace, paper_size_settings: TwoSatSettings) -> RunFiles:
    stages = ("train", "circuit", "axioms")
    directories = {stage: place(paper_size_run, stage) for stage in stages}
    return RunFiles(paper_size_settings, 0, directories)


@pytest.fixture(scope="module")
def measured(files: RunFiles) -> dict[str, Measured]:
    return measured_values(files)


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
    files: RunFiles, measured: dict[str, Measured]
) -> None:
    tags = {**COMPARABLE, "version": "trees", "family": "high", "setting": "0.5"}
    (row,) = (
        row
        for row in files.rows(VARIANTS)
        if has_tags(row, tags) and row.name == "prefix replaceability/evaluate"
    )
    key = "trees/high 0.5/prefix replaceability/evaluate"
    assert measured[key] == Measured(row.epsilon, row.disagreements, row.n)


def test_accuracy_counts_the_right_answers(measured: dict[str, Measured]) -> None:
    found = measured["train/accuracy"]
    assert found.count is not None
    assert found.n is not None
    assert found.value == pytest.approx(found.count / found.n)


def test_every_printed_number_gets_a_verdict(files: RunFiles) -> None:
    comparisons = compare_with_paper(files)
    assert [item.published.key for item in comparisons] == [row.key for row in PRINTED]
    section = content.paper_versus_measured(files)
    assert section is not None
    assert len(section.parts["comparisons"].rows) == len(PRINTED)


def test_beside_a_cell_stands_what_the_calibrated_reading_gives(files: RunFiles) -> None:
    table = {row.published.key: row for row in compare_with_paper(files)}
    key = "disjunction/prefix equivalence/output"
    assert table[key].calibrated == dict(cell_values(files, MAIN))[key]
    assert table[key].calibrated.n == 160
    assert table["train/accuracy"].calibrated == NOT_MEASURED


def as_printed() -> dict[str, Measured]:
    """What the paper's own network would give, were every printed number right."""
    made = {}
    for row in PRINTED:
        if row.n is None:
            made[row.key] = Measured(float(row.printed))
        else:
            made[row.key] = Measured(float(row.printed), printed_count(row), row.n)
    return made


def test_the_printed_numbers_agree_with_themselves() -> None:
    verdicts = {item.verdict for item in compare(PRINTED_VALUES, as_printed())}
    assert verdicts == {Agreement.AGREES}


@pytest.mark.parametrize("key", [row.key for row in PRINTED])
def test_a_wrong_printed_number_differs(key: str) -> None:
    wrong = [
        dataclasses.replace(row, printed=wrong_value(row.printed), count=None)
        if row.key == key
        else row
        for row in PRINTED_VALUES
    ]
    verdicts = {item.published.key: item.verdict for item in compare(wrong, as_printed())}
    assert verdicts.pop(key) is Agreement.DIFFERS
    assert set(verdicts.values()) == {Agreement.AGREES}


def wrong_value(printed: Decimal) -> Decimal:
    """Half of it; ten times one so small that half of it is within chance; 1 instead of 0."""
    if printed < Decimal("1e-3"):
        return 10 * printed or Decimal(1)
    return printed / 2


def test_what_a_run_does_not_measure_has_no_row(files: RunFiles, tmp_path: Path) -> None:
    CELLS.write([], tmp_path)
    VARIANTS.write([], tmp_path)
    run = dataclasses.replace(files, directories={**files.directories, "axioms": tmp_path})
    rows = compare_with_paper(run)
    assert {row.published.key.partition("/")[0] for row in rows} == {"train", "evidence"}
    section = content.paper_versus_measured(run)
    assert section is not None
    assert "trees/prefix equivalence/parse" in section.parts["unmeasured"]
