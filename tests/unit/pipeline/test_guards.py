"""Locks and writability."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.pipeline.places import require_writable, run_lock

HOLDER = """
import sys
from pathlib import Path
from mechval.pipeline.places import run_lock

with run_lock(Path(sys.argv[1]), "toy"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_of_another_process_is_respected_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "toy.lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    # It holds the lock until it is killed, or until this test is gone and its input ends.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(MechvalError, match="in use"), run_lock(path, "toy"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with run_lock(path, "toy"):
        assert path.exists()


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no locks")

    monkeypatch.setattr("mechval.pipeline.places.FileLock", refuse)
    with pytest.raises(MechvalError, match=r"toy\.lock cannot be locked \(no locks\); allowed:"):
        run_lock(tmp_path / "toy.lock", "toy").__enter__()


def test_the_writability_check_leaves_nothing_behind(tmp_path: Path) -> None:
    require_writable(tmp_path / "results" / "two_sat")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("", encoding="utf-8")
    with pytest.raises(MechvalError, match="cannot be written"):
        require_writable(tmp_path / "results" / "two_sat")
