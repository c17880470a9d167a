"""Tables and numbers as people read them; a page lays them out as Markdown or as HTML."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias, TypeVar

from mechval.tables import Column, columns_of, is_number

Pick: TypeAlias = str | tuple[str, str | Callable[[Any], Any]]
"""Columns to show: fields (``epsilon strata.SAT.n``) under their declared titles, in backticks what
is set as code; or a title of one's own, with a field or with what is told of a row."""
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class CellText:
    """A cell: its text, what it sorts by, a shade between 0 and 1, and where it leads."""

    text: str
    order: int | float | str = ""
    shade: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Shown:
    """A table to read; ``numbers`` says of each column whether it is aligned as numbers are."""

    header: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[CellText, ...], ...]


def show(rows: Iterable[Any], *picks: Pick) -> Shown:
    """Lay out rows of one class; a declared column is titled and printed as it is declared."""
    rows = list(rows)
    header, columns = [], []
    for title, source in _single(picks):
        path = source.strip("`") if isinstance(source, str) else ""
        column = _declared(rows[0], path) if rows and path else None
        told_title = column.title if column else path.rpartition(".")[2]
        header.append(told_title if title is None else title)
        columns.append([_cell(_value(row, source), column) for row in rows])
    numbers = [
        bool(cells) and all(is_number(cell.order) or not cell.text for cell in cells)
        for cells in columns
    ]
    return Shown(tuple(header), tuple(numbers), tuple(zip(*columns, strict=True)))


def by(rows: Iterable[_Row], *paths: str) -> dict[Any, list[_Row]]:
    """Rows by the value of a field, or by the tuple of several, the first met first.

    >>> by([1 + 2j, 1 + 3j], "real")
    {1.0: [(1+2j), (1+3j)]}
    """
    found: dict[Any, list[_Row]] = {}
    for row in rows:
        key = tuple(_value(row, path) for path in paths)
        found.setdefault(key if len(paths) > 1 else key[0], []).append(row)
    return found


def told(value: Any, column: Column | None = None) -> str:
    """A value as people read it.

    Thousands stand apart, a declared share in per cent is one, other fractions have three
    significant digits, and those just below 1 as many as show what is missing.

    >>> told(80000), told(0.0000374), told(0.99997), told(True), told(None)
    ('80,000', '3.74e-5', '0.99997', 'yes', '')
    """
    if value is None or isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if column and column.unit == "%":
            return f"{value:.2%}"
        return f"{value:.5f}" if 0.99 < value < 1 else significant(value)
    return value.text if isinstance(value, CellText) else str(value)


def significant(value: float) -> str:
    """Three significant digits, the way ε is printed in the paper.

    >>> significant(0.0000374), significant(0.0029), significant(123.4)
    ('3.74e-5', '0.00290', '123')
    """
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:#.3g}".partition("e")
    mantissa = mantissa.removesuffix(".")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def counted(count: int, n: int) -> CellText:
    """A count out of others, sorted by its share."""
    return CellText(f"{count:,} of {n:,}", count / n)


def interval(lower: int | float | None, upper: int | float | None) -> CellText:
    """Both ends of an interval, or its one value; empty without an upper end."""
    if upper is None:
        return CellText("")
    ends = dict.fromkeys(told(end) for end in (lower, upper) if end is not None)
    return CellText(" to ".join(ends), upper)


def markdown_of(shown: Shown) -> str:
    """A table as Markdown, columns of numbers aligned to the right.

    >>> print(markdown_of(show([0.04j], ("cell", lambda row: "parse"), ("ε", "imag"))))
    | cell | ε |
    |---|---:|
    | parse | 0.0400 |
    """
    rules = "|".join("---:" if is_number else "---" for is_number in shown.numbers)
    return "\n".join([_line(shown.header), f"|{rules}|", *(_line(row) for row in shown.rows)])


def _line(cells: Iterable[CellText | str]) -> str:
    texts = (
        f"[{cell.text}]({cell.link})" if isinstance(cell, CellText) and cell.link else told(cell)
        for cell in cells
    )
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def _single(picks: Iterable[Pick]) -> Iterable[tuple[str | None, str | Callable[[Any], Any]]]:
    for pick in picks:
        yield from ((None, name) for name in pick.split()) if isinstance(pick, str) else (pick,)


def _declared(row: Any, path: str) -> Column | None:
    """The declaration of a field; None for a key of a mapping and for a property."""
    *parents, name = path.split(".")
    owner = reduce(_part, parents, row)
    return columns_of(type(owner)).get(name) if dataclasses.is_dataclass(owner) else None


def _value(row: Any, source: str | Callable[[Any], Any]) -> Any:
    if callable(source):
        return source(row)
    value = reduce(_part, source.strip("`").split("."), row)
    return f"`{value}`" if source.startswith("`") else value


def _part(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, Mapping) else getattr(value, name)


def _cell(value: Any, column: Column | None) -> CellText:
    if isinstance(value, CellText):
        return value
    return CellText(told(value, column), value if is_number(value) else "")
