"""Progress tables are written, and written again with what could be measured anew."""

from pathlib import Path

import pytest

from mechval.axioms.progress import FINAL, ProgressTables, Snapshot, Validation, measure_progress
from mechval.reporting.progress_files import rewrite_progress, write_progress
from mechval.reporting.tables import Row, read_csv
from tests.unit.axioms import toy

SNAPSHOTS = (Snapshot("training", 0, 0), Snapshot("training", 5, 80), FINAL)


def measured(*snapshots: Snapshot, loss: float = 0.5) -> ProgressTables:
    report = toy.evaluate_toy(toy.make_toy())
    networks = dict.fromkeys(snapshots, lambda: loss)
    return measure_progress(networks, lambda loss: Validation((report,), {}, {"loss": loss}))


def loss_of(row: Row) -> float:
    value = row["loss"]
    assert isinstance(value, float)
    return value


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    directory = tmp_path / "finished"
    directory.mkdir()
    write_progress(measured(*SNAPSHOTS), directory, measures={"loss": loss_of}, unit="numbers")
    return directory


def names(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*.*")}


def test_there_are_two_tables_and_a_figure_per_interpretation(finished: Path) -> None:
    figures = {"figures/progress-toy.svg"}
    assert names(finished) == {"progress.csv", "snapshots.csv"} | figures


def test_without_a_training_there_is_no_figure(tmp_path: Path) -> None:
    write_progress(measured(FINAL), tmp_path, measures={"loss": loss_of}, unit="numbers")
    assert names(tmp_path) == {"progress.csv", "snapshots.csv"}


@pytest.mark.parametrize("name", ["progress.csv", "snapshots.csv"])
def test_what_is_measured_anew_and_the_same_gives_the_same_bytes(
    finished: Path, tmp_path: Path, name: str
) -> None:
    rewrite_progress(measured(FINAL), finished, tmp_path)
    assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_only_the_rows_measured_anew_are_replaced(finished: Path, tmp_path: Path) -> None:
    rewrite_progress(measured(FINAL, loss=0.75), finished, tmp_path)
    losses = [row["loss"] for row in read_csv(tmp_path / "snapshots.csv")]
    assert losses == ["0.5", "0.5", "0.75"]


def test_a_snapshot_that_the_finished_table_lacks_is_added(finished: Path, tmp_path: Path) -> None:
    rewrite_progress(measured(Snapshot("training", 9, 144), FINAL), finished, tmp_path)
    steps = [row["step"] for row in read_csv(tmp_path / "snapshots.csv")]
    assert steps == ["0", "5", "", "9"]
