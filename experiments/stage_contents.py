"""What a finished stage shows a tracker, read from its files: one key for each thing.

The tracker logs these keys and the dashboard's panels ask for them: they cannot drift apart.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_TABLE_ROWS = 10_000
CURVE_FILE = "learning_curve.csv"
EXACT_FLOATS = 2**53

Cell = str | float | int | None


@dataclass(frozen=True)
class Curve:
    """A table with steps, one phase of training.

    Attributes:
        prefix: of its keys, ``learning_curve`` or ``learning_curve/<phase>``.
        rows: the numbers by key, in the order of the steps.
    """

    prefix: str
    rows: list[dict[str, float]]

    @property
    def step(self) -> str:
        """The key on the horizontal axis."""
        return f"{self.prefix}/step"


@dataclass(frozen=True)
class Table:
    """A CSV file; columns that hold only numbers are numbers, empty cells None."""

    columns: list[str]
    rows: list[list[Cell]]


def numbers(stage: str, directory: Path) -> dict[str, float]:
    """Every number of ``metrics.json`` as ``<stage>/<name>``, and what the stage cost.

    Costs come from ``run.json``: ``system/seconds`` and ``system/peak_memory_gb``.
    """
    found = {f"{stage}/{key}": value for key, value in _flatten("", _load(directory, "metrics"))}
    record = _load(directory, "run")
    if record:
        found["system/seconds"] = record["seconds"]
        found["system/peak_memory_gb"] = record["peak_memory_bytes"] / 1e9
    return found


def record(directory: Path) -> Any:
    """``run.json``: where, when and with what the stage ran; empty if it is absent."""
    return _load(directory, "run")


def curves(directory: Path) -> list[Curve]:
    """The learning curve, one per phase of training; none where there is no such table."""
    path = directory / CURVE_FILE
    if not path.exists():
        return []
    found: dict[str, Curve] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            phase = row.pop("phase", None)
            prefix = f"learning_curve/{phase}" if phase else "learning_curve"
            values = {f"{prefix}/{name}": float(text) for name, text in row.items() if text}
            found.setdefault(prefix, Curve(prefix, [])).rows.append(values)
    return list(found.values())


def figures(directory: Path) -> dict[str, Path]:
    """The figures, by key ``figures/<name>``."""
    return {f"figures/{path.stem}": path for path in sorted(directory.rglob("*.svg"))}


def tables(directory: Path) -> dict[str, Table]:
    """The tables of at most ``MAX_TABLE_ROWS`` rows, by key ``tables/<name>``."""
    found = {}
    for path in sorted(directory.rglob("*.csv")):
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        if len(rows) <= MAX_TABLE_ROWS:
            columns = [_typed(column) for column in zip(*rows, strict=True)]
            typed = [list(row) for row in zip(*columns, strict=True)]
            found[f"tables/{path.stem}"] = Table(header, typed)
    return found


def _flatten(key: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(f"{key}/{name}" if key else name, inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # W&B takes dots for nesting and cannot sort by names with spaces.
        yield key.replace(".", "/").replace(" ", "_"), value


def _typed(column: tuple[str, ...]) -> list[Cell]:
    """A column as numbers if all of it are; counts too large for a float stay text, in full."""
    try:
        values = [float(text) if text else None for text in column]
    except ValueError:
        return [text or None for text in column]
    if any(value is not None and abs(value) > EXACT_FLOATS for value in values):
        return [text or None for text in column]
    return list(values)


def _load(directory: Path, name: str) -> Any:
    path = directory / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
