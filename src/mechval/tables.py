"""Tables, declared once: a dataclass says what a row is, a :class:`Table` where it lies.

A field of a row carries, beside its type, what kind of number it is, its unit and its title
(:func:`count`, :func:`rate`, :func:`number`, :func:`derived`, :func:`told`). Writers, readers, the
verifier and all renderings use that one declaration. A nested dataclass or mapping is laid out as
dotted columns such as ``strata.SAT.n``; an empty cell is None, or a mapping without that key. A
list is written with spaces between. Floats keep seven significant digits. Files are written aside,
then renamed.
"""

import csv
import dataclasses
import functools
import io
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from mechval.errors import MechvalError
from mechval.files import write_whole

Row = TypeVar("Row")
Kind = Literal["told", "count", "rate", "number", "derived"]

DIGITS = 7
_KEY = "column"
_UNKNOWN = "unexpected_keyword_argument"


@dataclass(frozen=True)
class Column:
    """What is declared of one field.

    Attributes:
        kind: ``told`` is what must be equal (names, flags, sizes, exact integers); ``count`` is a
            number of samples out of others; ``rate`` is such a count as a share, or a bound of it;
            ``number`` is a result of floating-point arithmetic; ``derived`` follows from the rest
            of its row, which is compared instead.
        title: its heading; the field's name if empty.
        unit: in words, or ``%`` for a share that is read in per cent.
        of: for a count, the field of the same row that says how many samples there are; where
            that is empty, the count is exact.
    """

    kind: Kind
    title: str = ""
    unit: str = ""
    of: str = ""


def told(title: str = "", unit: str = "", **default: Any) -> Any:
    """A field whose value must be equal when it is computed again."""
    return _field(Column("told", title, unit), default)


def count(title: str = "", *, of: str = "n", unit: str = "", **default: Any) -> Any:
    """A field that counts samples, out of those that the field ``of`` says."""
    return _field(Column("count", title, unit, of), default)


def rate(title: str = "", unit: str = "", **default: Any) -> Any:
    """A field with a share of samples, or a bound of it."""
    return _field(Column("rate", title, unit), default)


def number(title: str = "", unit: str = "", **default: Any) -> Any:
    """A field with a result of floating-point arithmetic."""
    return _field(Column("number", title, unit), default)


def derived(title: str = "", unit: str = "", **default: Any) -> Any:
    """A field that follows from the row's other fields, however fast it changes with them."""
    return _field(Column("derived", title, unit), default)


def column_of(field: "dataclasses.Field[Any]") -> Column:
    """The declaration of a field; without one it follows from the type."""
    declared = field.metadata.get(_KEY)
    column = declared or Column("number" if _holds_floats(field.type) else "told")
    title = column.title or field.name.removeprefix("is_").replace("_", " ")
    return dataclasses.replace(column, title=title)


def columns_of(row: type) -> dict[str, Column]:
    """The declarations of a row's fields, by name."""
    return {field.name: column_of(field) for field in dataclasses.fields(row)}


@dataclass(frozen=True)
class _File(Generic[Row]):
    """What a table and a record have in common.

    Attributes:
        file: its name, relative to the folder of the run (``axioms/axioms.csv``).
        row: dataclass of its rows, or of its one object.
    """

    file: str
    row: type[Row]

    @property
    def stage(self) -> str:
        """The stage that writes it."""
        return self.file.partition("/")[0]

    @property
    def name(self) -> str:
        """The file in the folder of that stage, whose name comes first."""
        return self.file.partition("/")[2]

    def path(self, folder: Path) -> Path:
        """Where it lies, from the folder of its stage."""
        return folder / self.name


class Table(_File[Row]):
    """A CSV file."""

    def write(self, rows: Iterable[Row], folder: Path) -> None:
        """Write the rows, in the folder of their stage.

        Columns are the declared ones, in the order of the fields; what a subclass of the row adds
        is left out. A key that only some rows have in a mapping is a column of all; where they
        have none, its cell is empty.

        Raises ValueError as :func:`laid_out`.
        """
        found = [dict(laid_out(row, self.row)) for row in rows]
        header = {column: None for row in found for column in row} or [*_own_columns(self.row)]
        text = io.StringIO()
        writer = csv.DictWriter(text, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
        write_whole(self.path(folder), text.getvalue().encode())

    def read(self, folder: Path) -> tuple[Row, ...]:
        """Read the rows from the folder of their stage.

        Raises MechvalError naming the file, if it is missing, damaged or another table.
        """
        path = self.path(folder)
        try:
            text = path.read_text(encoding="utf-8")
            if not text.endswith("\n"):
                raise ValueError("its last row is cut off")
            header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
            return tuple(map(_adapter(self.row).validate_python, _nested(self.row, header, rows)))
        except (OSError, ValueError, csv.Error) as error:
            raise unusable(path, error) from None


class Record(_File[Row]):
    """A JSON file that holds one object."""

    def write(self, value: Row, folder: Path) -> None:
        """Write the object, keys sorted, in the folder of its stage."""
        plain = _rounded_deeply(dataclasses.asdict(value))  # pyright: ignore[reportArgumentType]
        text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False)
        write_whole(self.path(folder), f"{text}\n".encode())

    def read(self, folder: Path) -> Row:
        """Read the object; raises MechvalError as :meth:`Table.read` does."""
        path = self.path(folder)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError("it holds no object")
            return _adapter(self.row).validate_python(content, extra="forbid")
        except (OSError, ValueError, RecursionError) as error:
            raise unusable(path, error) from None


Declared: TypeAlias = Table[Any] | Record[Any]


def unusable(path: Path, error: Exception) -> MechvalError:
    """The refusal of a table."""
    if isinstance(error, FileNotFoundError):
        return MechvalError(f"{path} is missing; allowed: the table as its stage wrote it.")
    fault = str(error)
    if isinstance(error, ValidationError):
        # What is too much tells more than what is missing for it.
        first = min(error.errors(), key=lambda each: each["type"] != _UNKNOWN)
        place = ".".join(map(str, first["loc"]))
        is_unknown = first["type"] == _UNKNOWN
        fault = f"unknown key {first['loc'][-1]}" if is_unknown else f"{place}: {first['msg']}"
    return MechvalError(
        f"{path} is not the table that is declared ({fault}); allowed: the file that its stage "
        "wrote, rerun it."
    )


def rounded(value: Any) -> Any:
    """A float with seven significant digits, anything else as it is.

    >>> rounded(0.123456789)
    0.1234568
    """
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def is_number(value: Any) -> bool:
    """Whether a value is a number; a flag is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def laid_out(value: Any, hint: Any, column: str = "") -> Iterator[tuple[str, Any]]:
    """Columns and cells of a row of that type, or of a part of one, nested ones with dotted names.

    Raises ValueError for a mapping key with a dot, or a list entry with a space.
    """
    kind, start = _kind(hint), f"{column}." if column else ""
    if value is not None and dataclasses.is_dataclass(kind):
        for name, part in _hints(kind).items():
            yield from laid_out(getattr(value, name), part, start + name)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if "." in name:
                raise ValueError(f"{start}{name} is no column; allowed: keys without dots")
            yield from laid_out(part, get_args(kind)[1], start + name)
    elif value is not None or not dataclasses.is_dataclass(kind):
        yield column, _listed(value, column) if _is_a(kind, Sequence) else _plain(value)


def _field(column: Column, default: Mapping[str, Any]) -> Any:
    return dataclasses.field(metadata={_KEY: column}, **default)


def _listed(items: Sequence[Any] | None, column: str) -> str:
    texts = [str(_plain(item)) for item in items or ()]
    if any(text.split() != [text] for text in texts):
        raise ValueError(f"{column} holds {texts}; allowed: entries that hold no space")
    return " ".join(texts)


def _plain(value: Any) -> Any:
    return rounded(value.value if isinstance(value, Enum) else value)


def _rounded_deeply(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded_deeply(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded_deeply(part) for part in value]
    return _plain(value)


def _own_columns(row: Any, prefix: str = "") -> Iterator[str]:
    """The columns that every table of such rows has: those of no mapping and no optional part."""
    for name, hint in _hints(row).items():
        if dataclasses.is_dataclass(hint):
            yield from _own_columns(hint, f"{prefix}{name}.")
        elif not _is_a(_kind(hint), Mapping) and not dataclasses.is_dataclass(_kind(hint)):
            yield f"{prefix}{name}"


def _nested(row: Any, header: list[str], rows: list[list[str]]) -> Iterator[Any]:
    """Rows of text as nested dictionaries; columns that do not fit the declaration are refused."""
    if unknown := [column for column in header if not _is_declared(row, column)]:
        raise ValueError(f"unknown column {unknown[0]}")
    if len(set(header)) < len(header):
        raise ValueError("a column occurs twice")
    if lacking := set(_own_columns(row)) - set(header):
        raise ValueError(f"column {min(lacking)} is missing")
    for cells in rows:
        if len(cells) != len(header):
            raise ValueError("a row has more or fewer cells than there are columns")
        yield _built(row, dict(zip(header, cells, strict=True)))


def _is_declared(hint: Any, column: str) -> bool:
    """Whether a value of that type has such a column; one without a name is the value itself."""
    kind, (name, _, rest) = _kind(hint), column.partition(".")
    if not dataclasses.is_dataclass(kind) and not _is_a(kind, Mapping):
        return not column
    part = get_args(kind)[1] if _is_a(kind, Mapping) else _hints(kind).get(name)
    return part is not None and _is_declared(part, rest)


def _built(hint: Any, cells: Mapping[str, str]) -> Any:
    """What pydantic makes a value of that type from; ``cells`` by the rest of their columns."""
    kind = _kind(hint)
    if _may_be_none(hint) and not any(cells.values()):
        return None
    if "" in cells:
        return cells[""].split() if _is_a(kind, Sequence) else cells[""]
    parts: dict[str, dict[str, str]] = {}
    for column, text in cells.items():
        name, _, rest = column.partition(".")
        parts.setdefault(name, {})[rest] = text
    if not _is_a(kind, Mapping):
        return {name: _built(part, parts.get(name, {})) for name, part in _hints(kind).items()}
    part = get_args(kind)[1]
    present = {name: own for name, own in parts.items() if _may_be_none(part) or any(own.values())}
    return {name: _built(part, own) for name, own in present.items()}


@functools.cache
def _adapter(row: Any) -> Any:
    """Its pydantic adapter, which takes long to make."""
    return TypeAdapter(row)


@functools.cache
def _hints(row: Any) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    hints = typing.get_type_hints(row)
    return {field.name: hints[field.name] for field in dataclasses.fields(row)}


@functools.cache
def _members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the type itself."""
    return get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


@functools.cache
def _kind(hint: Any) -> Any:
    """The type itself, without the None that it may be instead."""
    return next(member for member in _members(hint) if member is not types.NoneType)


@functools.cache
def _may_be_none(hint: Any) -> bool:
    return types.NoneType in _members(hint)


@functools.cache
def _is_a(hint: Any, kind: type) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, kind)


def _holds_floats(hint: Any) -> bool:
    return hint is float or any(map(_holds_floats, get_args(hint)))
