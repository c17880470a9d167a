"""The ledger shows every kind of evidence in its own table, and cells as statements."""

from dataclasses import replace

import pytest

from mechval.axioms import EvidenceKind
from mechval.axioms.evidence import Statement
from mechval.reporting.ledger import cell_statements, ledger_section
from mechval.reporting.report import render_markdown
from tests.unit.axioms import toy

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


@pytest.fixture(scope="module")
def page() -> str:
    section = ledger_section(STATEMENTS, "All are shown.")
    return render_markdown("Page", [section], "mechval.reporting")


def test_every_kind_is_counted(page: str) -> None:
    assert "There are 4 statements: 1 certified, 1 exact, 1 sampled, 1 unknown." in page
    assert "All are shown." in page


def test_the_page_shows_margins_counts_bounds_and_obstacles(page: str) -> None:
    assert "| the clause is read | 0 | 1.40 | 2.00e-9 |" in page
    assert f"| 17 to {TOTAL - 1:,} | {TOTAL:,} | 0 to 1.00 |" in page
    assert "| the cell fails | 3 | 1,000 | 0.0100 |" in page
    assert "Of all formulas, balanced, at confidence 95%." in page
    assert "| the drift is small | the bound is vacuous |  |" in page


def test_a_statement_counted_on_several_inputs_is_one_row() -> None:
    counted = STATEMENTS[1]
    balanced = replace(counted, distribution="balanced", value_lower=0.25, value_upper=0.25)
    other = replace(balanced, statement="its bits differ")
    section = ledger_section([counted, balanced, other])
    text = render_markdown("Page", [section], "mechval.reporting")
    assert "| of | all formulas, uniform | all formulas, balanced |" in text
    assert f"errs | 17 to {TOTAL - 1:,} | {TOTAL:,} | 0 to 1.00 | 0.250 |" in text
    assert f"differ | 17 to {TOTAL - 1:,} | {TOTAL:,} |  | 0.250 |" in text


def test_inputs_and_confidences_that_differ_stand_in_their_rows() -> None:
    cell = STATEMENTS[2]
    text = render_markdown(
        "Page", [ledger_section([cell, replace(cell, domain="some")])], "mechval.reporting"
    )
    assert "| 0.0100 | all formulas, balanced |" in text
    assert "| 0.0100 | some, balanced |" in text


def test_a_kind_without_statements_has_no_table() -> None:
    titles = [title for title, *_ in ledger_section(STATEMENTS[:2]).parts["tables"]]
    assert titles == ["Proved for every input (certified)", "Counted on every input (exact)"]


def test_cells_are_statements_of_what_was_sampled_or_counted() -> None:
    report = toy.evaluate_toy(toy.make_toy())
    distinct = [cell for cell in report.cells if cell.is_distinct]
    sampled = cell_statements(report.cells, "all numbers", "uniform")
    exact = cell_statements(
        [cell.over_whole_domain() for cell in distinct], "all numbers", "uniform"
    )
    assert [row.n for row in sampled] == [cell.n for cell in distinct]
    assert [row.value_upper for row in sampled] == [cell.epsilon for cell in distinct]
    assert {row.kind for row in exact} == {EvidenceKind.EXACT}
    assert [row.value_lower for row in exact] == [cell.rate for cell in distinct]
