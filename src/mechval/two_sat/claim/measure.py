"""Everything that one pass over the held-out formulas tells of the claim and its variants."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mechval.axioms import (
    SHUFFLED,
    Axiom,
    AxiomReport,
    Batch,
    CellKey,
    ControlCell,
    Interpretation,
    Measurements,
    paired,
    save_disagreements,
)
from mechval.axioms.judging import JudgingRule, make_report
from mechval.axioms.report import CELLS, INTERPRETATIONS
from mechval.axioms.suite import measure_axioms
from mechval.two_sat.claim.variants.tolerance import TOLERANCE, ToleranceRow, tolerance_curve
from mechval.two_sat.claim.variants.variant import (
    VARIANTS,
    Variant,
    VariantRow,
    variant_rows,
)
from mechval.two_sat.interpretation import COMPONENT_NAMES, EVALUATE

# Axiom 2 at output is not among them: the program of evaluate plays no part in it.
COMPARED_CELLS = (
    "prefix equivalence/evaluate",
    "prefix replaceability/evaluate",
    "prefix equivalence/output",
)
_EVALUATE = CellKey(Axiom.PREFIX_EQUIVALENCE, 1 + COMPONENT_NAMES.index(EVALUATE))


@dataclass(frozen=True, eq=False)
class Measured:
    """Everything that one pass of the network over the test split gave. ``variants``: of each one,
    the cells that it bears on. ``shuffled``: beside the cells of mains and variants. ``tolerance``:
    prefix equivalence of evaluate for every tolerance, of the main interpretations. ``paired``:
    McNemar comparisons of the trees, the disjunctions and the rivals of a reading."""

    mains: list[AxiomReport]
    variants: list[VariantRow]
    shuffled: list[ControlCell]
    tolerance: list[ToleranceRow]
    paired: list[paired.PairedRow]

    def write(self, directory: Path) -> None:
        """Write its tables and the disagreements of every formula."""
        CELLS.write([cell for report in self.mains for cell in report.cells], directory)
        INTERPRETATIONS.write(self.mains, directory)
        save_disagreements(self.mains, directory)
        SHUFFLED.write(self.shuffled, directory)
        VARIANTS.write(self.variants, directory)
        TOLERANCE.write(self.tolerance, directory)
        paired.PAIRED.write(self.paired, directory)


def measure(
    mains: Sequence[Interpretation],
    variants: Sequence[Variant],
    batches: Iterable[Batch],
    rule: JudgingRule,
) -> Measured:
    """Measure and judge them all on the held-out formulas. Raises MechvalError as
    `mechval.axioms.evaluate_axioms`."""
    made = [*mains, *(variant.interpretation for variant in variants)]
    measured = measure_axioms(made, batches)
    reports = list(map(make_report, made, measured, [rule] * len(made)))
    varied = list(zip(variants, reports[len(mains) :], strict=True))
    rivals = [report for variant, report in varied if variant.family == "rival"]
    return Measured(
        mains=reports[: len(mains)],
        variants=[row for variant, report in varied for row in variant_rows(variant, report)],
        shuffled=[
            *(row for report in reports[: len(mains)] for row in report.shuffled),
            *(
                row
                for variant, report in varied
                for row in report.shuffled
                if row.name in variant.cells
            ),
        ],
        tolerance=_tolerance_rows(mains, measured[: len(mains)], rule.confidence),
        paired=[
            row
            for cell in COMPARED_CELLS
            for row in _paired_rows(reports[: len(mains)], rivals, cell, rule)
        ],
    )


def _tolerance_rows(
    mains: Sequence[Interpretation], measured: Sequence[Measurements], confidence: float
) -> list[ToleranceRow]:
    """One curve per version and reading: the residual plays no part in α."""
    curves = {
        (main.tags["version"], main.tags["reading"]): tolerance_curve(
            measurements.distances[_EVALUATE],
            main.equivalences[_EVALUATE.component].n_parts,
            tags=main.tags,
            confidence=confidence,
        )
        for main, measurements in zip(mains, measured, strict=True)
    }
    return [row for curve in curves.values() for row in curve]


def _paired_rows(
    mains: Sequence[AxiomReport], rivals: Sequence[AxiomReport], cell: str, rule: JudgingRule
) -> list[paired.PairedRow]:
    """Compare where the two programs meet the same test: same reading, same equivalence."""
    groups: dict[tuple[str, str], list[AxiomReport]] = {}
    compared = {(rival.tags["reading"], rival.tags["residual"]) for rival in rivals}
    for report in (*mains, *rivals):
        if (report.tags["reading"], report.tags["residual"]) in compared:
            (found,) = (made for made in report.cells if made.name == cell)
            groups.setdefault((report.tags["reading"], found.equivalence), []).append(report)
    return [
        row
        for group in groups.values()
        for row in paired.compare_pairs(group, cell, rule.confidence)
    ]
