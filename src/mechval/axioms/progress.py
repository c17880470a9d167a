"""The axioms along a training: what was validated at which snapshot, as plain rows.

Issue: when does the interpretation become true? Everything that an interpretation is fitted on is
fitted anew on each snapshot by the same rules; a snapshot for which the rules give none keeps its
row, with the reason.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mechval.axioms.report import AxiomReport, Cell
from mechval.axioms.tables import Row
from mechval.progress import track

Network = TypeVar("Network")


@dataclass(frozen=True)
class Snapshot:
    """When in a training a network was saved.

    Attributes:
        phase: of the training; ``final`` for the network that the run left.
        step: optimizer steps into the phase, None where unknown.
        examples: training examples seen in the phase, None where unknown.
    """

    phase: str
    step: int | None
    examples: int | None


FINAL = Snapshot("final", None, None)


@dataclass(frozen=True, eq=False)
class Validation:
    """What validating one network gave.

    Attributes:
        reports: of the interpretations that the rules found.
        refusals: of those they did not: interpretation name to reason.
        facts: what the study tells of the network, the same names for every network.
    """

    reports: tuple[AxiomReport, ...]
    refusals: Mapping[str, str]
    facts: Mapping[str, int | float | str | bool | None]


@dataclass(frozen=True, eq=False)
class ProgressTables:
    """``cells``: one row per snapshot, interpretation and cell; ``snapshots``: one per snapshot."""

    cells: list[Row]
    snapshots: list[Row]


def measure_progress(
    networks: Mapping[Snapshot, Callable[[], Network]], validate: Callable[[Network], Validation]
) -> ProgressTables:
    """Validate the network of every snapshot, in the given order.

    Args:
        networks: loads each snapshot's network; one is in memory at a time.
        validate: fits the interpretations of a network and evaluates them.
    """
    tables = ProgressTables([], [])
    for snapshot, load in track(networks.items(), "progress measures", len(networks)):
        validation = validate(load())
        when: Row = {
            "phase": snapshot.phase,
            "step": snapshot.step,
            "examples": snapshot.examples,
        }
        tables.cells.extend({**when, **row} for row in validation_rows(validation))
        tables.snapshots.append({**when, **validation.facts})
    return tables


def validation_rows(validation: Validation) -> list[Row]:
    """Lay out all cells of every report, then one row with its reason per refused interpretation.

    ``constant.rate`` is the disagreement rate of the constant program, to be read beside ε;
    ``mean_part_error`` still moves where so many parts have to agree that all samples disagree.
    """
    return [
        *(_cell_row(report, cell) for report in validation.reports for cell in report.cells),
        *_refusal_rows(validation.refusals),
    ]


def _cell_row(report: AxiomReport, cell: Cell) -> Row:
    return {
        "interpretation": report.interpretation,
        "kind": cell.kind.value,
        "axiom": cell.axiom.number,
        "axiom_name": cell.axiom.value,
        "component": cell.component,
        "is_distinct": cell.repeats is None,
        "n": cell.n,
        "disagreements": cell.disagreements,
        "rate": cell.rate,
        "epsilon": cell.epsilon,
        "mean_part_error": cell.mean_part_error,
        "constant.rate": report.constant.rate,
        "verdict": cell.verdict.value,
        "reason": None,
    }


def _refusal_rows(refusals: Mapping[str, str]) -> Iterable[Row]:
    empty = dict.fromkeys(_CELL_COLUMNS)
    return ({**empty, "interpretation": name, "reason": why} for name, why in refusals.items())


_CELL_COLUMNS = (
    "interpretation",
    "kind",
    "axiom",
    "axiom_name",
    "component",
    "is_distinct",
    "n",
    "disagreements",
    "rate",
    "epsilon",
    "mean_part_error",
    "constant.rate",
    "verdict",
    "reason",
)
