"""Stage ``axioms``: every interpretation of the circuit, validated on held-out formulas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mechval import tables
from mechval.axioms import SHUFFLED, judge_cells, paired
from mechval.axioms.judging import JudgingRule
from mechval.axioms.report import CELLS, INTERPRETATIONS
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim import assess, derivability, sizes, surface
from mechval.two_sat.claim.bench import Bench, observe
from mechval.two_sat.claim.improved import choose_parts
from mechval.two_sat.claim.improved.fitted import improved_reading, load_programs
from mechval.two_sat.claim.measure import measure
from mechval.two_sat.claim.variants.tolerance import TOLERANCE
from mechval.two_sat.claim.variants.variant import VARIANTS, VariantRow, make_variants
from mechval.two_sat.formulas.dataset import load_provenance
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.programs.mirrored import AnyVoting
from mechval.two_sat.stages.train import Context, load_stage_network, load_stage_split

DERIVABILITY_FORMULAS = 20_000
PART_FORMULAS = 64
JUDGED_BY = ("axioms.confidence",)


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
