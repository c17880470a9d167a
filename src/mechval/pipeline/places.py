"""Where everything lies, and how a stage's outputs get there: staging, locks, a full disk.

Only this module builds paths of results, data and scratch. A stage writes into ``.<stage>.new``
beside each of its two targets. Renaming the tracked one to ``.<stage>.ready`` is the commit:
before it, recovery discards the attempt; from it on, recovery finishes the swap. Renames stay
within one parent directory, hence within one file system.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mechval.errors import MechvalError
from mechval.files import remove
from mechval.pipeline.stage import StageArtifacts

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class StagePlaces(StageArtifacts):
    """The directories of one stage of one run: its outputs, and checkpoints of attempts."""

    scratch: Path

    @property
    def manifest(self) -> Path:
        """The tracked cache key."""
        return self.directory / "manifest.json"

    @property
    def run_record(self) -> Path:
        """The untracked record of the last execution."""
        return self.directory / "run.json"

    def make_staging(self) -> StageArtifacts:
        """Make the two empty directories that an attempt writes into."""
        targets = (self.directory, self.bulk)
        return StageArtifacts(*(clear_directory(_sibling(target, "new")) for target in targets))

    def replace_outputs(self) -> None:
        """Put a finished attempt in the place of the old outputs."""
        for target in (self.bulk, self.directory):
            _sibling(target, "new").rename(_sibling(target, "ready"))
        self.recover()

    def recover(self) -> None:
        """Finish or discard what a killed process left, leaving the old or the new outputs."""
        targets = (self.bulk, self.directory)
        if _sibling(self.directory, "ready").exists():
            for target in targets:
                _finish_swap(target)
        for target in targets:
            for state in ("new", "ready", "old"):
                remove(_sibling(target, state))
            for path in target.rglob(".*"):
                with suppress(OSError):
                    path.unlink()

    def forget_scratch(self) -> None:
        """Remove the checkpoints: where it is stopped, all of them are in their place or none."""
        aside = _sibling(self.scratch, "old")
        remove(aside)
        # It may not be there, or a full disk may have no room for the rename.
        with suppress(OSError):
            self.scratch.rename(aside)
        remove(aside)
        remove(self.scratch)

    def forget_if_empty(self) -> None:
        """Remove the folders of a run, and of its study, that hold nothing at all."""
        for run in (self.directory.parent, self.bulk.parent):
            for folder in (run, run.parent):
                with suppress(OSError):
                    folder.rmdir()


@dataclass(frozen=True)
class Workspace:
    """All places under one root, normally the root of the repository."""

    root: Path

    def run_directory(self, study: str, run: str) -> Path:
        """Tracked results of one run, one folder per stage."""
        return self.root / "results" / study / run

    def run_config(self, study: str, run: str) -> Path:
        """The config that a run was made with; a protected run name is bound to it."""
        return self.run_directory(study, run) / "config.json"

    def stage(self, study: str, run: str, stage: str) -> StagePlaces:
        """Places of one stage of a run."""
        return StagePlaces(
            directory=self.run_directory(study, run) / stage,
            bulk=self.root / "data" / study / run / stage,
            scratch=self.root / "build" / "scratch" / study / run / stage,
        )

    def verification(self, study: str, run: str, stage: str) -> StagePlaces:
        """Untracked places where a verification recomputes a stage."""
        folder = self.root / "build" / "verify" / study / run / stage
        return StagePlaces(folder / "results", folder / "bulk", folder / "scratch")

    def lock(self, study: str, run: str) -> Path:
        """The file whose lock means that a process works on the run."""
        return self.root / "build" / "locks" / study / f"{run}.lock"

    @property
    def tracking(self) -> Path:
        """Local files of the experiment tracker."""
        return self.root / "build"

    def display(self, path: Path) -> str:
        """The path as shown in messages: relative to the root."""
        return path.relative_to(self.root).as_posix()


def clear_directory(directory: Path) -> Path:
    """Make ``directory`` exist and be empty; raises MechvalError for what cannot be removed."""
    _require_removed(directory)
    directory.mkdir(parents=True)
    return directory


@contextmanager
def run_lock(path: Path, run: str) -> Iterator[None]:
    """Hold the run for this process; the system frees the lock of a process that died.

    Raises MechvalError if another process holds it, or the file system has no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path).acquire(timeout=0)
    except Timeout:
        raise MechvalError(
            f"run={run} is in use by another process (lock {path}); allowed: waiting for it, or "
            "another run= name."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise MechvalError(
            f"{path} cannot be locked ({error}); allowed: a file system with locks."
        ) from None
    with lock:
        yield


def require_writable(directory: Path) -> None:
    """Check, leaving nothing behind, that files can be made at or below ``directory``.

    Raises MechvalError naming the folder and the system's reason.
    """
    folder = directory
    while not folder.exists():
        folder = folder.parent
    try:
        # Without a name wherever the system can do that, so that a kill leaves nothing.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise MechvalError(
            f"{directory} cannot be written ({error.strerror} at {folder}); allowed: a folder "
            "that this user can write to."
        ) from None


@contextmanager
def system_errors_told(stage: str) -> Iterator[None]:
    """Turn an error of the operating system during a stage into one sentence, a MechvalError."""
    try:
        yield
    except OSError as error:
        kept = "earlier results are kept and unfinished ones removed, so"
        if is_full_disk(error):
            raise MechvalError(
                f"{stage}: the disk is full; {kept} free some space and run the same command again."
            ) from error
        raise MechvalError(
            f"{stage}: the operating system refuses ({error}); {kept} the same command can be run "
            "again once it does not."
        ) from error


def is_full_disk(error: OSError) -> bool:
    """Whether the reason is the disk or a quota; ``shutil`` tells reasons in words alone."""
    return error.errno in _NO_SPACE or any(os.strerror(n) in str(error) for n in _NO_SPACE)


def _finish_swap(target: Path) -> None:
    ready, old = _sibling(target, "ready"), _sibling(target, "old")
    if ready.exists():
        if target.exists():
            _require_removed(old)
            target.rename(old)
        ready.rename(target)


def _require_removed(folder: Path) -> None:
    remove(folder)
    if folder.exists():
        raise MechvalError(
            f"{folder} cannot be removed; allowed: a leftover that this user can delete."
        )


def _sibling(target: Path, state: str) -> Path:
    return target.with_name(f".{target.name}.{state}")
