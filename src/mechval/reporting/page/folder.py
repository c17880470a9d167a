"""A run's tracked files, each given out only while it is what its stage's manifest says."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from mechval.errors import MechvalError
from mechval.pipeline.manifest import Manifest, hash_file, load_manifest
from mechval.reporting.tables import read_csv

Found = TypeVar("Found")

STAGES = (
    *("data", "nulls", "train", "circuit", "improve"),
    *("axioms", "progress", "certify", "report"),
)
OPTIONAL = frozenset({"nulls", "improve", "progress", "certify"})
"""Stages that not every study or run has: their absence is told, not marked as a fault."""


@dataclass(frozen=True)
class StageState:
    """What a page needs to know about one stage of a run.

    Attributes:
        manifest: None if the stage has no readable one.
        fault: one phrase; empty if every tracked file is what the manifest says.
        record: what ``run.json`` says, empty if it is not there.
    """

    name: str
    manifest: Manifest | None
    fault: str
    record: dict[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """The tracked results of one run.

    Attributes:
        directory: ``results/<study>/<run>``.
    """

    directory: Path

    @property
    def run(self) -> str:
        """The run's name."""
        return self.directory.name

    @property
    def study(self) -> str:
        """The study's name."""
        return self.directory.parent.name

    @cached_property
    def stages(self) -> dict[str, StageState]:
        """Every stage that the run has a folder for, and those it should have."""
        names = [name for name in STAGES if name not in OPTIONAL or self._has(name)]
        return {name: self._state(name) for name in names}

    @property
    def has_results(self) -> bool:
        """Whether any stage has finished."""
        return any(state.manifest for state in self.stages.values())

    def manifest(self, stage: str) -> Manifest:
        """A stage's manifest.

        Raises:
            MechvalError: if it is missing or corrupt.
        """
        path = self.directory / stage / "manifest.json"
        if not path.is_file():
            raise MechvalError(f"Stage {stage} has no result in this run.")
        try:
            return load_manifest(path)
        except MechvalError:
            raise MechvalError(f"{stage}/manifest.json is corrupt.") from None

    def file(self, name: str) -> Path:
        """A whole file, by its name below the run's folder.

        Raises:
            MechvalError: if its stage has no result or the file is missing or altered.
        """
        stage, _, inner = name.partition("/")
        digest = self.manifest(stage).tracked.get(inner)
        path = self.directory / name
        if digest is None or not path.is_file():
            raise MechvalError(f"{name} is missing.")
        if hash_file(path) != digest:
            raise MechvalError(
                f"{name} was altered after stage {stage} had finished (its sha256 differs from "
                "the manifest), so nothing is shown from it."
            )
        return path

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of a whole CSV file, all as text.

        Raises:
            MechvalError: as :meth:`file`, and if it has no rows.
        """
        rows = read_csv(self.file(name))
        if not rows:
            raise MechvalError(f"{name} has no rows.")
        return rows

    def values(self, name: str) -> dict[str, Any]:
        """The object in a whole JSON file.

        Raises:
            MechvalError: as :meth:`file`.
        """
        return json.loads(self.file(name).read_text(encoding="utf-8"))

    def matching(self, pattern: str) -> list[str]:
        """Names below the run's folder, as the manifests list them, that match a pattern."""
        stage = pattern.partition("/")[0]
        state = self.stages.get(stage)
        if state is None or state.manifest is None:
            return []
        names = (f"{stage}/{name}" for name in state.manifest.tracked)
        return [name for name in names if fnmatchcase(name, pattern)]

    def _has(self, stage: str) -> bool:
        return (self.directory / stage).is_dir()

    def _state(self, stage: str) -> StageState:
        try:
            manifest = self.manifest(stage)
        except MechvalError as error:
            return StageState(stage, None, str(error), {})
        altered = [
            name
            for name, digest in manifest.tracked.items()
            if not (path := self.directory / stage / name).is_file() or hash_file(path) != digest
        ]
        fault = f"missing or altered: {', '.join(altered)}" if altered else ""
        return StageState(stage, manifest, fault, self._record(stage))

    def _record(self, stage: str) -> dict[str, Any]:
        try:
            values = json.loads((self.directory / stage / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}


@dataclass
class Notices:
    """Collects why parts of a section cannot be shown."""

    sentences: list[str] = field(default_factory=list)

    def attempt(self, read: Callable[[], Found], otherwise: Found) -> Found:
        """What ``read`` gives; if it cannot be had, note the reason and give ``otherwise``.

        A table without an expected column or with text for a number counts as unusable too.
        """
        try:
            return read()
        except MechvalError as error:
            self._note(str(error))
        except (KeyError, ValueError, TypeError) as error:
            self._note(f"A table of this section cannot be read ({type(error).__name__}: {error}).")
        return otherwise

    def _note(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)
