"""Snapshots are found in the order of the training, whatever the file system says."""

from pathlib import Path

import pytest

from mechval.axioms.progress import Snapshot
from mechval.errors import MechvalError
from mechval.training.callbacks import saved_snapshots

BATCH_SIZES = {"training": 16, "finishing": 8}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for phase, step in (("finishing", 3), ("training", 100), ("training", 0), ("finishing", 0)):
        path = tmp_path / phase / f"step-{step:07d}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_snapshots_come_in_the_order_of_the_training(directory: Path) -> None:
    assert list(saved_snapshots(directory, BATCH_SIZES)) == [
        Snapshot("training", 0, 0),
        Snapshot("training", 100, 1600),
        Snapshot("finishing", 0, 0),
        Snapshot("finishing", 3, 24),
    ]


def test_a_fresh_clone_has_none(tmp_path: Path) -> None:
    assert saved_snapshots(tmp_path / "snapshots", BATCH_SIZES) == {}


def test_a_folder_of_no_phase_is_refused(directory: Path) -> None:
    with pytest.raises(MechvalError, match="finishing is not a phase of the training; allowed"):
        saved_snapshots(directory, {"training": 16})
