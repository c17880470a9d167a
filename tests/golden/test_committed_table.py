"""The committed paper-versus-measured table: whole, and made from the committed runs."""

from pathlib import Path

import pytest

from experiments.paper_table import merge, render
from mechval.reporting.tables import read_csv
from mechval.two_sat.report.published_values import PUBLISHED

STUDY = Path(__file__).parents[2] / "results" / "two_sat"
ROWS = read_csv(STUDY / "paper_versus_measured.csv")


def test_every_printed_number_has_its_row() -> None:
    printed = [row.key for row in PUBLISHED if row.kind != "context"]
    assert [row["key"] for row in ROWS] == printed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])
def test_the_published_model_agrees_or_the_deviations_list_says_why(row: dict[str, str]) -> None:
    verdict = row["published_model.verdict"]
    assert verdict in ("agrees", "close") or (verdict == "differs" and row["deviation"])


def test_both_files_are_those_of_the_committed_runs() -> None:
    merged = merge(STUDY)
    plain = [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in merged
    ]
    assert plain == ROWS
    assert render(merged) in (STUDY / "paper_versus_measured.md").read_text(encoding="utf-8")
