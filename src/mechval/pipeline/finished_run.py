"""The files of a finished run, for commands that read results without the run's settings."""

from dataclasses import dataclass
from pathlib import Path

from mechval.errors import MechvalError
from mechval.pipeline.manifest import Manifest, hash_file, load_manifest
from mechval.pipeline.workspace import Workspace


@dataclass(frozen=True)
class FinishedRun:
    """One run of one study.

    Raises:
        MechvalError: if there is no such run, with the names of those there are.
    """

    workspace: Workspace
    study: str
    run: str

    def __post_init__(self) -> None:
        # Not of the run itself: a name such as ../x must not lead elsewhere.
        folder = self.workspace.run_directory(self.study, "any").parent
        runs = sorted(path.name for path in folder.glob("*") if path.is_dir())
        if self.run not in runs:
            raise MechvalError(
                f"run={self.run} has no results of study={self.study} here; allowed: "
                f"{', '.join(runs) or 'none yet, make one with python -m experiments.run'}."
            )

    def manifest(self, stage: str) -> Manifest:
        """What a stage was made from; raises MechvalError if the stage is missing."""
        path = self.workspace.stage(self.study, self.run, stage).manifest
        if not path.is_file():
            raise MechvalError(
                f"run={self.run} lacks the stage {stage}; allowed: a run with it (python -m "
                f"experiments.run study={self.study} run={self.run} +stage={stage})."
            )
        return load_manifest(path)

    def file(self, stage: str, name: str) -> Path:
        """One output of a stage, tracked or bulk.

        Raises:
            MechvalError: if it is missing, or is not what the stage wrote.
        """
        places = self.workspace.stage(self.study, self.run, stage)
        manifest = self.manifest(stage)
        is_tracked = name in manifest.tracked
        path = (places.directory if is_tracked else places.bulk) / name
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
        """A published checkpoint, if it is the one that this run is about.

        Raises:
            MechvalError: if it is missing or another one.
        """
        if not path.is_file():
            raise MechvalError(f"model.path={path} does not exist; allowed: the published file.")
        if hash_file(path) != self.manifest("train").config.get("checkpoint_sha256"):
            raise MechvalError(
                f"model.path={path} is not the checkpoint of run={self.run}; allowed: the file "
                "whose digest results hold, and only with a run of a published model."
            )
        return path
