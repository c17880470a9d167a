"""A statement says what stands behind it; it cannot claim more than its kind of evidence."""

from dataclasses import replace
from pathlib import Path

import pytest

from mechval.axioms import LEDGER, EvidenceKind, Statement
from mechval.errors import MechvalError

SAMPLED = Statement(
    statement="The network parses every clause.",
    kind=EvidenceKind.SAMPLED,
    domain="held-out formulas",
    distribution="balanced",
    file="axioms.csv",
    axiom="prefix equivalence",
    component="parse",
    count_lower=0,
    count_upper=0,
    value_upper=3.7e-5,
    n=80_001,
    confidence=0.95,
)
WITHOUT_SAMPLE = replace(SAMPLED, kind=EvidenceKind.UNKNOWN, n=None, confidence=None, stopped_by="")
EXACT = replace(
    WITHOUT_SAMPLE,
    kind=EvidenceKind.EXACT,
    stopped_by=None,
    count_lower=7,
    count_upper=8,
    total=40**10,
    value_lower=7 / 40**10,
    value_upper=8 / 40**10,
)
CERTIFIED = replace(
    EXACT,
    kind=EvidenceKind.CERTIFIED,
    count_lower=0,
    count_upper=0,
    value_lower=0.0,
    value_upper=0.0,
    margin=1.4,
    numerical_error=1e-9,
)
UNKNOWN = replace(
    CERTIFIED,
    kind=EvidenceKind.UNKNOWN,
    numerical_error=None,
    count_upper=1600,
    value_upper=1.0,
    margin=-0.2,
    stopped_by="16 branches",
)


def test_statements_come_back_from_the_ledger_with_their_integers_in_full(tmp_path: Path) -> None:
    statements = (SAMPLED, EXACT, CERTIFIED, UNKNOWN)
    LEDGER.write(statements, tmp_path)
    found = LEDGER.read(tmp_path)
    assert [row.kind for row in found] == [row.kind for row in statements]
    assert [(row.count_upper, row.total) for row in found] == [
        (row.count_upper, row.total) for row in statements
    ]


@pytest.mark.parametrize(
    ("statement", "field", "value"),
    [
        (SAMPLED, "n", None),
        (SAMPLED, "confidence", None),
        (SAMPLED, "confidence", 1.0),
        (SAMPLED, "count_upper", 80_002),
        (SAMPLED, "numerical_error", 0.1),
        (EXACT, "total", None),
        (EXACT, "count_upper", 6),
        (EXACT, "count_lower", None),
        (EXACT, "n", 80_001),
        (EXACT, "value_upper", 1.5),
        (EXACT, "value_lower", 1.0),
        (CERTIFIED, "margin", None),
        (CERTIFIED, "margin", 1e-10),
        (CERTIFIED, "numerical_error", float("nan")),
        (CERTIFIED, "stopped_by", "time"),
        (UNKNOWN, "stopped_by", None),
        (UNKNOWN, "numerical_error", 1e-9),
    ],
)
def test_a_statement_without_what_its_kind_needs_is_refused(
    statement: Statement, field: str, value: float | str | None
) -> None:
    with pytest.raises(MechvalError, match=field):
        replace(statement, **{field: value})
