"""A stage that is killed, or finds the disk full, at each of its operations on files.

The same for every stage and command of the studies, which takes long, is
:mod:`tests.end_to_end.campaign`.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mechval.pipeline import Workspace
from tests.guards import HANG_SECONDS
from tests.unit.pipeline.faulty import repeat_circuit

ROOT = Path(__file__).resolve().parents[3]
Tried = list[tuple[int, Path]]


def contents(place: Path) -> dict[str, bytes]:
    """All that is there but locks, and what says when it was made."""
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name != "run.json"
    }


def try_every_place(kind: str, directory: Path) -> Tried:
    """How each attempt ended, and where it lies."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.pipeline.faulty", kind, str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    codes = map(int, done.stdout.split())
    return [(code, directory / str(number)) for number, code in enumerate(codes, start=1)]


@pytest.fixture
def finished(run_toy: Callable[..., None], workspace: Workspace) -> Path:
    """A folder ``base`` with a finished run of the toy; returned is what it lies in."""
    run_toy()
    base = workspace.root / "base"
    base.mkdir()
    for name in ("results", "data"):
        (workspace.root / name).rename(base / name)
    return workspace.root


def test_a_kill_before_any_operation_leaves_what_the_same_command_ends(finished: Path) -> None:
    before = contents(finished / "base")
    tried = try_every_place("kill", finished)
    assert {code for code, _ in tried} == {-signal.SIGKILL}
    assert len(tried) > 30
    for _, place in tried:
        repeat_circuit(place)
        assert contents(place) == before, place.name


def test_a_full_disk_at_any_operation_is_told_and_leaves_the_old_results(finished: Path) -> None:
    before = contents(finished / "base")
    tried = try_every_place("full disk", finished)
    # When all is done, checkpoints that cannot be put aside are deleted where they are.
    assert [code for code, _ in tried].count(0) <= 1
    assert {code for code, _ in tried} <= {0, 2}
    assert len(tried) > 10
    for _, place in tried:
        assert contents(place) == before, place.name
        repeat_circuit(place)
        assert contents(place) == before, place.name
