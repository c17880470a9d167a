"""Finding the weight snapshots that trainings left."""

from collections.abc import Mapping
from pathlib import Path

from mechval.axioms.progress import Snapshot
from mechval.errors import MechvalError


def saved_snapshots(directory: Path, batch_sizes: Mapping[str, int]) -> dict[Snapshot, Path]:
    """The snapshots below ``directory``, one folder per phase, in the order of the training.
    ``directory``: where a stage keeps what ``mechval.training.callbacks.Snapshots`` saved; none are
    found where it does not exist, as in a fresh clone. ``batch_sizes``: examples per step of each
    phase, in the order of the phases. Raises MechvalError for a folder that is none of the
    phases."""
    for folder in sorted(directory.glob("*")):
        if folder.name not in batch_sizes:
            raise MechvalError(
                f"{folder} is not a phase of the training; allowed: {[*batch_sizes]}."
            )
    found: dict[Snapshot, Path] = {}
    for phase, batch_size in batch_sizes.items():
        for path in sorted((directory / phase).glob("step-*.safetensors")):
            step = int(path.stem.removeprefix("step-"))
            found[Snapshot(phase, step, step * batch_size)] = path
    return found
