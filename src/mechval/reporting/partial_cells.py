"""Partial cells of a run's main interpretation, as the section on its axioms shows them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mechval.axioms.interchange import INTERCHANGES, POOLED, InterchangeRow
from mechval.axioms.partial import PARTIALS
from mechval.reporting.null_rates import PValues
from mechval.reporting.report import RunFiles
from mechval.reporting.shown import Shown, by, show


@dataclass(frozen=True)
class PartialTables:
    """Whose cells they are, those of single variables and those of whole states."""

    interpretation: str
    single: Shown
    whole: Shown


def partial_tables(files: RunFiles, p: PValues) -> PartialTables | None:
    """Of single variables all together and the worst one; None for a run without the stage."""
    if not files.has(PARTIALS) or not (rows := files.rows(PARTIALS)):
        return None
    estimate = "disagreements n epsilon"
    single = list(_worst_and_all(files.rows(INTERCHANGES)))
    return PartialTables(
        rows[0].interpretation,
        show(
            single,
            "component cell",
            ("variable", _variable),
            estimate,
            *p.column(lambda row: str(row.cell) if row.variable == POOLED else ""),
            "no_op_rate n_pairs kind",
        ),
        show(
            rows,
            f"component cell {estimate}",
            *p.column(lambda row: str(row.cell)),
            "kind described",
        ),
    )


def _worst_and_all(rows: Sequence[InterchangeRow]) -> Iterator[InterchangeRow]:
    for own in by(rows, "component", "cell").values():
        *variables, pooled = own
        yield pooled
        yield max(variables, key=lambda row: (row.n > 0, row.epsilon))


def _variable(row: InterchangeRow) -> str:
    return "all variables" if row.variable == POOLED else f"worst: {row.variable}"
