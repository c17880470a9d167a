"""What is checked or translated around the work: locks, writability, a full disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mechval.errors import MechvalError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def run_lock(path: Path, run: str) -> Iterator[None]:
    """Hold the run for this process; the system frees the lock of a process that died.

    Raises:
        MechvalError: if another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise MechvalError(
            f"run={run} is in use by another process (lock {path}); allowed: waiting for it, or "
            "another run= name."
        ) from None
    try:
        yield
    finally:
        lock.release()


def require_writable(directory: Path) -> None:
    """Check, leaving nothing behind, that files can be made at or below ``directory``.

    Raises:
        MechvalError: naming the folder and the system's reason.
    """
    folder = directory
    while not folder.exists():
        folder = folder.parent
    probe = folder / f".writable-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise MechvalError(
            f"{directory} cannot be written ({error.strerror} at {folder}); allowed: a folder "
            "that this user can write to."
        ) from None


@contextmanager
def full_disk_told(stage: str) -> Iterator[None]:
    """Turn a full disk during a stage into one sentence.

    Raises:
        MechvalError: if the work stopped because the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise MechvalError(
            f"{stage}: the disk is full; earlier results are kept and unfinished ones removed, "
            "so free some space and run the same command again."
        ) from error
