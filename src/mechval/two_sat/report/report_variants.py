"""Which of a run's interpretations the report puts first, and their cells by name."""

from dataclasses import dataclass

from mechval.two_sat.configs import ReadingName, Residual
from mechval.two_sat.report.report_records import CellRow, InterpretationRow
from mechval.two_sat.report.report_tables import ReportTables


@dataclass(frozen=True)
class Variant:
    """How neurons are read and what γ_2 puts in for the residual stream."""

    reading: ReadingName
    residual: Residual

    def __str__(self) -> str:
        return f"reading `{self.reading}`, residual `{self.residual}`"


MAIN = Variant("calibrated", "resid_mid")
COMPARABLE = Variant("paper", "attn_out")


@dataclass(frozen=True)
class Validated:
    """One interpretation's row and cells.

    Attributes:
        version: of the evaluate component, ``trees`` or ``disjunction``.
    """

    version: str
    row: InterpretationRow
    cells: tuple[CellRow, ...]

    @property
    def components(self) -> list[str]:
        """Names of the components, in order."""
        return list(dict.fromkeys(cell.component for cell in self.cells))

    @property
    def axioms(self) -> list[str]:
        """Names of the axioms, in order."""
        return list(dict.fromkeys(cell.axiom_name for cell in self.cells))

    def cell(self, axiom: str, component: str) -> CellRow:
        """The cell of one axiom at one component."""
        return next(
            cell for cell in self.cells if (cell.axiom_name, cell.component) == (axiom, component)
        )


def validated(tables: ReportTables, row: InterpretationRow) -> Validated:
    """An interpretation together with its cells."""
    cells = tuple(cell for cell in tables.cells if cell.interpretation == row.interpretation)
    return Validated(row.interpretation.partition("/")[0], row, cells)


def interpretations_of(tables: ReportTables, variant: Variant) -> list[Validated]:
    """The run's interpretations of one variant, one per version; none if it was not asked for."""
    ending = f"/{variant.reading}/{variant.residual}"
    return [
        validated(tables, row)
        for row in tables.interpretations
        if row.interpretation.endswith(ending)
    ]


def main_variant(tables: ReportTables) -> Variant:
    """The variant that the report is about: :data:`MAIN`, or the run's first without it."""
    if interpretations_of(tables, MAIN):
        return MAIN
    candidates = (
        Variant(reading, residual)
        for reading in ("calibrated", "paper")
        for residual in ("resid_mid", "attn_out")
    )
    return next(variant for variant in candidates if interpretations_of(tables, variant))
