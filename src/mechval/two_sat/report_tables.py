"""Reading the tracked tables of the upstream stages: all that the report is made from."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from mechval.axioms import Axiom
from mechval.errors import MechvalError
from mechval.reporting.tables import read_csv
from mechval.two_sat.interpretation import COMPONENT_NAMES
from mechval.two_sat.problem import Problem
from mechval.two_sat.published_values import PAPER_PROBLEM
from mechval.two_sat.report_records import (
    Accuracy,
    AssignmentMean,
    CellRow,
    CircuitFacts,
    CurvePoint,
    DataFacts,
    InterpretationRow,
    Neuron,
    OwnClauseAttention,
    Record,
    Snapshot,
)

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True)
class RunFacts:
    """Which run is reported.

    Attributes:
        evaluation_formulas: per training phase, the largest number of selection formulas that
            one evaluation of the learning curve uses.
    """

    problem: Problem
    seed: int
    model: Literal["own", "published"]
    evaluation_formulas: Mapping[str, int]

    @property
    def has_published_values(self) -> bool:
        """Whether the paper reports values for formulas of this size."""
        return self.problem == PAPER_PROBLEM


@dataclass(frozen=True)
class ReportTables:
    """The tables of one run; ``curve`` and ``snapshots`` are empty for an imported network."""

    run: RunFacts
    data: DataFacts
    accuracy: Accuracy
    curve: tuple[CurvePoint, ...]
    snapshots: tuple[Snapshot, ...]
    circuit: CircuitFacts
    neurons: tuple[Neuron, ...]
    assignments: tuple[AssignmentMean, ...]
    attention: tuple[OwnClauseAttention, ...]
    cells: tuple[CellRow, ...]
    interpretations: tuple[InterpretationRow, ...]

    def split_size(self, name: str) -> int:
        """Formulas in a split, as ``data/metrics.json`` says."""
        sizes = {split.name: split.formulas for split in self.data.splits}
        if name not in sizes:
            raise MechvalError(f"data/metrics.json has no split {name!r}; found: {list(sizes)}.")
        return sizes[name]

    def curve_formulas(self, phase: str) -> int:
        """N of the accuracies in the learning curve of one training phase."""
        largest = self.run.evaluation_formulas[phase]
        return min(largest, self.split_size("training.selection"))


def load_tables(run: RunFacts, directories: Mapping[str, Path]) -> ReportTables:
    """Read every table.

    Args:
        directories: the tracked results of stages ``data``, ``train``, ``circuit``, ``axioms``.

    Raises:
        MechvalError: naming the file, if one is missing or is not the table it should be.
    """
    data, train, circuit, axioms = (
        directories[name] for name in ("data", "train", "circuit", "axioms")
    )
    is_trained = run.model == "own"
    tables = ReportTables(
        run=run,
        data=_read_object(data / "metrics.json", DataFacts),
        accuracy=_read_object(train / "metrics.json", Accuracy),
        curve=_read_rows(train / "learning_curve.csv", CurvePoint) if is_trained else (),
        snapshots=_read_rows(train / "snapshots.csv", Snapshot) if is_trained else (),
        circuit=_read_object(circuit / "metrics.json", CircuitFacts),
        neurons=_read_rows(circuit / "neurons.csv", Neuron),
        assignments=_read_rows(circuit / "assignments.csv", AssignmentMean),
        attention=_read_rows(circuit / "attention.csv", OwnClauseAttention),
        cells=_read_rows(axioms / "axioms.csv", CellRow),
        interpretations=_read_rows(axioms / "interpretations.csv", InterpretationRow),
    )
    _require_complete(circuit / "assignments.csv", len(tables.assignments), _n_means(tables))
    _require_complete(axioms / "axioms.csv", len(tables.cells), _n_cells(tables))
    return tables


def _n_means(tables: ReportTables) -> int:
    readings = tables.circuit.readings.values()
    return sum(reading.evaluating_neurons * reading.assignments for reading in readings)


def _n_cells(tables: ReportTables) -> int:
    return len(Axiom) * len(COMPONENT_NAMES) * len(tables.interpretations)


def _require_complete(path: Path, n_found: int, n_expected: int) -> None:
    if n_found != n_expected:
        raise _unusable(path, ValueError(f"{n_found} rows instead of {n_expected}"))


def _read_object(path: Path, kind: type[AnyRecord]) -> AnyRecord:
    try:
        return kind.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None


def _read_rows(path: Path, kind: type[AnyRecord]) -> tuple[AnyRecord, ...]:
    try:
        rows = read_csv(path)
        if not rows or not path.read_text(encoding="utf-8").endswith("\n"):
            raise ValueError("it is empty or its last row is cut off")
        return tuple(kind.model_validate(_nested(row)) for row in rows)
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise _unusable(path, error) from None


def _nested(row: Mapping[str, str]) -> dict[str, Any]:
    """A row with dotted columns as nested dictionaries; an empty cell is None."""
    if None in row or None in row.values():
        raise ValueError("a row has more or fewer cells than there are columns")
    nested: dict[str, Any] = {}
    for column, value in row.items():
        *parents, name = column.split(".")
        target = nested
        for parent in parents:
            target = target.setdefault(parent, {})
        target[name] = value or None
    return nested


def _unusable(path: Path, error: Exception) -> MechvalError:
    if isinstance(error, FileNotFoundError):
        return MechvalError(f"{path} is missing; the report needs this table, rerun its stage.")
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        fault = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    else:
        fault = str(error)
    return MechvalError(
        f"{path} is not the table that the report needs ({fault}); rerun its stage."
    )
