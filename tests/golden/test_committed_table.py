"""The committed paper-versus-measured table: whole, and made from the committed runs."""

from pathlib import Path

import pytest

from experiments.paper_table import MERGED, Merged, merge, render
from mechval.pipeline import Workspace
from mechval.reporting.paper_comparison import Agreement
from mechval.two_sat.report.paper_values import PRINTED_VALUES

STUDY = Path(__file__).resolve().parents[2] / "results" / "two_sat"


@pytest.fixture(scope="module")
def rows() -> tuple[Merged, ...]:
    return MERGED.read(STUDY)


def test_every_printed_number_has_its_row(rows: tuple[Merged, ...]) -> None:
    assert [row.published for row in rows] == [
        row for row in PRINTED_VALUES if row.kind != "context"
    ]


def test_the_published_model_agrees_or_the_deviations_list_says_why(
    rows: tuple[Merged, ...],
) -> None:
    assert [
        row.published.key
        for row in rows
        if row.verdict is Agreement.DIFFERS and not row.published.deviation
    ] == []
    assert all(row.verdict for row in rows)


def test_both_files_are_those_of_the_committed_runs(rows: tuple[Merged, ...]) -> None:
    merged = merge(Workspace(STUDY.parents[1]), STUDY.name)
    assert tuple(merged) == rows
    assert render(merged) in (STUDY / "paper_versus_measured.md").read_text(encoding="utf-8")
