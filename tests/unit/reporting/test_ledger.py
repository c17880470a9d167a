"""The ledger is read back as the statements that were written, and every kind has its table."""

from pathlib import Path

import pytest

from mechval.axioms import EvidenceKind
from mechval.axioms.evidence import Statement
from mechval.errors import MechvalError
from mechval.reporting.ledger import kind_counts, load_ledger, render_ledger, write_ledger

TOTAL = 40**10
STATEMENTS = (
    Statement(
        statement="the clause is read",
        kind=EvidenceKind.CERTIFIED,
        domain="all formulas",
        distribution="any",
        count_lower=0,
        count_upper=0,
        total=TOTAL,
        value_lower=0.0,
        value_upper=0.0,
        margin=1.4,
        numerical_error=2e-9,
        file="parse.csv",
    ),
    Statement(
        statement="the substituted network errs",
        kind=EvidenceKind.EXACT,
        domain="all formulas",
        distribution="uniform",
        count_lower=17,
        count_upper=TOTAL - 1,
        total=TOTAL,
        value_lower=0.0,
        value_upper=1.0,
        file="enumeration.csv",
    ),
    Statement(
        statement="the cell fails",
        axiom="prefix equivalence",
        component="parse",
        interpretation="trees",
        kind=EvidenceKind.SAMPLED,
        domain="all formulas",
        distribution="balanced",
        count_lower=3,
        count_upper=3,
        value_upper=0.01,
        n=1000,
        confidence=0.95,
        file="axioms.csv",
    ),
    Statement(
        statement="the drift is small",
        kind=EvidenceKind.UNKNOWN,
        domain="all formulas",
        distribution="uniform",
        stopped_by="the bound is vacuous",
        file="drift.csv",
    ),
)


def test_statements_are_read_back_with_every_digit_of_their_counts(tmp_path: Path) -> None:
    write_ledger(STATEMENTS, tmp_path)
    assert load_ledger(tmp_path) == STATEMENTS


def test_a_ledger_with_an_unfounded_claim_is_refused(tmp_path: Path) -> None:
    write_ledger(STATEMENTS, tmp_path)
    path = tmp_path / "ledger.csv"
    path.write_text(path.read_text().replace("sampled", "certified"), encoding="utf-8")
    with pytest.raises(MechvalError, match=r"ledger\.csv is not the table"):
        load_ledger(tmp_path)


def test_every_kind_is_counted() -> None:
    assert kind_counts(STATEMENTS[:2]) == {"sampled": 0, "exact": 1, "certified": 1, "unknown": 0}


def test_the_page_shows_margins_counts_bounds_and_obstacles() -> None:
    page = render_ledger(STATEMENTS)
    assert "| the clause is read | 0 | 1.40 | 2.00e-9 |" in page
    assert f"| 17 to {TOTAL - 1:,} | {TOTAL:,} | 0 to 1.00 |" in page
    assert "| the cell fails | 3 | 1,000 | 0.0100 | 95.0% |" in page
    assert "| the drift is small | the bound is vacuous |  |" in page


def test_a_kind_without_statements_has_no_table() -> None:
    assert "Sampled" not in render_ledger(STATEMENTS[:2])
