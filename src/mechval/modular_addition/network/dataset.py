"""Which inputs the network is trained on and which are held out, and the file that says so."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mechval import tables
from mechval.errors import MechvalError
from mechval.modular_addition.configs import DataConfig, require_both_parts
from mechval.modular_addition.problem import ModularAddition

FILE_NAME = "split.safetensors"
_HEADER = "mechval"


@dataclass(frozen=True)
class Split:
    """Pair indices ``a * p + b``, ascending: trained on and held out, together all p² inputs."""

    train: Int[Tensor, " train"]
    test: Int[Tensor, " test"]


@dataclass(frozen=True)
class Sizes:
    """How many inputs there are, and how many in each part."""

    n_pairs: int
    n_train: int
    n_test: int


SIZES = tables.Record("data/metrics.json", Sizes)


def draw_split(problem: ModularAddition, config: DataConfig, seed: int) -> Split:
    """Draw the train inputs without replacement; all others are held out.

    The inputs are shuffled as the original grokking code shuffles them, with Python's generator:
    for a network trained by that code, its seed gives back its own split. Raises MechvalError if
    the fraction leaves no train or no held-out input.
    """
    n_train = require_both_parts(problem, config)
    shuffled = list(range(problem.n_pairs))
    random.Random(seed).shuffle(shuffled)
    return Split(torch.tensor(sorted(shuffled[:n_train])), torch.tensor(sorted(shuffled[n_train:])))


def save_split(split: Split, problem: ModularAddition, directory: Path) -> Path:
    """Write a split into ``FILE_NAME`` in ``directory``; the same split gives the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE_NAME
    content = safetensors.torch.save(
        {"train": split.train, "test": split.test}, metadata={_HEADER: problem.model_dump_json()}
    )
    path.write_bytes(content)
    return path


def load_split(directory: Path, problem: ModularAddition) -> Split:
    """Read what :func:`save_split` wrote.

    Raises MechvalError if the file is missing or damaged, or made for another modulus.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        raise MechvalError(f"{path} is missing; allowed: the file that the data stage writes.")
    try:
        with safe_open(path, framework="pt") as file:
            modulus = json.loads((file.metadata() or {})[_HEADER])["p"]
            split = Split(train=file.get_tensor("train"), test=file.get_tensor("test"))
    except (SafetensorError, LookupError, TypeError, ValueError, RecursionError):
        raise _damaged(path, "it cannot be read") from None
    if modulus != problem.p:
        raise MechvalError(f"{path} holds a split for p={modulus}; allowed: p={problem.p}.")
    indices = torch.cat([split.train, split.test]).sort().values
    if not indices.equal(torch.arange(problem.n_pairs)):
        raise _damaged(path, "its parts are not all inputs, each once")
    return split


def _damaged(path: Path, finding: str) -> MechvalError:
    return MechvalError(
        f"{path} is not a split of this project ({finding}); allowed: as the data stage writes it."
    )
