"""Reading tracked tables back as typed records: pydantic models or dataclasses.

Field names are column names; a column ``a.b`` is field ``b`` of field ``a``; an empty cell is None.
"""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mechval.errors import MechvalError
from mechval.reporting.tables import read_csv

AnyRecord = TypeVar("AnyRecord")


def read_object(path: Path, kind: type[AnyRecord]) -> AnyRecord:
    """Read a JSON file.

    Raises:
        MechvalError: naming the file, if it is missing or is not such an object.
    """
    try:
        return TypeAdapter(kind).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise unusable_table(path, error) from None


def read_records(path: Path, kind: type[AnyRecord]) -> tuple[AnyRecord, ...]:
    """Read a CSV file.

    Raises:
        MechvalError: naming the file, if it is missing, damaged or another table.
    """
    adapter = TypeAdapter(kind)
    try:
        rows = read_csv(path)
        if not rows or not path.read_text(encoding="utf-8").endswith("\n"):
            raise ValueError("it is empty or its last row is cut off")
        return tuple(adapter.validate_python(_nested(row)) for row in rows)
    except (OSError, ValueError, TypeError, AttributeError, csv.Error) as error:
        raise unusable_table(path, error) from None


def unusable_table(path: Path, error: Exception) -> MechvalError:
    """The refusal of a table."""
    if isinstance(error, FileNotFoundError):
        return MechvalError(f"{path} is missing; the report needs this table, rerun its stage.")
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        fault = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    else:
        fault = str(error)
    return MechvalError(
        f"{path} is not the table that the report needs ({fault}); rerun its stage."
    )


def _nested(row: Mapping[str, str]) -> dict[str, Any]:
    """A row with dotted columns as nested dictionaries."""
    if None in row or None in row.values():
        raise ValueError("a row has more or fewer cells than there are columns")
    nested: dict[str, Any] = {}
    for column, value in row.items():
        *parents, name = column.split(".")
        target = nested
        for parent in parents:
            target = target.setdefault(parent, {})
        target[name] = value or None
    return nested
