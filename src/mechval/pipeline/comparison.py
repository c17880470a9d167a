"""Comparing recomputed outputs with committed ones, value by value, within stated tolerances."""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval.pipeline.manifest import PRESENTATION, file_names, hash_file

COUNT_TOLERANCE = 5 / 80_000
COUNT_SAMPLES = 80_000
RATE_TOLERANCE = 1.3 * COUNT_TOLERANCE
RELATIVE_TOLERANCE = 1e-5
ABSOLUTE_FLOOR = 1e-9

_COUNT = re.compile(r"(?P<prefix>.*)(disagreements|_count)")
# A mean part error is a count of wrong parts over all parts.
_RATE = re.compile(r"(^|[._\[\]])(rate|epsilon|accuracy|mean_part_error)s?($|[._\[\]])")
_INTEGER = re.compile(r"[+-]?\d+")
_ABSENT = "nothing"


@dataclass(frozen=True)
class Difference:
    """One value that is not the same in both.

    Attributes:
        path: file, relative to the stage's directory.
        key: place in the file, e.g. ``[3].epsilon``; empty for the whole file.
        committed: the value in the committed file.
        recomputed: the value now.
        tolerance: what would be allowed, in words.
        is_allowed: whether the difference is within it.
    """

    path: str
    key: str
    committed: Any
    recomputed: Any
    tolerance: str
    is_allowed: bool

    def __str__(self) -> str:
        place = f"{self.path} {self.key}".strip()
        return (
            f"{place}: committed {self.committed!r}, recomputed {self.recomputed!r}, "
            f"tolerance {self.tolerance}"
        )


@dataclass(frozen=True)
class Comparison:
    """Differences of one directory, and committed files with no counterpart."""

    differences: tuple[Difference, ...]
    not_recomputed: tuple[str, ...]


def compare_tracked(
    committed: Path,
    recomputed: Path,
    *,
    partial: bool = False,
    exact_files: bool = False,
    tables_equal: bool = True,
) -> Comparison:
    """Compare the tracked files of one stage.

    Tables (JSON, CSV) are compared by value. Cards and reports (Markdown) must be byte-equal as
    long as every table is. Figures are redrawn from tables and other binary files depend on the
    machine's arithmetic, so a different byte there is told but allowed, unless ``exact_files``.

    Args:
        committed: the committed directory.
        recomputed: the recomputed directory.
        partial: whether files may be absent from ``recomputed``.
        exact_files: whether binary files must be byte-equal.
        tables_equal: whether all tables of earlier stages were equal.
    """
    theirs, ours = file_names(committed), file_names(recomputed)
    common = [name for name in theirs if name in ours]
    tables = [name for name in common if Path(name).suffix in (".json", ".csv")]
    found = [item for name in tables for item in _compare_table(name, committed, recomputed)]
    tables_equal = tables_equal and not found
    for name in common:
        if name not in tables:
            found.extend(_compare_bytes(name, committed, recomputed, exact_files, tables_equal))
    found.extend(_file_difference(name, _ABSENT, "a file") for name in ours if name not in theirs)
    missing = tuple(name for name in theirs if name not in ours)
    if not partial:
        found.extend(_file_difference(name, "a file", _ABSENT) for name in missing)
    return Comparison(tuple(found), missing)


def compare_hashes(
    committed: Mapping[str, str], recomputed: Mapping[str, str], *, partial: bool, exact: bool
) -> Comparison:
    """Compare untracked files by sha256; ``exact`` says whether other bytes are a failure."""
    found = [
        _file_difference(name, committed[name], recomputed[name], is_allowed=not exact)
        for name in sorted(committed.keys() & recomputed.keys())
        if committed[name] != recomputed[name]
    ]
    extra = sorted(recomputed.keys() - committed.keys())
    missing = tuple(sorted(committed.keys() - recomputed.keys()))
    found.extend(_file_difference(name, _ABSENT, "a file") for name in extra)
    if not partial:
        found.extend(_file_difference(name, "a file", _ABSENT) for name in missing)
    return Comparison(tuple(found), missing)


def compare_values(path: str, committed: Any, recomputed: Any) -> Iterator[Difference]:
    """Compare two tables, given as the nested plain values of a JSON file."""
    return _compare(path, "", committed, recomputed, {})


def _compare_table(name: str, committed: Path, recomputed: Path) -> list[Difference]:
    try:
        theirs, ours = _load_table(committed / name), _load_table(recomputed / name)
    except ValueError as error:
        return [_file_difference(name, "a table", f"unreadable: {error}")]
    return list(compare_values(name, theirs, ours))


def _load_table(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    rows = list(csv.reader(text.splitlines()))
    header = rows[0] if rows else []
    if any(len(row) != len(header) for row in rows):
        raise ValueError("rows of different lengths")
    cells = [dict(zip(header, map(_parse_cell, row), strict=True)) for row in rows[1:]]
    return {"header": header, "rows": cells}


def _parse_cell(cell: str) -> Any:
    if _INTEGER.fullmatch(cell):
        return int(cell)
    try:
        return float(cell)
    except ValueError:
        return cell


def _compare(
    path: str, key: str, theirs: Any, ours: Any, row: Mapping[str, Any]
) -> Iterator[Difference]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(theirs.keys() | ours.keys()):
            inner = f"{key}.{name}" if key else name
            yield from _compare_item(path, inner, name, theirs, ours)
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield Difference(path, key, f"{len(theirs)} items", f"{len(ours)} items", "0", False)
        for index, (their, our) in enumerate(zip(theirs, ours, strict=False)):
            yield from _compare(path, f"{key}[{index}]", their, our, row)
    else:
        yield from _compare_leaf(path, key, theirs, ours, row)


def _compare_item(
    path: str, key: str, name: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> Iterator[Difference]:
    if name in theirs and name in ours:
        yield from _compare(path, key, theirs[name], ours[name], theirs)
    else:
        yield Difference(path, key, theirs.get(name, _ABSENT), ours.get(name, _ABSENT), "0", False)


def _compare_leaf(
    path: str, key: str, theirs: Any, ours: Any, row: Mapping[str, Any]
) -> Iterator[Difference]:
    if type(theirs) is type(ours) and (theirs == ours or (theirs != theirs and ours != ours)):
        return
    if not (_is_number(theirs) and _is_number(ours)):
        yield Difference(path, key, theirs, ours, "equal", False)
        return
    allowed = _tolerance(key, theirs, ours, row)
    is_allowed = abs(theirs - ours) <= allowed
    if not is_allowed or theirs != ours:
        yield Difference(path, key, theirs, ours, f"{allowed:.3g}", is_allowed)


def _tolerance(key: str, theirs: int | float, ours: int | float, row: Mapping[str, Any]) -> float:
    if isinstance(theirs, int) and isinstance(ours, int):
        name = re.sub(r"(\[\d+\])+$", "", key).rpartition(".")[2]
        count = _COUNT.fullmatch(name)
        return COUNT_TOLERANCE * _samples(count["prefix"], row) if count else 0.0
    if not math.isfinite(theirs):
        return 0.0
    relative = RELATIVE_TOLERANCE * abs(theirs)
    if _RATE.search(key):
        return RATE_TOLERANCE + relative
    return max(relative, ABSOLUTE_FLOOR)


def _samples(prefix: str, row: Mapping[str, Any]) -> int:
    """How many samples a count is out of: the ``n`` with the same prefix, or the row's."""
    for name in (f"{prefix}n", f"{prefix}_n", "n"):
        if isinstance(row.get(name), int):
            return row[name]
    return COUNT_SAMPLES


def _compare_bytes(
    name: str, committed: Path, recomputed: Path, exact_files: bool, tables_equal: bool
) -> Sequence[Difference]:
    theirs, ours = hash_file(committed / name), hash_file(recomputed / name)
    if theirs == ours:
        return []
    suffix = Path(name).suffix
    is_exact = tables_equal if suffix == ".md" else exact_files and suffix not in PRESENTATION
    return [_file_difference(name, theirs, ours, is_allowed=not is_exact)]


def _file_difference(name: str, theirs: str, ours: str, *, is_allowed: bool = False) -> Difference:
    return Difference(name, "", theirs, ours, "any bytes" if is_allowed else "equal", is_allowed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
