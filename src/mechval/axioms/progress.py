"""The axioms along a training: what was validated at which snapshot.

When does the interpretation become true? Everything that an interpretation is fitted on is fitted
anew on each snapshot by the same rules; of a snapshot for which the rules give none it is told why.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any, Generic, TypeVar

from mechval import tables
from mechval.axioms.report import AxiomReport, Cell, CellName, Estimate, Verdict
from mechval.progress import track

Network = TypeVar("Network")
Facts = TypeVar("Facts")
Saved = TypeVar("Saved", bound="Snapshot")


@dataclass(frozen=True)
class Snapshot:
    """When in a training a network was saved: optimizer steps and examples into a phase.

    The phase is ``final`` for the network that the run left; None is what is unknown.
    """

    phase: str = tables.told()
    step: int | None = tables.told()
    examples: int | None = tables.told()


FINAL = Snapshot("final", None, None)


@dataclass(frozen=True, eq=False)
class Validation(Generic[Facts]):
    """What validating one network gave: reports, and why the rules refused other interpretations.

    ``facts`` is what the study tells of the network, a dataclass with declared fields.
    """

    reports: tuple[AxiomReport, ...]
    refusals: Mapping[str, str]
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class SnapshotCell(Estimate, CellName, Snapshot):
    """What a training's table keeps of a `Cell` of a snapshot's network."""

    repeats: str | None = tables.told()
    mean_part_error: float = tables.rate("mean error per part")
    constant_rate: float | None = tables.rate("rate of the constant program")
    verdict: Verdict = tables.told()

    @property
    def is_distinct(self) -> bool:
        """Whether no earlier cell measures the same thing."""
        return self.repeats is None


@dataclass(frozen=True, kw_only=True)
class SnapshotRow(Snapshot):
    """A snapshot's network, to which a study's subclass adds its facts."""

    refusals: Mapping[str, str] = tables.told("no interpretation")


@dataclass(frozen=True, eq=False)
class Progress(Generic[Saved]):
    """Cells of every snapshot's interpretations, and one row per snapshot."""

    cells: tuple[SnapshotCell, ...]
    snapshots: tuple[Saved, ...]


CELLS = tables.Table("progress/progress.csv", SnapshotCell)


def measure_snapshots(
    networks: Mapping[Snapshot, Callable[[], Network]],
    validate: Callable[[Network], Validation[Any]],
    row: Callable[..., Saved],
) -> Progress[Saved]:
    """Fit and evaluate the interpretations of every snapshot's network, one in memory at a time.

    ``row`` is the study's subclass of `SnapshotRow`, whose fields are those of the facts.
    """
    cells: list[SnapshotCell] = []
    rows: list[Saved] = []
    for snapshot, load in track(networks.items(), "progress measures", len(networks)):
        found, when = validate(load()), vars(snapshot)
        for report in found.reports:
            cells += (SnapshotCell(**when, **_kept(cell)) for cell in report.cells)
        rows.append(row(**when, **vars(found.facts), refusals=found.refusals))
    return Progress(tuple(cells), tuple(rows))


def merge_snapshots(finished: Iterable[Saved], recomputed: Iterable[Saved]) -> list[Saved]:
    """The rows of a finished table; those of the snapshots measured anew take their places."""
    fresh = {key: list(rows) for key, rows in groupby(recomputed, _place)}
    kept = [fresh.pop(key, list(rows)) for key, rows in groupby(finished, _place)]
    return [row for rows in (*kept, *fresh.values()) for row in rows]


def _kept(cell: Cell) -> dict[str, Any]:
    names = {field.name for field in fields(SnapshotCell)}
    return {name: value for name, value in vars(cell).items() if name in names}


def _place(row: Snapshot) -> tuple[str, int | None]:
    return row.phase, row.step
