"""``python -m experiments.paper_table``: the tables of two runs become one."""

from pathlib import Path
from typing import Any

import pytest

from experiments.paper_table import NAME, main, merge
from mechval.errors import MechvalError
from mechval.reporting.tables import Row, read_csv, write_csv

COUNTED = ("measured_count", "measured_n")


def row(key: str, measured: float, **changes: Any) -> Row:
    return {
        "key": key,
        "quantity": f"quantity {key}",
        "kind": "epsilon",
        "published": "0.02",
        "published_n": 100,
        "measured": measured,
        "measured_count": 3,
        "measured_n": 1000,
        "rate_lower": 0.001,
        "rate_upper": 0.008,
        "p_holm": 0.5,
        "verdict": "agrees",
        "deviation": None,
        "source": "Table 1",
        "calibrated.measured": 0.01,
        "calibrated.measured_count": 1,
        "calibrated.measured_n": 1000,
        **changes,
    }


def number(key: str, measured: float) -> Row:
    """A number that no sample stands behind, and that only the published reading has."""
    counted = [f"{reading}{name}" for reading in ("", "calibrated.") for name in COUNTED]
    empty = dict.fromkeys((*counted, "calibrated.measured", "published_n", "rate_lower"))
    return row(key, measured, kind="number", published="34", rate_upper=None, p_holm=None, **empty)


def calibrated(epsilon: float | None) -> Row:
    """A row whose published reading is above the printed value."""
    return row("a", 0.03, **{"calibrated.measured": epsilon})


def write(study: Path, run: str, rows: list[Row]) -> None:
    directory = study / run / "report"
    directory.mkdir(parents=True)
    write_csv(rows, directory / "paper.csv")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results" / "two_sat"


def test_each_number_is_measured_on_both_models(study: Path) -> None:
    write(study, "published", [row("a", 0.02), number("b", 34)])
    write(study, "reference", [number("b", 128), row("a", 0.03)])
    first, second = merge(study)
    assert (first["key"], second["key"]) == ("a", "b")
    assert (first["published_model.measured"], first["our_model.measured"]) == ("0.02", "0.03")
    assert (second["published_model.measured"], second["our_model.measured"]) == ("34", "128")
    assert first["our_model_calibrated.measured"] == "0.01"
    assert not second["our_model_calibrated.measured"]
    assert first["published_model.verdict"] == "agrees"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (calibrated(0.02), "yes"),
        (calibrated(0.020001), "yes"),
        (calibrated(0.0201), "MISSED"),
        (calibrated(None), "MISSED"),
        (number("a", 3), None),
    ],
    ids=["as printed", "rounds to it", "above", "the published reading alone", "no epsilon"],
)
def test_our_epsilon_is_held_against_the_published_one(
    study: Path, made: Row, expected: str | None
) -> None:
    write(study, "reference", [made])
    assert merge(study)[0]["our_model.at_or_below"] == expected


@pytest.mark.parametrize(
    ("run", "missing"), [("published", "our_model"), ("reference", "published_model")]
)
def test_a_missing_run_leaves_its_columns_empty(study: Path, run: str, missing: str) -> None:
    write(study, run, [row("a", 0.02)])
    (merged,) = merge(study)
    empty = {name for name, value in merged.items() if value is None}
    assert empty == {name for name in merged if name.startswith(missing)}


def test_no_run_at_all_is_refused(study: Path) -> None:
    with pytest.raises(MechvalError, match=r"has no report/paper\.csv in published or reference"):
        merge(study)


def test_both_files_are_written(study: Path) -> None:
    write(study, "published", [row("a", 0.02, deviation="D1"), number("b", 34)])
    main("two_sat")
    assert [made["key"] for made in read_csv(study / f"{NAME}.csv")] == ["a", "b"]
    page = (study / f"{NAME}.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if line.startswith("| quantity a "))
    assert "3 of 1,000" in line
    assert line.endswith("| agrees | D1 |  |  |  |")
