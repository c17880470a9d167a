"""Progress tables: every snapshot keeps its row, with the reasons where there is no cell."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mechval import tables
from mechval.axioms.progress import (
    CELLS,
    FINAL,
    Snapshot,
    SnapshotRow,
    Validation,
    measure_snapshots,
    merge_snapshots,
)
from tests.unit.axioms import toy

EARLY = Snapshot("training", 0, 0)


@dataclass(frozen=True)
class Facts:
    loss: float = tables.number(unit="nats")
    places: tuple[int, ...] = tables.told()


@dataclass(frozen=True, kw_only=True)
class ToyRow(SnapshotRow, Facts):
    pass


SNAPSHOTS = tables.Table("progress/snapshots.csv", ToyRow)


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
