"""Cells of an axiom table as a page shows them, whatever study and kind of evidence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mechval.reporting.markdown import significant

# Of several rows of one cell, the strongest kind of evidence is the one to show.
KINDS = ("certified", "exact", "sampled", "unknown")
FAILED = ("not better than constant", "none: t is constant")


@dataclass(frozen=True)
class PageCell:
    """One row of an axiom table.

    Attributes:
        group: interpretation, or null network and interpretation.
        epsilon: bound of the rate of disagreement for this cell alone; the rate if exact.
        simultaneous: the bound that holds for all distinct cells at once.
        strata: disagreements and N by class.
        note: why the cell has no number or no verdict of its own.
    """

    group: str
    axiom: str
    component: str
    is_distinct: bool
    kind: str
    n: int
    disagreements: int
    epsilon: float
    simultaneous: float | None
    confidence: float | None
    verdict: str
    equivalence: str
    strata: dict[str, tuple[int, int]]
    note: str = ""

    @property
    def name(self) -> str:
        """How the cell is called in sentences."""
        return f"{self.component}, {self.axiom}"

    @property
    def bound(self) -> float:
        """What rules judge: the simultaneous bound where there is one."""
        return self.epsilon if self.simultaneous is None else self.simultaneous

    @property
    def counted(self) -> str:
        """The count in words, e.g. ``29 of 80,000, sampled``."""
        return f"{self.disagreements:,} of {self.n:,}, {self.kind}"

    @property
    def passes_nothing(self) -> bool:
        """Whether labels were compared and a constant answer does as well."""
        return self.verdict in FAILED

    def renamed(self, group: str) -> "PageCell":
        """The same cell under another group."""
        return replace(self, group=group)

    def holds(self, bar: float) -> bool:
        """Whether the bound is at or below the bar and no constant answer does as well."""
        return self.bound <= bar and not self.passes_nothing


def read_cells(rows: Iterable[Mapping[str, str]]) -> list[PageCell]:
    """Read the measured rows; a row without N was not measured and is left out."""
    return [_read(row) for row in rows if row.get("n")]


def main_cells(cells: Sequence[PageCell]) -> list[PageCell]:
    """The cells of the first interpretation in the table, one row each."""
    return strongest([cell for cell in cells if cell.group == cells[0].group])


def strongest(cells: Iterable[PageCell]) -> list[PageCell]:
    """One row per cell: that with the strongest kind of evidence."""
    best: dict[tuple[str, str, str], PageCell] = {}
    for cell in sorted(cells, key=lambda cell: KINDS.index(cell.kind)):
        best.setdefault((cell.group, cell.axiom, cell.component), cell)
    kept = {id(cell) for cell in best.values()}
    return [cell for cell in cells if id(cell) in kept]


def facts_of(cell: PageCell) -> list[str]:
    """Everything known about a cell, a line each, its name first."""
    confidence = f" at {cell.confidence:.0%}" if cell.confidence else ""
    single = "rate, exact" if cell.kind == "exact" else f"ε, this cell alone{confidence}"
    lines = [
        cell.name,
        f"N = {cell.n:,} ({cell.kind})",
        f"disagreements: {cell.disagreements:,}",
        *(f"… {name}: {count:,} of {n:,}" for name, (count, n) in cell.strata.items()),
        f"{single}: {significant(cell.epsilon)}",
    ]
    if cell.simultaneous is not None:
        lines.append(f"ε, all cells at once: {significant(cell.simultaneous)}")
    lines += [f"compared as: {cell.equivalence}"] if cell.equivalence else []
    lines += [f"verdict: {cell.verdict}"] if cell.verdict else []
    return lines


def _read(row: Mapping[str, str]) -> PageCell:
    groups = [row[name] for name in ("network", "interpretation") if row.get(name)]
    kind = row.get("kind") or "sampled"
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    return PageCell(
        group=" · ".join(groups),
        axiom=row["axiom_name"],
        component=row["component"],
        is_distinct=row["is_distinct"] == "True",
        kind=kind,
        n=int(row["n"]),
        disagreements=int(row["disagreements"]),
        epsilon=float(row["epsilon"]),
        simultaneous=_optional(row, "epsilon_simultaneous"),
        confidence=_optional(row, "confidence"),
        verdict=row.get("verdict", ""),
        equivalence=row.get("equivalence", ""),
        strata=_strata(row),
        note=row.get("repeats", ""),
    )


def _optional(row: Mapping[str, str], column: str) -> float | None:
    value = row.get(column)
    return float(value) if value else None


def _strata(row: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    counts = [name for name in row if name.startswith("stratum.") and name.endswith(".n")]
    names = [name.removeprefix("stratum.").removesuffix(".n") for name in counts]
    return {
        name: (int(row[f"stratum.{name}.disagreements"]), int(row[f"stratum.{name}.n"]))
        for name in names
        if row[f"stratum.{name}.n"]
    }
