"""The formulas of both corpora, their splits, the one file that stores them, and its card.

The file keeps clause ids as bytes and labels as bits, and carries its own provenance and the
sha256 of every split, so that a damaged or foreign file is refused and never trained on.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import safetensors.numpy
from jaxtyping import Bool, UInt8
from pydantic import NonNegativeInt
from safetensors import SafetensorError, safe_open

from mechval import tables
from mechval.config import Config
from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.two_sat.configs import DataConfig
from mechval.two_sat.problem import Problem

SplitName = Literal[
    "training.train", "training.selection", "training.test", "analysis.fit", "analysis.test"
]
SPLIT_NAMES: tuple[SplitName, ...] = get_args(SplitName)
FILE_NAME = "formulas.safetensors"


class Provenance(Config):
    """What produced the corpora: their configuration, the seed and what the draws gave."""

    config: DataConfig
    seed: NonNegativeInt
    formulas_drawn: NonNegativeInt
    satisfiable_drawn: NonNegativeInt
    duplicates_dropped: NonNegativeInt

    @property
    def natural_share(self) -> float:
        """The satisfiable share of all formulas drawn, before any was dropped."""
        return self.satisfiable_drawn / self.formulas_drawn


@dataclass(frozen=True)
class Split:
    """Formulas and their labels, half of them satisfiable, in random order."""

    clause_ids: UInt8[np.ndarray, "formula clause_position"]
    satisfiable: Bool[np.ndarray, " formula"]

    def __len__(self) -> int:
        return len(self.clause_ids)

    def first(self, n: int) -> "Split":
        """The first ``n`` formulas, or all if there are fewer; they are in random order."""
        return Split(self.clause_ids[:n], self.satisfiable[:n])

    def last(self, n: int) -> "Split":
        """The last ``n`` formulas, or all if there are fewer."""
        start = max(0, len(self) - n)
        return Split(self.clause_ids[start:], self.satisfiable[start:])


@dataclass(frozen=True)
class Corpora:
    """Both corpora, split; no formula occurs twice anywhere in them."""

    problem: Problem
    splits: Mapping[SplitName, Split]
    provenance: Provenance


class _Header(Config):
    problem: Problem
    provenance: Provenance
    sha256: dict[str, str]


def save_corpora(corpora: Corpora, directory: Path) -> Path:
    """Write both corpora into one file, which appears whole or not at all. The same corpora give
    the same bytes. Returns the file, ``FILE_NAME`` in ``directory``."""
    tensors: dict[str, np.ndarray] = {}
    for name in SPLIT_NAMES:
        split, (ids, labels) = corpora.splits[name], _keys(name)
        tensors[ids] = np.ascontiguousarray(split.clause_ids)
        tensors[labels] = np.packbits(split.satisfiable)
    header = _Header(
        problem=corpora.problem,
        provenance=corpora.provenance,
        sha256={key: _sha256(array) for key, array in tensors.items()},
    )
    # One metadata entry only: safetensors does not promise the order of several.
    content = safetensors.numpy.save(tensors, metadata={"mechval": header.model_dump_json()})
    path = directory / FILE_NAME
    write_whole(path, content)
    return path


def load_corpora(directory: Path, problem: Problem) -> Corpora:
    """Read every split written by :func:`save_corpora`. Raises MechvalError naming the file where
    it is missing, damaged, not one of ours, or made for another problem."""
    splits: dict[SplitName, Split] = {
        name: load_split(directory, problem, name) for name in SPLIT_NAMES
    }
    return Corpora(problem, splits, load_provenance(directory, problem))


def load_split(directory: Path, problem: Problem, name: SplitName) -> Split:
    """Read one split only; the others are neither read nor kept. Raises MechvalError as
    :func:`load_corpora`."""
    path = directory / FILE_NAME
    header = _read_header(path, problem)
    ids, packed = (_read_tensor(path, header, key) for key in _keys(name))
    if ids.dtype != np.uint8 or ids.ndim != 2 or ids.shape[1] != problem.n_clauses:
        raise _damaged(path, f"{name} has clause ids of shape {ids.shape} and type {ids.dtype}")
    if packed.dtype != np.uint8 or packed.shape != (-(-len(ids) // 8),):
        raise _damaged(path, f"{name} has labels of shape {packed.shape} and type {packed.dtype}")
    if len(ids) == 0 or ids.max() >= problem.n_distinct_clauses:
        raise _damaged(path, f"{name} has a clause id beyond {problem.n_distinct_clauses - 1}")
    satisfiable = np.unpackbits(packed, count=len(ids)).astype(bool)
    if 2 * satisfiable.sum() != len(ids):
        raise _damaged(path, f"{name} is not balanced")
    return Split(ids, satisfiable)


def load_provenance(directory: Path, problem: Problem) -> Provenance:
    """Read how the corpora were made, without reading a formula. Raises MechvalError as
    :func:`load_corpora`."""
    return _read_header(directory / FILE_NAME, problem).provenance


def _keys(name: SplitName) -> tuple[str, str]:
    return f"{name}.clause_ids", f"{name}.satisfiable"


def _read_header(path: Path, problem: Problem) -> _Header:
    if not path.is_file():
        raise MechvalError(f"{path} is missing; allowed: the file that the data stage writes.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        header = _Header.model_validate(json.loads(metadata["mechval"]))
    except (SafetensorError, KeyError, ValueError, RecursionError):
        raise _damaged(path, "its header cannot be read") from None
    if header.problem != problem:
        raise MechvalError(
            f"{path} holds formulas of {_size(header.problem)}; allowed: {_size(problem)}."
        )
    return header


def _read_tensor(path: Path, header: _Header, key: str) -> np.ndarray:
    try:
        with safe_open(path, framework="numpy") as file:
            array = file.get_tensor(key)
    except SafetensorError:
        raise _damaged(path, f"{key} cannot be read") from None
    if _sha256(array) != header.sha256.get(key):
        raise _damaged(path, f"{key} does not have the sha256 it was written with")
    return array


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _size(problem: Problem) -> str:
    return f"{problem.n_clauses} clauses over {problem.n_variables} variables"


def _damaged(path: Path, finding: str) -> MechvalError:
    return MechvalError(
        f"{path} is not a dataset of this project ({finding}); "
        f"allowed: the file that the data stage writes."
    )


@dataclass(frozen=True)
class SplitFacts:
    name: str = tables.told()
    formulas: int = tables.told()
    satisfiable: int = tables.told()


@dataclass(frozen=True)
class DataFacts:
    """What is in the stored file and how it was made. ``natural_satisfiable_share`` is the
    satisfiable share of all ``formulas_drawn``, before anything was dropped to balance the
    classes."""

    n_variables: int = tables.told()
    n_clauses: int = tables.told()
    n_distinct_clauses: int = tables.told()
    seed: int = tables.told()
    splits: tuple[SplitFacts, ...] = tables.told()
    formulas_drawn: int = tables.told()
    satisfiable_drawn: int = tables.told()
    natural_satisfiable_share: float = tables.number(unit="%")
    duplicates_dropped: int = tables.told()
    sha256: str = tables.told()
    file_bytes: int = tables.told()


DATA = tables.Record("data/metrics.json", DataFacts)


def describe_corpora(corpora: Corpora, path: Path) -> DataFacts:
    """Gather the facts about ``corpora`` and the file at ``path`` that stores them."""
    problem, provenance = corpora.problem, corpora.provenance
    content = path.read_bytes()
    return DataFacts(
        **problem.model_dump(),
        **provenance.model_dump(exclude={"config"}),
        n_distinct_clauses=problem.n_distinct_clauses,
        splits=tuple(
            SplitFacts(name, len(split), int(split.satisfiable.sum()))
            for name, split in corpora.splits.items()
        ),
        natural_satisfiable_share=provenance.natural_share,
        sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
    )


def render_data_card(facts: DataFacts) -> str:
    splits = "\n".join(
        f"| {split.name} | {split.formulas:,} | {split.satisfiable / split.formulas:.2%} |"
        for split in facts.splits
    )
    return f"""# Data card: 2-SAT formulas

- **Formulas**: {facts.n_clauses} clauses over {facts.n_variables} variables, each clause two \
literals over two different variables ({facts.n_distinct_clauses} distinct clauses).
- **Generator**: clauses drawn independently and uniformly, with repetition \
(`mechval.two_sat.formulas.generation`), seed {facts.seed}.
- **Natural share**: {facts.natural_satisfiable_share:.4%} of the {facts.formulas_drawn:,} \
formulas drawn are satisfiable; the corpora keep as many of each class.
- **Duplicates**: {facts.duplicates_dropped:,} repeated formulas were dropped; none occurs twice \
within or across the splits.
- **Labels**: MiniSat 2.2 through PySAT, used incrementally; every label is checked against the \
formula's truth table, and every model the solver finds against the formula's clauses.
- **Split rule**: the first formulas drawn of each class, in the order of the table, then shuffled \
within each split.

| split | formulas | satisfiable |
|---|---:|---:|
{splits}

The file has {facts.file_bytes:,} bytes, sha256 `{facts.sha256}`.
"""
