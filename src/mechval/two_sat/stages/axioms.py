"""Stage ``axioms``: every interpretation of the circuit, validated on held-out formulas."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval import tables
from mechval.axioms import (
    SHUFFLED,
    Axiom,
    AxiomReport,
    Batch,
    CellKey,
    ControlCell,
    Interpretation,
    Measurements,
    judge_cells,
    paired,
    save_disagreements,
)
from mechval.axioms.judging import JudgingRule, make_report
from mechval.axioms.report import CELLS, INTERPRETATIONS
from mechval.axioms.suite import measure_axioms
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim import assess, derivability, sizes, surface
from mechval.two_sat.claim.bench import Bench, observe
from mechval.two_sat.claim.improved import choose_parts
from mechval.two_sat.claim.improved.fitted import improved_reading, load_programs
from mechval.two_sat.claim.variants.variant import (
    TOLERANCE,
    VARIANTS,
    ToleranceRow,
    Variant,
    VariantRow,
    make_variants,
    tolerance_curve,
    variant_rows,
)
from mechval.two_sat.formulas.dataset import load_provenance
from mechval.two_sat.interpretation import COMPONENT_NAMES, EVALUATE, make_interpretations
from mechval.two_sat.programs.mirrored import AnyVoting
from mechval.two_sat.stages.train import Context, load_stage_network, load_stage_split

# Axiom 2 at output is not among them: the program of evaluate plays no part in it.
COMPARED_CELLS = (
    "prefix equivalence/evaluate",
    "prefix replaceability/evaluate",
    "prefix equivalence/output",
)
DERIVABILITY_FORMULAS = 20_000
PART_FORMULAS = 64
JUDGED_BY = ("axioms.confidence",)
_EVALUATE = CellKey(Axiom.PREFIX_EQUIVALENCE, 1 + COMPONENT_NAMES.index(EVALUATE))


@dataclass(frozen=True)
class Weighting:
    """How many of the formulas drawn independently are satisfiable: a weight of the mixtures."""

    natural_satisfiable_share: float = tables.told("share of satisfiable formulas", unit="%")


METRICS = tables.Record("axioms/metrics.json", Weighting)
READS = ("data", "consolidate|train", "circuit", "improve")
SETTINGS = ("problem", "architecture", "circuit", "axioms", "variants")
OPTIONAL = ("improve",)
_ESTIMATES: tuple[tables.Table[Any], ...] = (
    *(TOLERANCE, paired.PAIRED, surface.SURFACE, sizes.FRONT),
    *(derivability.COMPOSITION, derivability.DERIVABILITY),
)
TABLES: tuple[tables.Declared, ...] = (
    *(CELLS, INTERPRETATIONS, VARIANTS, *_ESTIMATES),
    *(choose_parts.CHOICES, sizes.SIZES, derivability.PARTS, METRICS, SHUFFLED),
)


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


def run(context: Context) -> None:
    """Fit every variant on the fitting split, then measure them all in one pass over the other."""
    asked, directory, bench = context.settings.axioms, context.directory, _bench(context)
    circuit, voting, natural = bench.circuit, _better_programs(context), _natural_share(context)
    mains = make_interpretations(bench.components, circuit, asked.versions, asked.residuals)
    reading = improved_reading(circuit)
    base = next(main for main in mains if main.tags["reading"] == reading)
    choice, better = choose_parts.improve(bench, base, voting)
    choose_parts.CHOICES.write(choice.rows, directory)
    variants = [*make_variants(bench, mains, context.settings.variants), *better]
    mixtures = assess.mixtures(natural)
    rule = JudgingRule(assess.CLASSES, mixtures, asked.confidence, circuit.majority_label)
    batches = assess.axiom_batches(bench.components, bench.testing.split)
    measure(mains, variants, batches, rule).write(directory)
    front = sizes.front_rows(bench, reading, voting)
    sizes.FRONT.write(front, directory)
    sizes.SIZES.write(sizes.size_rows(bench.components, circuit, front, reading), directory)
    METRICS.write(Weighting(natural), directory)
    _write_surface(context, bench)
    _write_parts(context, bench)


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


def rejudge(context: Context) -> None:
    """Bound and judge the counts in the stage's folder at the confidence of the settings."""
    directory, confidence = context.directory, context.settings.axioms.confidence
    rows = [row.at(confidence) for row in INTERPRETATIONS.read(directory)]
    mains, variants = CELLS.read(directory), VARIANTS.read(directory)
    weights = assess.mixtures(_natural_share(context))
    shuffled = SHUFFLED.read(directory)
    cells, shuffled = judge_cells([*mains, *variants], shuffled, rows[0], weights)
    CELLS.write(cells[: len(mains)], directory)
    INTERPRETATIONS.write(rows, directory)
    SHUFFLED.write(shuffled, directory)
    VARIANTS.write([cell for cell in cells if isinstance(cell, VariantRow)], directory)
    for table in _ESTIMATES:
        table.write([row.at(confidence) for row in table.read(directory)], directory)


def _natural_share(context: Context) -> float:
    return load_provenance(context.upstream["data"].bulk, context.settings.problem).natural_share


def _better_programs(context: Context) -> Mapping[str, AnyVoting]:
    """What stage ``improve`` found, if the run has it."""
    if "improve" not in context.upstream:
        return {}
    directory = context.upstream["improve"].directory
    return load_programs(directory, context.settings.problem).programs


def _bench(context: Context) -> Bench:
    network = load_stage_network(context)
    fitting, testing = (
        observe(network, load_stage_split(context, name))
        for name in ("analysis.fit", "analysis.test")
    )
    return Bench(
        components=network,
        circuit=load_circuit(context.upstream["circuit"].directory, network.problem),
        fitting=fitting,
        testing=testing,
        seed=context.seed,
        confidence=context.settings.axioms.confidence,
    )


def _write_surface(context: Context, bench: Bench) -> None:
    """ε over cuts and high values."""
    settings = context.settings
    asked, most_leaves = settings.axioms, settings.circuit.max_leaves
    tried = surface.Surface(bench, asked.versions, asked.residuals, most_leaves)
    grids = surface.grids(settings.variants, tuple(bench.circuit.readings))
    surface.SURFACE.write([row for grid in grids for row in tried.rows(grid)], context.directory)


def _write_parts(context: Context, bench: Bench) -> None:
    """Derivability, argued in prose, as numbers: which parts, and how much lies outside."""
    sample, network = bench.testing.split.first(DERIVABILITY_FORMULAS), bench.components
    parts = derivability.part_rows(network, sample.first(PART_FORMULAS))
    derivability.PARTS.write(parts, context.directory)
    composed = derivability.composition_row(network, sample, bench.confidence)
    derivability.COMPOSITION.write([composed], context.directory)
    outside = derivability.derivability_rows(network, bench.circuit, sample, bench.confidence)
    derivability.DERIVABILITY.write(outside, context.directory)


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
