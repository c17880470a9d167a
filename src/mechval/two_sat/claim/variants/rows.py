"""What the variants gave, as flat rows."""

from dataclasses import dataclass

from mechval.axioms import AxiomReport, Cell, EvidenceKind
from mechval.axioms.report import Estimate
from mechval.reporting.tables import Row
from mechval.two_sat.claim.variants.checks import Check
from mechval.two_sat.configs import ReadingName, Residual


@dataclass(frozen=True)
class VariantRow:
    """One cell of one variant.

    Attributes:
        variant: the interpretation's name.
        strata: the same estimate within each class.
        constant_rate: disagreement rate of the constant program, for cells that compare labels.
    """

    family: str
    setting: str | None
    version: str
    reading: ReadingName
    residual: Residual
    variant: str
    axiom: str
    component: str
    n: int
    disagreements: int
    rate: float
    epsilon: float
    kind: EvidenceKind
    epsilon_simultaneous: float
    mean_distance: float
    equivalence: str
    verdict: str | None
    constant_rate: float
    strata: dict[str, Estimate]

    @property
    def cell(self) -> str:
        """The cell's name, such as ``prefix equivalence/parse``."""
        return f"{self.axiom}/{self.component}"

    def as_row(self) -> Row:
        """Plain values for a table; those of a class have dotted keys."""
        plain = {key: value for key, value in vars(self).items() if key != "strata"}
        classes = {
            f"strata.{name}.{key}": value
            for name, estimate in self.strata.items()
            for key, value in vars(estimate).items()
        }
        return {**plain, **classes}


def variant_rows(check: Check, report: AxiomReport) -> list[VariantRow]:
    """The cells that a check bears on."""
    return [_row(check, report, cell) for cell in report.cells if cell.name in check.cells]


def _row(check: Check, report: AxiomReport, cell: Cell) -> VariantRow:
    base = check.base
    return VariantRow(
        family=check.family,
        setting=check.setting or None,
        version=_version(check),
        reading=base.reading,
        residual=base.residual,
        variant=report.interpretation,
        axiom=cell.axiom.label,
        component=cell.component,
        n=cell.n,
        disagreements=cell.disagreements,
        rate=cell.rate,
        epsilon=cell.epsilon,
        kind=cell.kind,
        epsilon_simultaneous=cell.epsilon_simultaneous,
        mean_distance=cell.mean_distance,
        equivalence=cell.equivalence,
        verdict=cell.verdict.value or None,
        constant_rate=report.constant.rate,
        strata=dict(cell.strata),
    )


def _version(check: Check) -> str:
    """The program of evaluate, in a word: some families replace that of their base."""
    replaced = {"leaves": "trees", "rival": check.setting, "improved": check.setting}
    return replaced.get(check.family, check.base.version)
