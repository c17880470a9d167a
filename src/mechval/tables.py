"""Tables, declared once: a dataclass says what a row is, a :class:`Table` where it lies.

A field of a row carries, beside its type, what kind of number it is, its unit and its title
(:func:`count`, :func:`rate`, :func:`number`, :func:`told`). Writers, readers, the verifier and all
renderings use that one declaration. A nested dataclass or mapping is laid out as dotted columns
such as ``stratum.SAT.n``; an empty cell is None. Floats keep seven significant digits.
"""

import csv
import dataclasses
import json
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import (
    Any,
    Generic,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import TypeAdapter, ValidationError

from mechval.errors import MechvalError

Row = TypeVar("Row")
Kind = Literal["told", "count", "rate", "number"]

DIGITS = 7
_KEY = "column"


@dataclass(frozen=True)
class Column:
    """What is declared of one field.

    Attributes:
        kind: ``told`` is what must be equal (names, flags, sizes, exact integers); ``count`` is a
            number of samples out of others; ``rate`` is such a count as a share, or a bound of it;
            ``number`` is a result of floating-point arithmetic.
        title: its heading; the field's name if empty.
        unit: in words, or ``%`` for a share that is read in per cent.
        of: for a count, the field of the same row that says how many samples there are.
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


def column_of(field: "dataclasses.Field[Any]") -> Column:
    """The declaration of a field; without one it follows from the type."""
    declared = field.metadata.get(_KEY)
    column = declared or Column("number" if float in _members(field.type) else "told")
    return column if column.title else dataclasses.replace(column, title=_title(field.name))


def columns_of(row: type) -> dict[str, Column]:
    """The declarations of a row's fields, by name."""
    return {field.name: column_of(field) for field in dataclasses.fields(row)}


@dataclass(frozen=True)
class Table(Generic[Row]):
    """A CSV file.

    Attributes:
        file: its name, relative to the folder of the run (``axioms/axioms.csv``).
        row: dataclass of its rows.
    """

    file: str
    row: type[Row]

    @property
    def stage(self) -> str:
        """The stage that writes it."""
        return self.file.partition("/")[0]

    def write(self, rows: Iterable[Row], folder: Path) -> None:
        """Write the rows, in the folder of their stage; all of them lay out the same columns."""
        laid_out = [dict(_laid_out(row)) for row in rows]
        header = list(laid_out[0]) if laid_out else list(self._empty_header())
        path = _place(folder, self.file)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(laid_out)

    def read(self, folder: Path) -> tuple[Row, ...]:
        """Read the rows from the folder of their stage.

        Raises:
            MechvalError: naming the file, if it is missing, damaged or another table.
        """
        path = _place(folder, self.file)
        adapter = TypeAdapter(self.row)
        try:
            text = path.read_text(encoding="utf-8")
            if not text.endswith("\n"):
                raise ValueError("its last row is cut off")
            found = list(csv.DictReader(text.splitlines()))
            return tuple(adapter.validate_python(_nested(row, self.row)) for row in found)
        except (OSError, ValueError, csv.Error) as error:
            raise unusable(path, error) from None

    def _empty_header(self) -> Iterator[str]:
        for field in dataclasses.fields(self.row):  # pyright: ignore[reportArgumentType]
            yield field.name


@dataclass(frozen=True)
class Record(Generic[Row]):
    """A JSON file that holds one object.

    Attributes:
        file: its name, relative to the folder of the run (``train/metrics.json``).
        row: dataclass of the object.
    """

    file: str
    row: type[Row]

    @property
    def stage(self) -> str:
        """The stage that writes it."""
        return self.file.partition("/")[0]

    def write(self, value: Row, folder: Path) -> None:
        """Write the object, keys sorted, in the folder of its stage."""
        plain = _rounded_deeply(dataclasses.asdict(value))  # pyright: ignore[reportArgumentType]
        text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False)
        _place(folder, self.file).write_text(text + "\n", encoding="utf-8")

    def read(self, folder: Path) -> Row:
        """Read the object; raises MechvalError as :meth:`Table.read` does."""
        path = _place(folder, self.file)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise ValueError("it holds no object")
            names = {field.name for field in dataclasses.fields(self.row)}  # pyright: ignore[reportArgumentType]
            if unknown := content.keys() - names:
                raise ValueError(f"unknown key {min(unknown)}")
            return TypeAdapter(self.row).validate_python(content)
        except (OSError, ValueError) as error:
            raise unusable(path, error) from None


Declared: TypeAlias = Table[Any] | Record[Any]


def unusable(path: Path, error: Exception) -> MechvalError:
    """The refusal of a table."""
    if isinstance(error, FileNotFoundError):
        return MechvalError(f"{path} is missing; allowed: the table as its stage wrote it.")
    fault = str(error)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        fault = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
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


def _field(column: Column, default: Mapping[str, Any]) -> Any:
    return dataclasses.field(metadata={_KEY: column}, **default)


def _title(name: str) -> str:
    return name.removeprefix("is_").replace("_", " ")


def _place(folder: Path, file: str) -> Path:
    """A stage's folder holds the file without the stage's name, which comes first."""
    return folder / file.partition("/")[2]


def _laid_out(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Columns and cells of a row, nested ones with dotted names."""
    if dataclasses.is_dataclass(value):
        parts = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    else:
        parts = list(value.items())
    for name, part in parts:
        if dataclasses.is_dataclass(part) or isinstance(part, Mapping):
            yield from _laid_out(part, f"{prefix}{name}.")
        elif isinstance(part, Sequence) and not isinstance(part, str):
            yield f"{prefix}{name}", " ".join(map(str, part))
        else:
            yield f"{prefix}{name}", rounded(part.value if isinstance(part, Enum) else part)


def _nested(row: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """A row of text with dotted columns as nested dictionaries; undeclared columns are refused."""
    if None in row or None in row.values():
        raise ValueError("a row has more or fewer cells than there are columns")
    hints = get_type_hints(kind)
    nested: dict[str, Any] = {name: {} for name, hint in hints.items() if _is_mapping(hint)}
    for column, text in row.items():
        *parents, name = column.split(".")
        target, leaf = nested, _leaf(kind, column)
        for parent in parents:
            target = target.setdefault(parent, {})
        if any(get_origin(member) is tuple for member in leaf):
            target[name] = text.split()
        else:
            target[name] = text if text or types.NoneType not in leaf else None
    return nested


def _leaf(kind: Any, column: str) -> tuple[Any, ...]:
    """What the cells of a column may be."""
    members = (kind,)
    for name in column.split("."):
        if _is_mapping(members[0]):
            members = _members(get_args(members[0])[1])
        elif dataclasses.is_dataclass(members[0]):
            hints = get_type_hints(members[0])
            if name not in hints:
                raise ValueError(f"unknown column {column}")
            members = _members(hints[name])
        else:
            raise ValueError(f"unknown column {column}")
    return members


def _members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the type itself."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is_mapping(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _rounded_deeply(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded_deeply(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded_deeply(part) for part in value]
    return rounded(value.value if isinstance(value, Enum) else value)
