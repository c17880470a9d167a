"""The files of progress measures, for any study: two tables, and a figure per interpretation."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from mechval.axioms.progress import ProgressTables
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.figures_progress import Curve, draw_progress
from mechval.reporting.tables import Row, read_csv, write_csv

CELLS, SNAPSHOTS = "progress.csv", "snapshots.csv"

Measures = Mapping[str, Callable[[Row], float]]
"""Lines of the learning curve: legend to value (positive) of a row of ``snapshots``."""


def write_progress(
    tables: ProgressTables, directory: Path, *, measures: Measures, unit: str
) -> None:
    """Write both tables, and draw the interpretations of snapshots whose examples are known.

    Args:
        unit: what an example is, such as ``formulas seen``.
    """
    write_csv(tables.cells, directory / CELLS)
    write_csv(tables.snapshots, directory / SNAPSHOTS)
    curves = _snapshot_curves(tables.snapshots, measures)
    drawn = dict.fromkeys(
        str(row["interpretation"]) for row in tables.cells if row["examples"] and row["component"]
    )
    for name in drawn:
        figures = directory / "figures"
        figures.mkdir(exist_ok=True)
        with figure_style():
            figure = draw_progress(tables.cells, curves, interpretation=name, unit=unit)
            save_figure(figure, figures, "progress-" + name.replace("/", "-"))


def rewrite_progress(tables: ProgressTables, finished: Path, directory: Path) -> None:
    """Write the tables in ``finished`` again, with the rows of the snapshots measured anew."""
    for name, rows in ((CELLS, tables.cells), (SNAPSHOTS, tables.snapshots)):
        write_csv(merge_snapshots(read_csv(finished / name), rows), directory / name)


def _snapshot_curves(snapshots: Sequence[Row], measures: Measures) -> list[Curve]:
    timed = [row for row in snapshots if row["examples"] is not None]
    return [
        Curve(
            label,
            phase,
            [_number(row["examples"]) for row in timed if row["phase"] == phase],
            [measure(row) for row in timed if row["phase"] == phase],
        )
        for phase in dict.fromkeys(str(row["phase"]) for row in timed)
        for label, measure in measures.items()
    ]


def merge_snapshots(finished: Sequence[Mapping[str, str]], recomputed: Sequence[Row]) -> list[Row]:
    """The rows of a finished table; those of the snapshots measured anew take their places."""
    fresh: dict[tuple[str, str], list[Row]] = {}
    for row in recomputed:
        fresh.setdefault(_key(row), []).append(row)
    merged: list[Row] = []
    for key, rows in groupby(finished, _key):
        merged += fresh.pop(key, list(rows))
    return [*merged, *(row for rows in fresh.values() for row in rows)]


def _key(row: Row) -> tuple[str, str]:
    step = row["step"]
    return str(row["phase"]), "" if step is None else str(step)


def value_of(column: str) -> Callable[[Row], float]:
    """The measure that a column of ``snapshots`` holds, such as a loss."""
    return lambda row: _number(row[column])


def error_of(accuracy: str) -> Callable[[Row], float]:
    """One minus an accuracy; none, which has no place on a log axis, is drawn at half an error."""
    return lambda row: max(1 - _number(row[accuracy]), 0.5 / _number(row["n"]))


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)
