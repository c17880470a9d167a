"""Partial cells of a run's main interpretation, as the section on its axioms shows them."""

from collections.abc import Iterator, Sequence
from typing import Any

from mechval.axioms.interchange import INTERCHANGES, POOLED, InterchangeRow
from mechval.axioms.partial import PARTIALS
from mechval.reporting.null_rates import PValues
from mechval.reporting.report import RunFiles
from mechval.reporting.shown import by, show


def partial_tables(files: RunFiles, p: PValues) -> dict[str, Any] | None:
    """Whose cells they are, tables of ``single`` variables (all together, and the worst one) and of
    ``whole`` states; None for a run without the stage."""
    if not files.has(PARTIALS) or not (rows := files.rows(PARTIALS)):
        return None
    estimate = "disagreements n epsilon"
    return {
        "interpretation": rows[0].interpretation,
        "single": show(
            _worst_and_all(files.rows(INTERCHANGES)),
            "component cell",
            ("variable", _variable),
            estimate,
            *p.column(lambda row: str(row.cell) if row.variable == POOLED else ""),
            "no_op_rate n_pairs kind",
        ),
        "whole": show(
            rows,
            f"component cell {estimate}",
            *p.column(lambda row: str(row.cell)),
            "kind described",
        ),
    }


def _worst_and_all(rows: Sequence[InterchangeRow]) -> Iterator[InterchangeRow]:
    for own in by(rows, "component", "cell").values():
        *variables, pooled = own
        yield pooled
        yield max(variables, key=lambda row: (row.n > 0, row.epsilon))


def _variable(row: InterchangeRow) -> str:
    return "all variables" if row.variable == POOLED else f"worst: {row.variable}"
