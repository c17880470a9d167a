"""Everything that is claimed of one network, fitted on one split and counted on another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mechval.axioms import (
    Axiom,
    AxiomReport,
    Batch,
    CellKey,
    ControlCell,
    Interpretation,
    Measurements,
    paired,
)
from mechval.axioms.judging import JudgingRule, make_report
from mechval.axioms.suite import measure_axioms
from mechval.two_sat.claim import assess, sizes, surface
from mechval.two_sat.claim.bench import Bench
from mechval.two_sat.claim.improved import choose_parts
from mechval.two_sat.claim.improved.fitted import improved_reading
from mechval.two_sat.claim.variants.variant import (
    ToleranceRow,
    Variant,
    VariantRow,
    make_variants,
    tolerance_curve,
    variant_rows,
)
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.interpretation import COMPONENT_NAMES, EVALUATE, make_interpretations
from mechval.two_sat.programs.mirrored import AnyVoting

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


@dataclass(frozen=True, eq=False)
class CompleteClaim:
    """What the axioms say of one network: the main interpretations and every variant measured, ε
    over cuts and high values, lengths of programs against ε and beside the weights, and (on the
    fitting split) which parts of the better interpretation count."""

    measured: Measured
    surface: list[surface.SurfaceRow]
    front: list[sizes.FrontRow]
    choices: tuple[choose_parts.ChoiceRow, ...]
    sizes: list[sizes.SizeRow]


def validate_completely(
    settings: TwoSatSettings, bench: Bench, voting: Mapping[str, AnyVoting], natural_share: float
) -> CompleteClaim:
    """Fit every variant on the fitting split, then measure them all in one pass over the other.
    ``voting``: the better evaluate programs. ``natural_share``: of satisfiable formulas among
    independent draws, for reweighting."""
    circuit, asked = bench.circuit, settings.axioms
    mains = make_interpretations(bench.components, circuit, asked.versions, asked.residuals)
    reading = improved_reading(circuit)
    base = next(main for main in mains if main.tags["reading"] == reading)
    choice, better = choose_parts.improve(bench, base, voting)
    variants = [*make_variants(bench, mains, settings.variants), *better]
    mixtures = assess.mixtures(natural_share)
    rule = JudgingRule(assess.CLASSES, mixtures, asked.confidence, circuit.majority_label)
    batches = assess.axiom_batches(bench.components, bench.testing.split)
    front = sizes.front_rows(bench, reading, voting)
    tried = surface.Surface(bench, asked.versions, asked.residuals, settings.circuit.max_leaves)
    grids = surface.grids(settings.variants, tuple(circuit.readings))
    return CompleteClaim(
        measured=measure(mains, variants, batches, rule),
        surface=[row for grid in grids for row in tried.rows(grid)],
        front=front,
        choices=choice.rows,
        sizes=sizes.size_rows(bench.components, circuit, front, reading),
    )


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
