"""Progress tables: every snapshot keeps its rows, with ε or with the reason why there is none."""

import json

import pytest

from mechval.axioms.progress import FINAL, Snapshot, Validation, measure_progress, validation_rows
from tests.unit.axioms import toy

EARLY, LATE = Snapshot("training", 0, 0), Snapshot("training", 10, 160)
REFUSED = Validation(reports=(), refusals={"toy": "no part ever changes"}, facts={"loss": 2.0})


def validated(loss: float) -> Validation:
    return Validation((toy.evaluate_toy(toy.make_toy()),), {}, {"loss": loss})


@pytest.fixture
def tables():
    answers = {"first": REFUSED, "second": validated(0.5), "last": validated(0.25)}
    networks = {EARLY: lambda: "first", LATE: lambda: "second", FINAL: lambda: "last"}
    return measure_progress(networks, answers.__getitem__)


def test_each_cell_of_each_snapshot_is_counted_as_the_suite_counts_it(tables):
    found = [row["disagreements"] for row in tables.cells if row["step"] == 10]
    assert found == [count for axiom in toy.EXPECTED for count in axiom]


def test_a_snapshot_without_an_interpretation_says_why_and_has_no_number(tables):
    (row,) = [row for row in tables.cells if row["step"] == 0]
    assert (row["interpretation"], row["reason"]) == ("toy", "no part ever changes")
    assert {row[key] for key in ("n", "disagreements", "epsilon", "verdict")} == {None}


def test_a_snapshot_has_one_row_of_facts_in_the_order_of_the_training(tables):
    assert tables.snapshots == [
        {"phase": "training", "step": 0, "examples": 0, "loss": 2.0},
        {"phase": "training", "step": 10, "examples": 160, "loss": 0.5},
        {"phase": "final", "step": None, "examples": None, "loss": 0.25},
    ]


def test_all_rows_share_their_columns_and_are_plain(tables):
    assert len({tuple(row) for row in tables.cells}) == 1
    assert json.loads(json.dumps(tables.cells, allow_nan=False)) == tables.cells


def test_a_cell_stands_beside_the_constant_program():
    report = toy.evaluate_toy(toy.make_toy())
    rows = validation_rows(Validation((report,), {}, {}))
    assert {row["constant.rate"] for row in rows} == {report.constant.rate}
    assert [row["verdict"] for row in rows] == [cell.verdict.value for cell in report.cells]


def test_a_wrong_program_shows_in_its_cells():
    wrong = toy.with_map(toy.make_toy(), "abstract", 0, lambda number: 1 - toy.parity(number))
    rows = validation_rows(Validation((toy.evaluate_toy(wrong),), {}, {}))
    assert rows[0]["disagreements"] == toy.N - toy.a
