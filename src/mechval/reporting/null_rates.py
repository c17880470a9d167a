"""p beside ε: a run's cells against null networks that were measured before and come with it.

See `mechval.axioms.nulls` for what a null network is. A run's own maps are fitted on more samples
than theirs; `python -m experiments.instruments --null` gives both the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval import tables
from mechval.axioms.nulls import NullCell, p_value
from mechval.axioms.report import Cell
from mechval.errors import MechvalError
from mechval.reporting.ledger import cell_columns
from mechval.reporting.report import RunFiles
from mechval.reporting.shown import CellText, Pick, Shown, by, show, told


@dataclass(frozen=True, kw_only=True)
class NullRates:
    """How often the networks of a family disagree in one cell.

    Attributes:
        unfitted: networks without a claim, whose rates are 1.
    """

    family: str = tables.told("null networks")
    interpretation: str = tables.told()
    component: str = tables.told()
    cell: str = tables.told()
    unfitted: int = tables.told("without a claim")
    rates: tuple[float, ...] = tables.rate()


@dataclass(frozen=True, kw_only=True)
class NullConditions:
    """What holds for null networks: settings by block, and the samples that they were given."""

    settings: Mapping[str, Any] = tables.told()
    fit: int = tables.told()
    test: int = tables.told()


NULL_RATES = tables.Table("report/null_rates.csv", NullRates)
NULL_CONDITIONS = tables.Record("report/null_rates.json", NullConditions)
FILES = tuple(table.name for table in (NULL_RATES, NULL_CONDITIONS))
"""In a study's report package."""
_PLACE = ("family", "interpretation", "component", "cell")


@dataclass(frozen=True)
class PValues:
    """The p-values of a run; none, and ``refusal`` says why, where no null networks fit it."""

    conditions: NullConditions
    rows: Sequence[NullRates]
    refusal: str

    @property
    def families(self) -> dict[str, list[NullRates]]:
        """The rows of each family of null networks, which all of its networks are in."""
        return by(self.rows, "family")

    def column(self, name: Callable[[Any], str]) -> list[Pick]:
        """Beside ε, for rows that null networks have as ``name``, empty if they do not; or none."""
        title = f"p ({' / '.join(self.families)})"
        return [] if self.refusal else [(title, lambda row: self.told_of(row, name(row)))]

    def told_of(self, row: Any, name: str) -> CellText:
        """p against each family that has a row's cell under that name."""
        place = row.interpretation, row.component, name
        found = by(self.rows, *_PLACE[1:]).get(place, ())
        ps = [p_value(row.rate, each.rates) for each in found]
        return CellText(" / ".join(map(told, ps)), max(ps, default=""))

    def in_short(self, cells: Iterable[Cell]) -> Shown | None:
        """The distinct cells of every interpretation that null networks have."""
        named = by(self.rows, "interpretation")
        found = [cell for cell in cells if cell.interpretation in named]
        if self.refusal or not found:
            return None
        columns = cell_columns(found, lambda cell: self.told_of(cell, axiom_of(cell)))
        rows = [first for first, *_ in by(found, "interpretation").values()]
        return show(rows, ("interpretation", lambda row: f"`{row.interpretation}`"), *columns)


def axiom_of(cell: Cell) -> str:
    """The name of a distinct cell of the axioms."""
    return str(cell.axiom) if cell.is_distinct else ""


def p_values(files: RunFiles, folder: Path) -> PValues:
    """Those of a run, from the tables in a study's report package.

    Raises MechvalError if a table is missing or damaged.
    """
    rows, conditions = NULL_RATES.read(folder), NULL_CONDITIONS.read(folder)
    others = [
        name
        for name, value in conditions.settings.items()
        if getattr(files.settings, name).model_dump(mode="json", exclude_none=True) != value
    ]
    refusal = f"null networks were measured with another {' and '.join(others)}" if others else ""
    try:
        for row in rows:
            p_value(1.0, row.rates)
    except MechvalError as error:
        refusal = str(error).rstrip(".")
    return PValues(conditions, rows, refusal)


def ship(cells: Iterable[NullCell], conditions: NullConditions, folder: Path) -> None:
    """Write the tables of a study's report package."""
    rows = [
        NullRates(
            **dict(zip(_PLACE, place, strict=True)),
            unfitted=sum(bool(each.refusal) for each in own),
            rates=tuple(sorted(each.rate for each in own)),
        )
        for place, own in by(cells, *_PLACE).items()
    ]
    NULL_RATES.write(rows, folder)
    NULL_CONDITIONS.write(conditions, folder)
