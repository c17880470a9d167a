"""What a finished stage shows a tracker, read by the declarations of its tables.

The tracker logs these keys and the dashboard's panels ask for them: they cannot drift apart.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval import axioms, tables
from mechval.errors import MechvalError
from mechval.pipeline import Stage
from mechval.pipeline.run_record import RunRecord, read_run_record
from mechval.reporting import paper_comparison

MAX_TABLE_ROWS = 10_000
CURVE_FILE = "learning_curve.csv"
EPSILONS = "tables/epsilon"
EPSILON_COLUMNS = ("part", "row", "measured", "printed")
AGAINST_PAPER = {
    "measured": "neurons read as in the paper",
    "calibrated": "neurons read by rules",
}
EXACT_FLOATS = 2**53


@dataclass(frozen=True)
class Contents:
    """A stage's tables and records that can be read, and its ``run.json``, if there is one."""

    stage: str
    rows: Mapping[tables.Table[Any], tuple[Any, ...]]
    values: Mapping[tables.Record[Any], Any]
    record: RunRecord | None

    def numbers(self) -> dict[str, float]:
        """Every number of the stage's records, the ε of its distinct cells, and its costs.

        Keys: ``<stage>/<name>``, ``ax<number of the axiom>_<component>/epsilon/<interpretation>``,
        ``cost/<stage>/seconds`` and ``cost/<stage>/peak_memory_gb``.
        """
        found: dict[str, float] = {
            _key(f"{self.stage}/{name}"): value
            for record in self.values.values()
            for name, value in flat(dataclasses.asdict(record))
            if tables.is_number(value)
        }
        found |= {_epsilon_key(cell): cell.epsilon for cell in self.cells()}
        if self.record:
            found[cost_key(self.stage, "seconds")] = self.record.seconds
            found[cost_key(self.stage, "peak_memory_gb")] = self.record.peak_memory_bytes / 1e9
        return found

    def cells(self) -> list[axioms.Cell]:
        """The distinct cells of every interpretation."""
        return [cell for cell in self.rows.get(axioms.CELLS, ()) if cell.is_distinct]

    def first_epsilons(self) -> list[str]:
        """The key of each cell's ε in the first interpretation that has it."""
        found: dict[str, str] = {}
        for cell in self.cells():
            found.setdefault(cell.name, _epsilon_key(cell))
        return list(found.values())

    def points(self) -> list[tuple[str, dict[str, float]]]:
        """Every step of the learning curve, as `curve_point`; none without such a table."""
        curves = (table for table in self.rows if table.name == CURVE_FILE)
        laid_out = (
            dict(tables.laid_out(row, curve.row)) for curve in curves for row in self.rows[curve]
        )
        return [curve_point(values.get("phase"), values) for values in laid_out]

    def epsilons(self) -> list[tuple[str, str, float, float | None]]:
        """Every ε as a row of ``EPSILON_COLUMNS``: of each cell the interpretations, then those
        that the paper prints, under both ways of reading neurons."""
        found: list[tuple[str, str, float, float | None]] = [
            (f"{cell.axiom} of {cell.component}", cell.interpretation, cell.epsilon, None)
            for cell in self.cells()
        ]
        compared = [
            (part, row.published, getattr(row, reading).value)
            for reading, part in AGAINST_PAPER.items()
            for row in self.rows.get(paper_comparison.COMPARISONS, ())
            if row.published.kind == "epsilon"
        ]
        return found + [
            (part, published.key, value, float(published.printed))
            for part, published, value in compared
            if value is not None
        ]

    def tables(self) -> dict[str, tuple[list[str], list[list[Any]]]]:
        """Columns and rows of each table of at most ``MAX_TABLE_ROWS``, by ``tables/<name>``."""
        found = {}
        for table, rows in self.rows.items():
            if len(rows) <= MAX_TABLE_ROWS:
                laid_out = [dict(tables.laid_out(row, table.row)) for row in rows]
                header = list(dict.fromkeys(name for row in laid_out for name in row))
                columns = [_column([row.get(name) for row in laid_out]) for name in header]
                cells = [list(row) for row in zip(*columns, strict=True)]
                found[f"tables/{Path(table.file).stem}"] = (header, cells)
        return found


def cost_key(stage: str, name: str) -> str:
    """The key of what a stage took."""
    return f"cost/{stage}/{name}"


def curve_point(phase: str | None, values: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """The prefix of a phase's keys, ``learning_curve`` or ``learning_curve/<phase>``, and the
    numbers of one of its steps by key; ``<prefix>/step`` is on the horizontal axis."""
    prefix = f"learning_curve/{phase}" if phase else "learning_curve"
    numbers = {name: x for name, x in values.items() if isinstance(x, int | float)}
    return prefix, {f"{prefix}/{name}": x for name, x in numbers.items()}


def read_contents(stage: Stage[Any], directory: Path) -> Contents:
    """Read what there is of a stage's tables; one that its declaration refuses is left out."""
    rows: dict[Any, Any] = {}
    values: dict[Any, Any] = {}
    for table in stage.tables or ():
        with contextlib.suppress(MechvalError):
            (rows if isinstance(table, tables.Table) else values)[table] = table.read(directory)
    return Contents(stage.name, rows, values, read_run_record(directory / "run.json"))


def figures(directory: Path) -> dict[str, Path]:
    """The figures, by key ``figures/<name>``."""
    return {f"figures/{path.stem}": path for path in sorted(directory.rglob("*.svg"))}


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What nested mappings hold, by dotted names."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from flat(part, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, value


def _epsilon_key(cell: axioms.Cell) -> str:
    return _key(f"ax{cell.axiom.number}_{cell.component}/epsilon/{cell.interpretation}")


def _key(name: str) -> str:
    # W&B takes dots for nesting and cannot sort by names with spaces.
    return name.replace(".", "/").replace(" ", "_")


def _column(cells: list[Any]) -> list[Any]:
    """A column of one type; counts that are too large for a float make it text, in full."""
    is_long = any(isinstance(cell, int) and abs(cell) > EXACT_FLOATS for cell in cells)
    return [None if cell is None else str(cell) for cell in cells] if is_long else cells
