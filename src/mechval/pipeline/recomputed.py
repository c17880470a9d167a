"""Comparing recomputed outputs with committed ones, value by value, within declared tolerances.

Tables are read with the declaration that their stage exports and compared by the declared kind of
each value. Figures are for people: they are not recomputed, hence not compared.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval.errors import MechvalError
from mechval.pipeline.manifest import FIGURES, file_names, hash_file
from mechval.tables import Column, Declared, columns_of, is_number

COUNT_TOLERANCE = 5 / 80_000
RATE_TOLERANCE = 1.3 * COUNT_TOLERANCE
RELATIVE_TOLERANCE = 1e-5
ABSOLUTE_FLOOR = 1e-9

TABLES = frozenset({".json", ".csv"})
_ABSENT = "nothing"
_TOLD = Column("told")


@dataclass(frozen=True)
class Difference:
    """One value that is not the same in both.

    Attributes:
        path: file, relative to the stage's directory.
        key: place in the file, e.g. ``[3].epsilon``; empty for the whole file.
        tolerance: what would be allowed, in words.
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
    outputs: Collection[str],
    recomputed: Path,
    tables: Sequence[Declared],
    *,
    partial: bool = False,
    exact_files: bool = False,
) -> Comparison:
    """Compare the tracked files of one stage, of which ``recomputed`` may lack some if ``partial``.

    ``outputs``: the names of the committed ones, as the manifest has them; whatever else lies in
    their folder is nobody's output.

    Tables (JSON, CSV) are compared by value; one that is not declared is a difference. Cards and
    reports (Markdown) must be byte-equal as long as every table is. Other binary files depend on
    the machine's arithmetic, so a different byte there is told but allowed, unless ``exact_files``.
    """
    theirs = _compared(name for name in outputs if (committed / name).is_file())
    ours = _compared(file_names(recomputed))
    declared = {table.name: table for table in tables}
    found: list[Difference] = []
    files = {name for name in (*theirs, *ours) if Path(name).suffix in TABLES}
    for name in sorted(files):
        if name not in declared:
            found.append(_file_difference(name, "not declared", "a file"))
        elif name in theirs and name in ours:
            found.extend(_compare_table(name, declared[name], committed, recomputed))
    has_equal_tables = not found
    for name in theirs:
        if name in ours and name not in files:
            is_exact = has_equal_tables if Path(name).suffix == ".md" else exact_files
            hashes = hash_file(committed / name), hash_file(recomputed / name)
            if hashes[0] != hashes[1]:
                found.append(_file_difference(name, *hashes, is_allowed=not is_exact))
    return _with_lone_files(found, theirs, ours, partial)


def compare_hashes(
    committed: Mapping[str, str], recomputed: Mapping[str, str], *, partial: bool, exact: bool
) -> Comparison:
    """Compare untracked files by sha256; ``exact`` says whether other bytes are a failure."""
    found = [
        _file_difference(name, committed[name], recomputed[name], is_allowed=not exact)
        for name in sorted(committed.keys() & recomputed.keys())
        if committed[name] != recomputed[name]
    ]
    return _with_lone_files(found, sorted(committed), sorted(recomputed), partial)


def compare_values(path: str, committed: Any, recomputed: Any) -> Iterator[Difference]:
    """Compare a declared table's rows, or a record's object, by the kinds of their fields."""
    return _compare(path, "", (committed, recomputed), _TOLD, ())


def _compared(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if Path(name).suffix not in FIGURES)


def _with_lone_files(
    found: list[Difference], theirs: Sequence[str], ours: Sequence[str], partial: bool
) -> Comparison:
    extra = (_file_difference(name, _ABSENT, "a file") for name in ours if name not in theirs)
    missing = tuple(name for name in theirs if name not in ours)
    gone = () if partial else (_file_difference(name, "a file", _ABSENT) for name in missing)
    return Comparison((*found, *extra, *gone), missing)


def _compare_table(
    name: str, table: Declared, committed: Path, recomputed: Path
) -> Iterator[Difference]:
    try:
        theirs, ours = table.read(committed), table.read(recomputed)
    except MechvalError as error:
        yield _file_difference(name, "a table", f"unreadable: {error}")
        return
    yield from compare_values(name, theirs, ours)


def _compare(
    path: str, key: str, pair: tuple[Any, Any], column: Column, rows: tuple[Any, ...]
) -> Iterator[Difference]:
    """Compare two values; ``rows`` are the committed dataclasses around them, outermost first."""
    theirs, ours = pair
    if _is_row(theirs) and _is_row(ours):
        for name, inner in columns_of(type(theirs)).items():
            parts = (getattr(theirs, name), getattr(ours, name))
            yield from _compare(path, f"{key}.{name}".lstrip("."), parts, inner, (*rows, theirs))
    elif isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        for name in sorted(theirs.keys() | ours.keys()):
            parts = (theirs.get(name, _ABSENT), ours.get(name, _ABSENT))
            yield from _compare(path, f"{key}.{name}".lstrip("."), parts, column, rows)
    elif isinstance(theirs, list | tuple) and isinstance(ours, list | tuple):
        if len(theirs) != len(ours):
            yield Difference(path, key, f"{len(theirs)} items", f"{len(ours)} items", "0", False)
        for index, parts in enumerate(zip(theirs, ours, strict=False)):
            yield from _compare(path, f"{key}[{index}]", parts, column, rows)
    else:
        yield from _compare_leaf(path, key, pair, column, rows)


def _compare_leaf(
    path: str, key: str, pair: tuple[Any, Any], column: Column, rows: tuple[Any, ...]
) -> Iterator[Difference]:
    theirs, ours = pair
    if type(theirs) is type(ours) and (theirs == ours or (theirs != theirs and ours != ours)):
        return
    if column.kind == "told" or not (is_number(theirs) and is_number(ours)):
        yield Difference(path, key, theirs, ours, "equal", False)
        return
    if column.kind == "derived":
        yield Difference(path, key, theirs, ours, "that of the row it follows from", True)
        return
    allowed = _tolerance(theirs, column, rows)
    # Not a comparison of types: an integer and a float may hold the same number.
    if theirs != ours:
        is_allowed = abs(theirs - ours) <= allowed < float("inf")
        yield Difference(path, key, theirs, ours, f"{allowed:.3g}", is_allowed)


def _tolerance(committed: int | float, column: Column, rows: tuple[Any, ...]) -> float:
    relative = RELATIVE_TOLERANCE * abs(committed)
    if column.kind == "count":
        return COUNT_TOLERANCE * _samples(column.of, rows)
    if column.kind == "rate":
        return RATE_TOLERANCE + relative
    return max(relative, ABSOLUTE_FLOOR)


def _samples(name: str, rows: tuple[Any, ...]) -> int:
    """The number that a count is out of, in its own row or in the nearest one around it.

    None drawn is 0: what was counted without drawing must be equal.
    """
    for row in reversed(rows):
        if hasattr(row, name):
            return getattr(row, name) or 0
    raise AttributeError(f"{type(rows[-1]).__name__} has no field {name!r} that a count is out of")


def _file_difference(name: str, theirs: str, ours: str, *, is_allowed: bool = False) -> Difference:
    return Difference(name, "", theirs, ours, "any bytes" if is_allowed else "equal", is_allowed)


def _is_row(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
