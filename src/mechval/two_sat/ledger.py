"""What stands behind every number of a 2-SAT run, as statements of its ledger."""

from collections.abc import Sequence

from mechval.axioms.evidence import Statement
from mechval.two_sat.report_records import CellRow


def sampled_statements(cells: Sequence[CellRow], confidence: float) -> list[Statement]:
    """One statement per distinct cell of the main axiom table.

    Args:
        confidence: of each one-sided bound.
    """
    return [_sampled(cell, confidence) for cell in cells if cell.is_distinct]


def _sampled(cell: CellRow, confidence: float) -> Statement:
    return Statement(
        statement=f"{cell.axiom_name} of {cell.component} fails in `{cell.interpretation}`",
        axiom=cell.axiom_name,
        component=cell.component,
        interpretation=cell.interpretation,
        kind=cell.kind,
        domain="all formulas",
        distribution="uniform within each class, half satisfiable",
        count_lower=cell.disagreements,
        count_upper=cell.disagreements,
        value_upper=cell.epsilon,
        n=cell.n,
        confidence=confidence,
        file="axioms/axioms.csv",
    )
