"""What is proved, what is counted, what is sampled: the ledger beside the cells of the axioms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mechval.axioms.evidence import EvidenceKind, Statement
from mechval.axioms.report import Cell
from mechval.reporting.html.charts import ledger_chart
from mechval.reporting.report import CellText, Pick, Section, interval, show

_TITLES = {
    EvidenceKind.CERTIFIED: "Proved for every input",
    EvidenceKind.EXACT: "Counted on every input",
    EvidenceKind.SAMPLED: "Sampled",
    EvidenceKind.UNKNOWN: "Not decided",
}


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
    """All statements, one table per kind of evidence.

    Args:
        note: what of them is shown here, in a sentence.
    """
    kinds = [statement.kind for statement in statements]
    shown = [
        (f"{title} ({kind})", show([row for row in statements if row.kind is kind], *_PICKS[kind]))
        for kind, title in _TITLES.items()
        if kind in kinds
    ]
    counts = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in _TITLES if kind in kinds)
    parts = {
        "n": len(statements),
        "counts": counts,
        "note": note,
        "tables": shown,
        "chart": ledger_chart(statements),
    }
    return Section("What is proved, what is counted, what is sampled", "ledger.md", parts)


def _of(cell: Cell) -> dict[str, Any]:
    if cell.kind is EvidenceKind.EXACT:
        return {"total": cell.n, "value_lower": cell.epsilon}
    return {"n": cell.n, "confidence": cell.confidence}


def _count(row: Statement) -> CellText:
    return interval(row.count_lower, row.count_upper)


def _inputs(row: Statement) -> str:
    return f"{row.domain}, {row.distribution}"


_STATEMENT: Pick = ("statement", "statement")
_INPUTS: Pick = ("inputs", _inputs)
_PICKS: Mapping[EvidenceKind, tuple[Pick, ...]] = {
    EvidenceKind.CERTIFIED: (
        _STATEMENT,
        ("rate at most", "value_upper"),
        ("worst margin", "margin"),
        ("its rounding error", "numerical_error"),
        _INPUTS,
    ),
    EvidenceKind.EXACT: (
        _STATEMENT,
        ("count", _count),
        ("of", "total"),
        ("rate", lambda row: interval(row.value_lower, row.value_upper)),
        _INPUTS,
    ),
    EvidenceKind.SAMPLED: (
        _STATEMENT,
        ("count", _count),
        ("of", "n"),
        ("rate at most", "value_upper"),
        ("confidence", lambda row: f"{row.confidence:.1%}"),
        _INPUTS,
    ),
    EvidenceKind.UNKNOWN: (_STATEMENT, ("stopped by", "stopped_by"), ("margin", "margin")),
}
