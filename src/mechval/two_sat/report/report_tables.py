"""Reading the tracked tables of the upstream stages: all that the report is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mechval.axioms import Axiom
from mechval.errors import MechvalError
from mechval.reporting.records import read_records, unusable_table
from mechval.two_sat.circuit.evidence.attention import OWN_CLAUSE_ATTENTION, OwnClauseRow
from mechval.two_sat.circuit.evidence.facts import FACTS, CircuitFacts
from mechval.two_sat.circuit.evidence.neuron_rows import (
    MEAN_ACTIVATIONS,
    NEURONS,
    MeanActivationRow,
    NeuronRow,
)
from mechval.two_sat.circuit.evidence.program_rows import COVERAGE, CoverageRow
from mechval.two_sat.circuit.sparsity import SNAPSHOTS, SnapshotRow
from mechval.two_sat.formulas.card import DATA, DataFacts
from mechval.two_sat.interpretation import COMPONENT_NAMES
from mechval.two_sat.network.accuracy import ACCURACY, Accuracy
from mechval.two_sat.network.training import LEARNING_CURVE, LearningCurveRow
from mechval.two_sat.problem import Problem
from mechval.two_sat.report.published_values import PAPER_PROBLEM
from mechval.two_sat.report.report_records import CellRow, InterpretationRow


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
    curve: tuple[LearningCurveRow, ...]
    snapshots: tuple[SnapshotRow, ...]
    circuit: CircuitFacts
    neurons: tuple[NeuronRow, ...]
    means: tuple[MeanActivationRow, ...]
    coverage: tuple[CoverageRow, ...]
    attention: tuple[OwnClauseRow, ...]
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
        data=DATA.read(data),
        accuracy=ACCURACY.read(train),
        curve=LEARNING_CURVE.read(train) if is_trained else (),
        snapshots=SNAPSHOTS.read(train) if is_trained else (),
        circuit=FACTS.read(circuit),
        neurons=NEURONS.read(circuit),
        means=MEAN_ACTIVATIONS.read(circuit),
        coverage=COVERAGE.read(circuit),
        attention=OWN_CLAUSE_ATTENTION.read(circuit),
        cells=read_records(axioms / "axioms.csv", CellRow),
        interpretations=read_records(axioms / "interpretations.csv", InterpretationRow),
    )
    n_means = sum(any(r.evaluates for r in row.reading.values()) for row in tables.neurons)
    _require_complete(circuit / "mean_activations.csv", len(tables.means), n_means)
    _require_complete(axioms / "axioms.csv", len(tables.cells), _n_cells(tables))
    return tables


def _n_cells(tables: ReportTables) -> int:
    return len(Axiom) * len(COMPONENT_NAMES) * len(tables.interpretations)


def _require_complete(path: Path, n_found: int, n_expected: int) -> None:
    if n_found != n_expected:
        raise unusable_table(path, ValueError(f"{n_found} rows instead of {n_expected}"))
