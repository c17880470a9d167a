"""The few numbers that a finished stage is told with, by the declarations of its tables."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mechval.errors import MechvalError
from mechval.pipeline.stage import Stage
from mechval.tables import Record, Table, columns_of, is_number

_SHOWN = 5


def headline(stage: Stage[Any], directory: Path) -> str:
    """The range of the first rate in the stage's first table, and the first numbers of its records.

    Tables that were not written are passed over.
    """
    told: list[str] = []
    for declared in stage.tables:
        try:
            if isinstance(declared, Record):
                told += _numbers(declared.read(directory))
            elif isinstance(declared, Table):
                told += _range(declared, directory)
        except MechvalError:
            continue
    return ", ".join(told[:_SHOWN]) or "no numbers"


def _range(table: Table[Any], directory: Path) -> Iterator[str]:
    rows = table.read(directory)
    rates = [name for name, column in columns_of(table.row).items() if column.kind == "rate"]
    values = [getattr(row, name) for name in rates[:1] for row in rows]
    values = [value for value in values if value is not None]
    where = f"{len(rows):,} rows of {table.name}"
    if values:
        yield f"{rates[0]} {min(values):.4g} to {max(values):.4g} in {where}"
    else:
        yield where


def _numbers(value: Any, name: str = "") -> Iterator[str]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        titles = columns_of(type(value))
        for part, inner in parts.items():
            yield from _numbers(inner, f"{name} {titles[part].title}".strip())
    elif isinstance(value, Mapping):
        for part, inner in value.items():
            yield from _numbers(inner, f"{name} {part}".strip())
    elif is_number(value):
        yield f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:.5g}"
