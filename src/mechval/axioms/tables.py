"""Reports as plain rows for JSON and CSV, and per-sample disagreements as packed bits."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from mechval.axioms.report import AxiomReport, Cell
from mechval.config import Config
from mechval.errors import MechvalError

Row: TypeAlias = dict[str, int | float | str | bool | None]

# One metadata entry only: safetensors writes several in an order that changes between runs.
_HEADER_KEY = "disagreements"


@dataclass(frozen=True, eq=False)
class Disagreements:
    """Which samples disagree in which cell of one interpretation.

    Attributes:
        interpretation: its name.
        cells: names of the rows, as `Cell.name`.
        disagreements: whether the two sides of a cell disagree on a sample.
    """

    interpretation: str
    cells: tuple[str, ...]
    disagreements: Bool[Tensor, "cell sample"]


class _Header(Config):
    interpretation: str
    cells: tuple[str, ...]
    n_samples: int = Field(ge=0)


def cell_rows(report: AxiomReport) -> list[Row]:
    """The cells as plain rows. To be removed: `CELLS` writes the cells themselves."""
    return [_cell_row(report, cell) for cell in report.cells]


def report_row(report: AxiomReport) -> Row:
    """What a report says beside its cells. To be removed: `INTERPRETATIONS` writes reports."""
    constant = report.constant
    return {
        "interpretation": report.interpretation,
        "confidence": report.confidence,
        "n": constant.n,
        "n_labels": report.n_labels,
        "label_entropy_bits": report.label_entropy,
        "constant.label": constant.label,
        "constant.disagreements": constant.disagreements,
        "constant.rate": constant.rate,
        "constant.lower": constant.lower,
        "constant.upper": constant.upper,
        **{
            f"inclusion_violations.{component}": count
            for component, count in report.inclusion_violations.items()
        },
    }


def save_disagreements(report: AxiomReport, path: Path) -> None:
    """Write a report's per-sample disagreements, one bit each; equal reports, equal bytes."""
    header = _Header(
        interpretation=report.interpretation,
        cells=tuple(cell.name for cell in report.cells),
        n_samples=report.disagreements.shape[1],
    )
    bits = np.packbits(report.disagreements.numpy(), axis=1)
    path.write_bytes(save({"bits": bits}, metadata={_HEADER_KEY: header.model_dump_json()}))


def load_disagreements(path: Path) -> Disagreements:
    """Read back what `save_disagreements` wrote.

    Raises:
        MechvalError: if the file is missing, truncated or not such a file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = _Header.model_validate_json(file.metadata()[_HEADER_KEY])
            bits = file.get_tensor("bits")
    except (OSError, SafetensorError, ValidationError, KeyError, TypeError) as error:
        raise _unreadable(path, f"{type(error).__name__}") from None
    shape = (len(header.cells), math.ceil(header.n_samples / 8))
    if bits.dtype != np.uint8 or bits.shape != shape:
        raise _unreadable(path, f"bits of shape {bits.shape} and type {bits.dtype}")
    unpacked = np.unpackbits(bits, axis=1, count=header.n_samples)
    return Disagreements(
        header.interpretation, header.cells, torch.from_numpy(unpacked.astype(bool))
    )


def _unreadable(path: Path, found: str) -> MechvalError:
    return MechvalError(
        f"{path} cannot be read ({found}); allowed: a whole file of packed disagreements, "
        "as save_disagreements writes it."
    )


def _cell_row(report: AxiomReport, cell: Cell) -> Row:
    row: Row = {
        "interpretation": report.interpretation,
        "kind": cell.kind.value,
        "confidence": report.confidence,
        "axiom": cell.axiom.number,
        "axiom_name": cell.axiom.value,
        "component": cell.component,
        "is_distinct": cell.repeats is None,
        "repeats": cell.repeats,
        "n": cell.n,
        "disagreements": cell.disagreements,
        "rate": cell.rate,
        "epsilon": cell.epsilon,
        "epsilon_simultaneous": cell.epsilon_simultaneous,
        "mean_distance": cell.mean_distance,
        "mean_part_error": cell.mean_part_error,
        "equivalence": cell.equivalence,
        "verdict": cell.verdict.value,
    }
    for name, stratum in cell.strata.items():
        row[f"stratum.{name}.n"] = stratum.n
        row[f"stratum.{name}.disagreements"] = stratum.disagreements
        row[f"stratum.{name}.rate"] = stratum.rate
        row[f"stratum.{name}.epsilon"] = stratum.epsilon
    for name, mixture in cell.mixtures.items():
        row[f"mixture.{name}.rate"] = mixture.rate
        row[f"mixture.{name}.epsilon"] = mixture.epsilon
    return row
