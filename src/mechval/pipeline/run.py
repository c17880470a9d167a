"""A finished run: its files, each given out only while it is what its stage's manifest says."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mechval.errors import MechvalError
from mechval.pipeline.manifest import Manifest, hash_file, load_manifest
from mechval.pipeline.places import Workspace
from mechval.pipeline.run_name import ALLOWED_NAME
from mechval.pipeline.run_record import RunRecord, read_run_record

NOT_MADE = "not made in this run"


@dataclass(frozen=True)
class StageState:
    """What there is of one stage of a run: its manifest, None if unreadable, and its ``run.json``.

    ``fault`` is one phrase, empty if every tracked file is what the manifest says, and
    :data:`NOT_MADE` of a stage that the run never had.
    """

    name: str
    manifest: Manifest | None
    fault: str
    record: RunRecord | None


@dataclass(frozen=True)
class FinishedRun:
    """One run of one study; raises MechvalError with the names of those there are."""

    workspace: Workspace
    study: str
    run: str

    def __post_init__(self) -> None:
        # Not of the run itself: a name such as ../x must not lead elsewhere.
        runs = run_names(self.workspace, self.study)
        if self.run not in runs:
            raise MechvalError(
                f"run={self.run} has no results of study={self.study} here; allowed: "
                f"{', '.join(runs) or 'none yet, make one with python -m experiments.run'}."
            )

    @property
    def directory(self) -> Path:
        """``results/<study>/<run>``."""
        return self.workspace.run_directory(self.study, self.run)

    @cached_property
    def config(self) -> dict[str, Any]:
        """What ``config.json`` says: ``study``, ``model``, ``seed``, ``settings``, ``words``.

        ``words`` are those of the command line that make the run. Empty without such a file.
        """
        return _load_object(self.workspace.run_config(self.study, self.run))

    @property
    def command(self) -> str:
        """The words of the command line that make the run, from ``config.json``."""
        return " ".join(self.config.get("words", ()))

    def states(self, stages: Iterable[str]) -> dict[str, StageState]:
        """What there is of each of the stages; an absent one has a fault."""
        return {stage: self._state(stage) for stage in stages}

    def manifest(self, stage: str) -> Manifest:
        """What a stage was made from; raises MechvalError if the stage is missing or corrupt."""
        path = self.workspace.stage(self.study, self.run, stage).manifest
        if not path.is_file():
            raise MechvalError(
                f"run={self.run} lacks the stage {stage}; allowed: a run with it (python -m "
                f"experiments.run study={self.study} run={self.run} +stage={stage})."
            )
        return load_manifest(path)

    def file(self, stage: str, name: str) -> Path:
        """One output of a stage, tracked or bulk, as the stage wrote it, else MechvalError."""
        places = self.workspace.stage(self.study, self.run, stage)
        manifest = self.manifest(stage)
        path = (places.directory if name in manifest.tracked else places.bulk) / name
        expected = manifest.tracked.get(name) or manifest.bulk.get(name)
        if not path.is_file():
            raise MechvalError(
                f"{path} is missing; allowed: the file that the stage {stage} writes (for the "
                "weights of a published model, model.path=<file> will do)."
            )
        if hash_file(path) != expected:
            raise MechvalError(
                f"{path} was altered after the stage {stage} wrote it; allowed: the file whose "
                "digest its manifest.json holds."
            )
        return path

    def checkpoint(self, path: Path) -> Path:
        """A published checkpoint, if it is the one that this run is about, else MechvalError."""
        if not path.is_file():
            raise MechvalError(f"model.path={path} does not exist; allowed: the published file.")
        if hash_file(path) != self.manifest("train").config.get("checkpoint_sha256"):
            raise MechvalError(
                f"model.path={path} is not the checkpoint of run={self.run}; allowed: the file "
                "whose digest results hold, and only with a run of a published model."
            )
        return path

    def _state(self, stage: str) -> StageState:
        folder = self.directory / stage
        try:
            manifest = self.manifest(stage)
        except MechvalError:
            is_there = (folder / "manifest.json").is_file()
            fault = f"{stage}/manifest.json is corrupt" if is_there else NOT_MADE
            return StageState(stage, None, fault, None)
        altered = [
            name
            for name, digest in manifest.tracked.items()
            if not (folder / name).is_file() or hash_file(folder / name) != digest
        ]
        fault = f"missing or altered: {', '.join(altered)}" if altered else ""
        return StageState(stage, manifest, fault, read_run_record(folder / "run.json"))


def run_names(workspace: Workspace, study: str) -> list[str]:
    """The names of the runs that a study has.

    A folder with nothing in it is none, nor is one of a name that no run can have.
    """
    folders = workspace.run_directory(study, "any").parent.glob("*")
    named = (path for path in folders if ALLOWED_NAME.fullmatch(path.name))
    return sorted(path.name for path in named if path.is_dir() and any(path.iterdir()))


def _load_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
