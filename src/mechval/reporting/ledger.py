"""The ledger of a run, ``certify/ledger.csv``: what is proved, what is counted, what is sampled."""

from collections.abc import Sequence
from pathlib import Path

from mechval.axioms import EvidenceKind
from mechval.axioms.evidence import Statement
from mechval.reporting.markdown import markdown_table, significant
from mechval.reporting.records import read_records
from mechval.reporting.tables import write_csv

LEDGER = "ledger.csv"
_TITLES = {
    EvidenceKind.CERTIFIED: "Proved for every input",
    EvidenceKind.EXACT: "Counted on every input",
    EvidenceKind.SAMPLED: "Sampled",
    EvidenceKind.UNKNOWN: "Not decided",
}


def write_ledger(statements: Sequence[Statement], directory: Path) -> None:
    """Write the statements in their order; what is proved should come first."""
    write_csv([statement.as_row() for statement in statements], directory / LEDGER)


def load_ledger(directory: Path) -> tuple[Statement, ...]:
    """Read what :func:`write_ledger` wrote.

    Raises:
        MechvalError: naming the file, if it is missing or a row is no statement.
    """
    return read_records(directory / LEDGER, Statement)


def kind_counts(statements: Sequence[Statement]) -> dict[str, int]:
    """How many statements there are of each kind."""
    kinds = [statement.kind for statement in statements]
    return {kind.value: kinds.count(kind) for kind in EvidenceKind}


def render_ledger(statements: Sequence[Statement]) -> str:
    """The statements as one table per kind of evidence, for a page; kinds without one left out."""
    by_kind = {kind: [row for row in statements if row.kind is kind] for kind in _TITLES}
    return "\n\n".join(
        f"### {_TITLES[kind]} ({kind.value})\n\n{_TABLES[kind](found)}"
        for kind, found in by_kind.items()
        if found
    )


def _certified(statements: Sequence[Statement]) -> str:
    rows = [
        [
            statement.statement,
            _rate(statement.value_upper),
            _rate(statement.margin),
            _rate(statement.numerical_error),
            f"{statement.domain}, {statement.distribution}",
        ]
        for statement in statements
    ]
    header = ["statement", "rate at most:", "worst margin:", "its rounding error:", "inputs"]
    return markdown_table(header, rows)


def _exact(statements: Sequence[Statement]) -> str:
    rows = [
        [
            statement.statement,
            _interval(_count(statement.count_lower), _count(statement.count_upper)),
            _count(statement.total),
            _interval(_rate(statement.value_lower), _rate(statement.value_upper)),
            f"{statement.domain}, {statement.distribution}",
        ]
        for statement in statements
    ]
    return markdown_table(["statement", "count:", "of:", "rate:", "inputs"], rows)


def _sampled(statements: Sequence[Statement]) -> str:
    rows = [
        [
            statement.statement,
            _interval(_count(statement.count_lower), _count(statement.count_upper)),
            _count(statement.n),
            _rate(statement.value_upper),
            f"{statement.confidence:.1%}",
            f"{statement.domain}, {statement.distribution}",
        ]
        for statement in statements
    ]
    header = ["statement", "count:", "of:", "rate at most:", "confidence:", "inputs"]
    return markdown_table(header, rows)


def _unknown(statements: Sequence[Statement]) -> str:
    rows = [
        [statement.statement, statement.stopped_by or "", _rate(statement.margin)]
        for statement in statements
    ]
    return markdown_table(["statement", "stopped by", "margin:"], rows)


_TABLES = {
    EvidenceKind.CERTIFIED: _certified,
    EvidenceKind.EXACT: _exact,
    EvidenceKind.SAMPLED: _sampled,
    EvidenceKind.UNKNOWN: _unknown,
}


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _rate(value: float | None) -> str:
    return "" if value is None else significant(value)


def _interval(lower: str, upper: str) -> str:
    return lower if lower == upper else f"{lower} to {upper}"
