"""Cells of an axiom table as columns, and as statements of a ledger: proved, counted, sampled."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from mechval.axioms.evidence import EvidenceKind, Statement
from mechval.axioms.report import Cell
from mechval.reporting.report import Section
from mechval.reporting.shown import CellText, Pick, Shown, by, interval, show

_TITLES = {
    EvidenceKind.CERTIFIED: "Proved for every input (certified)",
    EvidenceKind.EXACT: "Counted on every input (exact)",
    EvidenceKind.SAMPLED: "Sampled",
    EvidenceKind.UNKNOWN: "Not decided (unknown)",
}


def cell_columns(
    cells: Sequence[Cell], told: Callable[[Cell], Any] = lambda cell: cell.epsilon
) -> list[Pick]:
    """ε, or what else is told, of each distinct cell of the first interpretation; for rows with an
    ``interpretation``."""
    own = {(cell.interpretation, cell.name): cell for cell in cells}
    return [
        (
            f"{cell.component}: {cell.axiom}",
            lambda row, name=cell.name: told(own[row.interpretation, name]),
        )
        for cell in cells
        if cell.is_distinct and cell.interpretation == cells[0].interpretation
    ]


def cell_statements(cells: Iterable[Cell], domain: str, distribution: str) -> list[Statement]:
    """What the distinct cells of an axiom table say, as statements."""
    return [
        Statement(
            statement=f"{cell.axiom} of {cell.component} fails in `{cell.interpretation}`",
            axiom=cell.axiom.value,
            component=cell.component,
            interpretation=cell.interpretation,
            kind=cell.kind,
            domain=domain,
            distribution=distribution,
            file="axioms/axioms.csv",
            count_lower=cell.disagreements,
            count_upper=cell.disagreements,
            value_upper=cell.epsilon,
            **_of(cell),
        )
        for cell in cells
        if cell.is_distinct
    ]


def ledger_section(statements: Sequence[Statement], note: str = "") -> Section:
    """All statements, one table per kind of evidence; ``note`` says what of them is shown."""
    kinds = by(statements, "kind")
    present = [kind for kind in _TITLES if kind in kinds]
    parts = {
        "n": len(statements),
        "counts": ", ".join(f"{len(kinds[kind]):,} {kind}" for kind in present),
        "note": note,
        "tables": [(_TITLES[kind], *_table(kind, kinds[kind])) for kind in present],
    }
    return Section("What is proved, what is counted, what is sampled", "ledger.md", parts)


def _table(kind: EvidenceKind, rows: Sequence[Statement]) -> tuple[str, Shown]:
    """What all of them share, and the table without it; a row per statement that is counted."""
    inputs = by(rows, "domain", "distribution")
    if kind is EvidenceKind.EXACT and len(inputs) > 1:
        return "Rates are of all inputs that the column names.", _counted(rows, list(inputs))
    shared = [f"Of {', '.join(key)}" for key in inputs] if len(inputs) == 1 else []
    confidences = {row.confidence for row in rows} - {None}
    if len(confidences) == 1:
        shared += [f"at confidence {confidence:.0%}" for confidence in confidences]
    columns = [*_PICKS[kind], *([] if len(inputs) == 1 else [_INPUTS])]
    return f"{', '.join(shared)}." if shared else "", show(rows, "statement", *columns)


def _counted(rows: Sequence[Statement], inputs: Sequence[tuple[str, str]]) -> Shown:
    def rate(found: list[Statement], at: tuple[str, str]) -> CellText:
        own = [row for row in found if (row.domain, row.distribution) == at]
        return interval(own[0].value_lower, own[0].value_upper) if own else CellText("")

    return show(
        by(rows, "statement").values(),
        ("statement", lambda found: found[0].statement),
        ("count", lambda found: interval(found[0].count_lower, found[0].count_upper)),
        ("of", lambda found: found[0].total),
        *((", ".join(at), partial(rate, at=at)) for at in inputs),
    )


def _of(cell: Cell) -> dict[str, Any]:
    if cell.kind is EvidenceKind.EXACT:
        return {"total": cell.n, "value_lower": cell.epsilon}
    return {"n": cell.n, "confidence": cell.confidence}


_COUNT: Pick = ("count", lambda row: interval(row.count_lower, row.count_upper))
_AT_MOST: Pick = ("rate at most", "value_upper")
_INPUTS: Pick = ("inputs", lambda row: f"{row.domain}, {row.distribution}")
_PICKS: Mapping[EvidenceKind, tuple[Pick, ...]] = {
    EvidenceKind.CERTIFIED: (
        _AT_MOST,
        ("worst margin", "margin"),
        ("its rounding error", "numerical_error"),
    ),
    EvidenceKind.EXACT: (
        _COUNT,
        ("of", "total"),
        ("rate", lambda row: interval(row.value_lower, row.value_upper)),
    ),
    EvidenceKind.SAMPLED: (_COUNT, ("of", "n"), _AT_MOST),
    EvidenceKind.UNKNOWN: (("stopped by", "stopped_by"), ("margin", "margin")),
}
