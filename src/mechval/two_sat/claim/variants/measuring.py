"""One pass of the network over the test split for all variants, and the tables that follow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mechval.axioms import Axiom, AxiomReport, Batch, CellKey
from mechval.axioms.base import Measurements
from mechval.axioms.judging import JudgingRule, make_report
from mechval.axioms.paired import PairedRow, compare_pairs
from mechval.axioms.suite import measure_axioms
from mechval.two_sat.claim.variants.checks import Check
from mechval.two_sat.claim.variants.rows import VariantRow, variant_rows
from mechval.two_sat.claim.variants.tolerance import ToleranceRow, tolerance_curve
from mechval.two_sat.interpretation import COMPONENT_NAMES, EVALUATE

# Axiom 2 at output is not among them: the program of evaluate plays no part in it.
COMPARED_CELLS = (
    "prefix equivalence/evaluate",
    "prefix replaceability/evaluate",
    "prefix equivalence/output",
)
_EVALUATE = CellKey(Axiom.PREFIX_EQUIVALENCE, 1 + COMPONENT_NAMES.index(EVALUATE))


@dataclass(frozen=True, eq=False)
class VariantTables:
    """Everything that one pass gave.

    Attributes:
        reports: of all checks, in their order.
        rows: the cells that each check bears on.
        tolerance: prefix equivalence of evaluate for every tolerance, of the main interpretations.
        paired: McNemar comparisons of the trees, the disjunctions and the rivals of a reading.
    """

    reports: list[AxiomReport]
    rows: list[VariantRow]
    tolerance: list[ToleranceRow]
    paired: list[PairedRow]


def measure_variants(
    checks: Sequence[Check], batches: Iterable[Batch], rule: JudgingRule
) -> VariantTables:
    """Measure and judge every check on the held-out formulas.

    Raises:
        MechvalError: as `mechval.axioms.evaluate_axioms`.
    """
    measured = measure_axioms([check.interpretation for check in checks], batches)
    reports = [
        make_report(check.interpretation, measurements, rule)
        for check, measurements in zip(checks, measured, strict=True)
    ]
    judged = list(zip(checks, reports, strict=True))
    return VariantTables(
        reports=reports,
        rows=[row for check, report in judged for row in variant_rows(check, report)],
        tolerance=_tolerance_rows(checks, measured, rule.confidence),
        paired=[row for cell in COMPARED_CELLS for row in _paired_rows(judged, cell, rule)],
    )


def _tolerance_rows(
    checks: Sequence[Check], measured: Sequence[Measurements], confidence: float
) -> list[ToleranceRow]:
    """One curve per version and reading: the residual plays no part in α."""
    curves = {
        (check.base.version, check.base.reading): (check, measurements)
        for check, measurements in zip(checks, measured, strict=True)
        if check.family == "main"
    }
    return [
        row
        for (version, reading), (check, measurements) in curves.items()
        for row in tolerance_curve(
            measurements.distances[_EVALUATE],
            check.interpretation.equivalences[_EVALUATE.component].n_parts,
            variant=check.interpretation.name,
            version=version,
            reading=reading,
            confidence=confidence,
        )
    ]


def _paired_rows(
    judged: Sequence[tuple[Check, AxiomReport]], cell: str, rule: JudgingRule
) -> list[PairedRow]:
    """Compare where the two programs meet the same test: same reading, same equivalence."""
    groups: dict[tuple[str, str], list[AxiomReport]] = {}
    rivals = [(check, report) for check, report in judged if check.family == "rival"]
    residuals = {(check.base.reading, check.base.residual) for check, _ in rivals}
    for check, report in judged:
        is_compared = check.family in ("main", "rival")
        if is_compared and (check.base.reading, check.base.residual) in residuals:
            (found,) = (made for made in report.cells if made.name == cell)
            groups.setdefault((check.base.reading, found.equivalence), []).append(report)
    return [row for group in groups.values() for row in compare_pairs(group, cell, rule.confidence)]
