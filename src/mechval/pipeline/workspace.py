"""Where everything lies: the only module that builds paths of results, data and scratch."""

from dataclasses import dataclass
from pathlib import Path

from mechval.pipeline.stage import StageArtifacts


@dataclass(frozen=True)
class StagePlaces:
    """The directories of one stage of one run.

    Attributes:
        directory: tracked results.
        bulk: large untracked outputs.
        scratch: checkpoints of unfinished attempts.
    """

    directory: Path
    bulk: Path
    scratch: Path

    @property
    def artifacts(self) -> StageArtifacts:
        """The finished outputs, as a downstream stage sees them."""
        return StageArtifacts(self.directory, self.bulk)

    @property
    def manifest(self) -> Path:
        """The tracked cache key."""
        return self.directory / "manifest.json"

    @property
    def run_record(self) -> Path:
        """The untracked record of the last execution."""
        return self.directory / "run.json"


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
