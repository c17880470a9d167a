"""Rows are flat and plain."""

import json

import pytest

from mechval.axioms import (
    AxiomReport,
    cell_rows,
    report_row,
)
from tests.unit.axioms import toy

MIXTURES = {"balanced": {"low": 0.5, "high": 0.5}}


@pytest.fixture(scope="module")
def report() -> AxiomReport:
    return toy.evaluate_toy(toy.make_toy(), mixtures=MIXTURES)


def test_rows_are_plain_values_that_json_keeps(report: AxiomReport) -> None:
    rows = [*cell_rows(report), report_row(report)]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_all_cells_have_the_same_keys(report: AxiomReport) -> None:
    assert len({tuple(row) for row in cell_rows(report)}) == 1


def test_a_cell_row_holds_counts_per_stratum_and_mixture(report: AxiomReport) -> None:
    row = cell_rows(report)[2]
    shown = {
        key: row[key]
        for key in ("axiom", "component", "is_distinct", "n", "stratum.low.disagreements")
    }
    assert shown == {
        "axiom": 1,
        "component": "output",
        "is_distinct": True,
        "n": toy.N,
        "stratum.low.disagreements": toy.a + toy.b,
    }
    assert row["mixture.balanced.rate"] == pytest.approx(row["rate"])


def test_the_report_row_shows_baseline_and_inclusion(report: AxiomReport) -> None:
    row = report_row(report)
    assert (row["constant.disagreements"], row["inclusion_violations.output"]) == (103, 0)
