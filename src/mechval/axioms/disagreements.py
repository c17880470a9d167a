"""Which samples disagree, one bit each: the axioms of a run in one file.

The header names every cell of every interpretation and the row of bits that is its own. Cells
that disagree on the very same samples, as repeated ones do, share their row.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from mechval.axioms.report import AxiomReport
from mechval.config import Config
from mechval.errors import MechvalError
from mechval.files import write_whole

DISAGREEMENTS = "disagreements.safetensors"
# One metadata entry only: safetensors writes several in an order that changes between runs.
_HEADER_KEY = "disagreements"

Disagreements: TypeAlias = Mapping[str, Mapping[str, Bool[Tensor, " sample"]]]
"""By interpretation, then by `Cell.name`: whether the two sides disagree on a sample."""


class _Header(Config):
    n_samples: int = Field(ge=0)
    rows: dict[str, dict[str, int]]


def save_disagreements(reports: Sequence[AxiomReport], directory: Path) -> None:
    """Write who disagrees where, in reports on the same samples; equal reports, equal bytes."""
    numbers: dict[bytes, int] = {}
    rows = {
        report.interpretation: {
            cell: numbers.setdefault(np.packbits(disagrees.numpy()).tobytes(), len(numbers))
            for cell, disagrees in report.disagreements.items()
        }
        for report in reports
    }
    bits = np.stack([np.frombuffer(packed, dtype=np.uint8) for packed in numbers])
    header = _Header(n_samples=reports[0].n, rows=rows)
    content = save({"bits": bits}, metadata={_HEADER_KEY: header.model_dump_json()})
    write_whole(directory / DISAGREEMENTS, content)


def load_disagreements(directory: Path) -> Disagreements:
    """Read back what `save_disagreements` wrote.

    Raises MechvalError if the file is missing, truncated or not such a file.
    """
    path = directory / DISAGREEMENTS
    try:
        with safe_open(path, framework="numpy") as file:
            header = _Header.model_validate_json(file.metadata()[_HEADER_KEY])
            bits = file.get_tensor("bits")
    except (OSError, SafetensorError, ValidationError, KeyError, TypeError) as error:
        raise _unreadable(path, type(error).__name__) from None
    numbers = {number for cells in header.rows.values() for number in cells.values()}
    shape = (len(numbers), math.ceil(header.n_samples / 8))
    if bits.dtype != np.uint8 or bits.shape != shape or numbers != {*range(len(numbers))}:
        raise _unreadable(path, f"bits of shape {bits.shape} and type {bits.dtype}")
    unpacked = np.unpackbits(bits, axis=1, count=header.n_samples)
    disagrees = torch.from_numpy(unpacked.astype(bool))
    return {
        interpretation: {cell: disagrees[number] for cell, number in cells.items()}
        for interpretation, cells in header.rows.items()
    }


def _unreadable(path: Path, found: str) -> MechvalError:
    return MechvalError(
        f"{path} cannot be read ({found}); allowed: a whole file of packed disagreements, "
        "as save_disagreements writes it."
    )
