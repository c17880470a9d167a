"""What is said of the networks that were trained to be organisms."""

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mechval import tables
from mechval.errors import MechvalError

FOLDER = "organisms"
"""In results/instruments: their weights."""


@dataclass(frozen=True)
class TrainedRow:
    """One network: its file, or its name in it; and how many of n answers are wrong."""

    network: str = tables.told()
    seed: int = tables.told()
    steps: int = tables.told()
    n: int = tables.told("N")
    wrong: int = tables.count("wrong answers")


TRAINED = tables.Table("organisms/trained.csv", TrainedRow)


def load_trained(path: Path) -> dict[str, Tensor]:
    """What `experiments.organisms` wrote; raises MechvalError if it is missing or damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise MechvalError(
            f"{path} cannot be read ({error}); allowed: what experiments.organisms writes."
        ) from None
