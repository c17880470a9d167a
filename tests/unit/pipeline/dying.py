"""A stage whose process is killed between the renames that put its outputs in their place."""

import os
import signal
from pathlib import Path
from typing import Any

from mechval.pipeline.places import StagePlaces, Workspace
from tests.killing import fork_for_each


def stage_places(root: Path) -> StagePlaces:
    return Workspace(root).stage("two_sat", "toy", "data")


def write(places: StagePlaces, version: str) -> None:
    staging = places.make_staging()
    for directory in (staging.directory, staging.bulk):
        (directory / "version").write_text(version, encoding="utf-8")


def replace(root: Path, renames: int) -> None:
    """Publish what is new, and die after so many renames."""
    rename, calls = Path.rename, []

    def dying_rename(self: Path, target: Any) -> Path:
        calls.append(target)
        if len(calls) > renames:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)

    places = stage_places(root)
    write(places, "new")
    Path.rename = dying_rename
    places.replace_outputs()


if __name__ == "__main__":
    fork_for_each(replace)
