"""``python -m experiments.paper_table``: the tables of two runs become one."""

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from experiments.paper_table import MERGED, NAME, Merged, main, merge
from mechval.errors import MechvalError
from mechval.pipeline import Workspace
from mechval.pipeline.manifest import StageKey, make_manifest, manifest_text
from mechval.reporting.paper_comparison import (
    COMPARISONS,
    NOT_MEASURED,
    Agreement,
    Comparison,
    Measured,
    PrintedValue,
)


def row(key: str, measured: float, **changes: Any) -> Comparison:
    printed = PrintedValue(
        key, f"quantity {key}", "epsilon", Decimal("0.02"), 100, None, None, "T1"
    )
    row = Comparison(
        printed,
        Measured(measured, 3, 1000),
        lower=0.001,
        upper=0.008,
        p=0.5,
        verdict=Agreement.AGREES,
        calibrated=Measured(0.01, 1, 1000),
    )
    return dataclasses.replace(row, **changes)


def number(key: str, measured: float) -> Comparison:
    """A number that no sample stands behind, and that only the paper's reading has."""
    printed = PrintedValue(key, f"quantity {key}", "number", Decimal(34), None, None, None, "T1")
    return Comparison(printed, Measured(float(measured)), None, None, None, Agreement.AGREES)


def calibrated(epsilon: float | None) -> Comparison:
    """A row whose paper reading is above the printed value."""
    return row("a", 0.03, calibrated=Measured(epsilon, 1, 1000) if epsilon else NOT_MEASURED)


def write(study: Path, run: str, rows: list[Comparison]) -> None:
    directory = study / run / "report"
    directory.mkdir(parents=True)
    COMPARISONS.write(rows, directory)
    manifest = make_manifest("report", StageKey({}, 0, "", {}), directory, directory / "none")
    (directory / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")


def merged() -> list[Merged]:
    return merge(Workspace(Path.cwd()), "two_sat")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "two_sat"


def test_each_number_is_measured_on_both_models(study: Path) -> None:
    write(study, "published", [row("a", 0.02), number("b", 34)])
    write(study, "reference", [number("b", 128), row("a", 0.03)])
    first, second = merged()
    assert (first.published.key, second.published.key) == ("a", "b")
    assert (first.published_model.value, first.our_model.value) == (0.02, 0.03)
    assert (second.published_model.value, second.our_model.value) == (34, 128)
    assert first.our_model_calibrated.value == 0.01
    assert second.our_model_calibrated == NOT_MEASURED
    assert first.verdict is Agreement.AGREES


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (calibrated(0.02), ("above", "at or below")),
        (calibrated(0.020001), ("above", "at or below")),
        (calibrated(0.0201), ("above", "above")),
        (calibrated(None), ("above", "")),
        (number("a", 3), ("", "")),
    ],
    ids=["as printed", "rounds to it", "above", "the paper's reading alone", "no epsilon"],
)
def test_either_epsilon_of_ours_is_held_against_the_published_one(
    study: Path, made: Comparison, expected: tuple[str, str]
) -> None:
    write(study, "reference", [made])
    (found,) = merged()
    assert (found.our_model_against, found.our_model_calibrated_against) == expected


@pytest.mark.parametrize(
    ("run", "missing"), [("published", "our_model"), ("reference", "published_model")]
)
def test_a_missing_run_leaves_its_columns_empty(study: Path, run: str, missing: str) -> None:
    write(study, run, [row("a", 0.02)])
    (found,) = merged()
    assert getattr(found, missing) == NOT_MEASURED


def test_no_run_at_all_is_refused(study: Path) -> None:
    with pytest.raises(MechvalError, match=r"has no report/paper\.csv in published or reference"):
        merged()


def test_an_altered_table_is_refused_and_nothing_written(study: Path) -> None:
    write(study, "reference", [row("a", 0.02)])
    COMPARISONS.write([row("a", 0.01)], study / "reference" / "report")
    with pytest.raises(MechvalError, match="was altered after the stage report wrote it"):
        main("two_sat")
    assert [path.name for path in study.iterdir()] == ["reference"]


def test_a_study_that_is_none_is_refused() -> None:
    with pytest.raises(MechvalError, match=r"'\.\./x' is no study; allowed: two_sat"):
        main("../x")


def test_both_files_are_written(study: Path) -> None:
    made = row("a", 0.02)
    made = dataclasses.replace(made, published=dataclasses.replace(made.published, deviation="D1"))
    write(study, "published", [made, number("b", 34)])
    main("two_sat")
    assert MERGED.read(study) == tuple(merged())
    page = (study / f"{NAME}.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if line.startswith("| quantity a "))
    assert "3 of 1,000" in line
    assert line.endswith("| agrees | D1 |  |  |  |  |")
