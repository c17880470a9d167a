"""What the circuit evidence is kept as: plain tables, and the numbers that a report quotes."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mechval.errors import MechvalError
from mechval.reporting.tables import Row, Value, read_csv, rounded, write_csv, write_json

FACTS = "facts.json"


@dataclass(frozen=True)
class Fact:
    """One number of the evidence.

    Attributes:
        value: the number itself; for a rate ``count / n``.
        n: formulas it was measured on; None where it follows from the weights alone.
        count: formulas counted; None where the value is no rate.
    """

    value: float
    n: int | None = None
    count: int | None = None

    @classmethod
    def rate(cls, count: int, n: int) -> "Fact":
        """A share of formulas.

        >>> Fact.rate(1, 4)
        Fact(value=0.25, n=4, count=1)
        """
        return cls(count / n, n, count)


@dataclass(frozen=True)
class Evidence:
    """Tables by name, each a list of rows with the same columns, and facts by name.

    Floats have the seven significant digits that the files keep, so that reading back gives
    an equal value.
    """

    tables: Mapping[str, list[Row]]
    facts: Mapping[str, Fact]

    @classmethod
    def of(cls, parts: Iterable["Evidence"]) -> "Evidence":
        """All parts together, with their floats rounded as the files keep them."""
        tables: dict[str, list[Row]] = {}
        facts: dict[str, Fact] = {}
        for part in parts:
            tables |= {
                name: [{key: rounded(value) for key, value in row.items()} for row in rows]
                for name, rows in part.tables.items()
            }
            facts |= {name: _rounded(fact) for name, fact in part.facts.items()}
        return cls(tables, facts)


def save_evidence(evidence: Evidence, directory: Path) -> None:
    """Write one CSV per table and ``facts.json`` into ``directory``, which is made if absent."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in evidence.tables.items():
        write_csv(rows, directory / f"{name}.csv")
    write_json({name: asdict(fact) for name, fact in evidence.facts.items()}, directory / FACTS)


def load_evidence(directory: Path) -> Evidence:
    """Read what :func:`save_evidence` wrote.

    Raises:
        MechvalError: if ``facts.json`` is missing or damaged, or there is no table.
    """
    paths = sorted(directory.glob("*.csv"))
    try:
        content: dict[str, Any] = json.loads((directory / FACTS).read_text(encoding="utf-8"))
        facts = {name: Fact(**values) for name, values in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise _unreadable(directory) from None
    if not paths:
        raise _unreadable(directory)
    tables: dict[str, list[Row]] = {path.stem: _read_rows(path) for path in paths}
    return Evidence(tables, facts)


def _unreadable(directory: Path) -> MechvalError:
    return MechvalError(
        f"the evidence in {directory} cannot be read; "
        f"allowed: {FACTS} and the tables as the circuit stage writes them."
    )


def _rounded(fact: Fact) -> Fact:
    value = rounded(float(fact.value))
    assert isinstance(value, float)
    return Fact(value, fact.n, fact.count)


def _read_rows(path: Path) -> list[Row]:
    return [{key: _typed(text) for key, text in row.items()} for row in read_csv(path)]


def _typed(text: str) -> Value:
    """Undo what writing a CSV does to a value: no text in these tables looks like a number."""
    constants: dict[str, Value] = {"": None, "True": True, "False": False}
    if text in constants:
        return constants[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
