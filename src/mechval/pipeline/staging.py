"""Replacing a stage's two output directories so that a death at any moment loses nothing.

The stage writes into ``.<stage>.new`` beside each target. Renaming the tracked one to
``.<stage>.ready`` is the commit: before it, recovery discards the attempt; from it on, recovery
finishes the swap. Renames stay within one parent directory, hence within one file system.
"""

import shutil
from pathlib import Path

from mechval.pipeline.stage import StageArtifacts
from mechval.pipeline.workspace import StagePlaces


def make_staging(places: StagePlaces) -> StageArtifacts:
    """Make the two empty directories that an attempt writes into."""
    staging = StageArtifacts(_sibling(places.directory, "new"), _sibling(places.bulk, "new"))
    for directory in (staging.directory, staging.bulk):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    return staging


def publish(places: StagePlaces) -> None:
    """Put a finished attempt in the place of the old outputs."""
    for target in (places.bulk, places.directory):
        _sibling(target, "new").rename(_sibling(target, "ready"))
    _finish_swap(places)
    discard_staging(places)


def recover(places: StagePlaces) -> None:
    """Finish or discard what a killed process left, leaving the old or the new outputs."""
    if _sibling(places.directory, "ready").exists():
        _finish_swap(places)
    discard_staging(places)


def discard_staging(places: StagePlaces) -> None:
    """Remove an unfinished attempt and replaced outputs."""
    for target in (places.bulk, places.directory):
        for state in ("new", "ready", "old"):
            shutil.rmtree(_sibling(target, state), ignore_errors=True)


def _finish_swap(places: StagePlaces) -> None:
    for target in (places.bulk, places.directory):
        ready = _sibling(target, "ready")
        if not ready.exists():
            continue
        if target.exists():
            target.rename(_sibling(target, "old"))
        ready.rename(target)


def _sibling(target: Path, state: str) -> Path:
    return target.with_name(f".{target.name}.{state}")
