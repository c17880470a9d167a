"""Tables as CSV and JSON with stable bytes: fixed column order, seven significant digits."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = Mapping[str, Value]

DIGITS = 7


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write rows that share their keys; the first row's key order is the column order."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: rounded(value) for key, value in row.items()} for row in rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table; every value is text, an empty one stands for None."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write nested plain values with sorted keys."""
    text = json.dumps(_rounded_deeply(content), indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def rounded(value: Value) -> Value:
    """A float with seven significant digits, anything else as it is.

    >>> rounded(0.123456789)
    0.1234568
    """
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _rounded_deeply(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded_deeply(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded_deeply(part) for part in value]
    return rounded(value)
