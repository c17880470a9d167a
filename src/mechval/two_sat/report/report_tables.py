"""Reading the tracked tables of the upstream stages: all that the report is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mechval.axioms import Axiom
from mechval.errors import MechvalError
from mechval.reporting.records import read_object, read_records, unusable_table
from mechval.two_sat.interpretation import COMPONENT_NAMES
from mechval.two_sat.problem import Problem
from mechval.two_sat.report.published_values import PAPER_PROBLEM
from mechval.two_sat.report.report_records import (
    Accuracy,
    AssignmentMean,
    CellRow,
    CircuitFacts,
    CurvePoint,
    DataFacts,
    InterpretationRow,
    Neuron,
    OwnClauseAttention,
    Snapshot,
)


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
        data=read_object(data / "metrics.json", DataFacts),
        accuracy=read_object(train / "metrics.json", Accuracy),
        curve=read_records(train / "learning_curve.csv", CurvePoint) if is_trained else (),
        snapshots=read_records(train / "snapshots.csv", Snapshot) if is_trained else (),
        circuit=read_object(circuit / "metrics.json", CircuitFacts),
        neurons=read_records(circuit / "neurons.csv", Neuron),
        assignments=read_records(circuit / "assignments.csv", AssignmentMean),
        attention=read_records(circuit / "attention.csv", OwnClauseAttention),
        cells=read_records(axioms / "axioms.csv", CellRow),
        interpretations=read_records(axioms / "interpretations.csv", InterpretationRow),
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
        raise unusable_table(path, ValueError(f"{n_found} rows instead of {n_expected}"))
