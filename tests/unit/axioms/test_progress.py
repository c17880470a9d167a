"""Progress tables: every snapshot keeps its rows, with ε or with the reason why there is none."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mechval import tables as declared
from mechval.axioms.progress import (
    CELLS,
    FINAL,
    Snapshot,
    SnapshotRow,
    Validation,
    measure_progress,
    measure_snapshots,
    merge_snapshots,
    validation_rows,
)
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


@dataclass(frozen=True)
class Facts:
    loss: float = declared.number(unit="nats")
    places: tuple[int, ...] = declared.told()


@dataclass(frozen=True, kw_only=True)
class ToyRow(SnapshotRow, Facts):
    pass


SNAPSHOTS = declared.Table("progress/snapshots.csv", ToyRow)


@pytest.fixture
def progress():
    found = Validation((toy.evaluate_toy(toy.make_toy()),), {}, Facts(0.5, (1, 2)))
    refused = Validation((), {"toy": "no part ever changes"}, Facts(2.0, ()))
    answers = {"first": refused, "second": found}
    networks = {EARLY: lambda: "first", FINAL: lambda: "second"}
    return measure_snapshots(networks, answers.__getitem__, ToyRow)


def test_cells_carry_their_snapshot_and_counts_of_the_suite(progress):
    assert {(cell.phase, cell.step) for cell in progress.cells} == {("final", None)}
    found = [cell.disagreements for cell in progress.cells]
    assert found == [count for axiom in toy.EXPECTED for count in axiom]


def test_a_snapshot_tells_its_facts_and_why_an_interpretation_is_missing(progress):
    early, final = progress.snapshots
    assert (early.examples, early.refusals) == (0, {"toy": "no part ever changes"})
    assert (final.phase, final.loss, final.refusals) == ("final", 0.5, {})


def test_both_tables_come_back(progress, tmp_path: Path):
    CELLS.write(progress.cells, tmp_path)
    SNAPSHOTS.write(progress.snapshots, tmp_path)
    assert SNAPSHOTS.read(tmp_path) == progress.snapshots
    assert [cell.name for cell in CELLS.read(tmp_path)] == [cell.name for cell in progress.cells]


def test_snapshots_measured_anew_take_their_places(progress):
    early, final = progress.snapshots
    later = replace(early, step=20, examples=320)
    anew = replace(early, loss=1.9)
    assert merge_snapshots([early, final], [anew, later]) == [anew, final, later]
