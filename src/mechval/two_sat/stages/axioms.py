"""Stage ``axioms``: every interpretation of the circuit, validated on held-out formulas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mechval import tables
from mechval.axioms import SHUFFLED, judge_cells, save_disagreements
from mechval.axioms.paired import PAIRED
from mechval.axioms.report import CELLS, INTERPRETATIONS
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim import assess, derivability
from mechval.two_sat.claim.bench import Bench, observe
from mechval.two_sat.claim.improved.choose_parts import CHOICES
from mechval.two_sat.claim.improved.fitted import load_programs
from mechval.two_sat.claim.measure import validate_completely
from mechval.two_sat.claim.sizes import FRONT, SIZES
from mechval.two_sat.claim.surface import SURFACE
from mechval.two_sat.claim.variants.variant import TOLERANCE, VARIANTS, VariantRow
from mechval.two_sat.formulas.dataset import load_provenance
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
    *(TOLERANCE, PAIRED, SURFACE, FRONT),
    *(derivability.COMPOSITION, derivability.DERIVABILITY),
)
TABLES: tuple[tables.Declared, ...] = (
    *(CELLS, INTERPRETATIONS, VARIANTS, *_ESTIMATES),
    *(CHOICES, SIZES, derivability.PARTS, METRICS, SHUFFLED),
)


def run(context: Context) -> None:
    """Evaluate the suite; write its tables and the disagreements of every formula."""
    settings, directory = context.settings, context.directory
    bench = _bench(context)
    natural = _natural_share(context)
    claim = validate_completely(settings, bench, _better_programs(context), natural)
    CELLS.write([cell for report in claim.measured.mains for cell in report.cells], directory)
    INTERPRETATIONS.write(claim.measured.mains, directory)
    save_disagreements(claim.measured.mains, directory)
    SHUFFLED.write(claim.measured.shuffled, directory)
    VARIANTS.write(claim.measured.variants, directory)
    TOLERANCE.write(claim.measured.tolerance, directory)
    PAIRED.write(claim.measured.paired, directory)
    SURFACE.write(claim.surface, directory)
    FRONT.write(claim.front, directory)
    CHOICES.write(claim.choices, directory)
    SIZES.write(claim.sizes, directory)
    METRICS.write(Weighting(natural), directory)
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


def _write_parts(context: Context, bench: Bench) -> None:
    """Derivability, argued in prose, as numbers: which parts, and how much lies outside."""
    sample, network = bench.testing.split.first(DERIVABILITY_FORMULAS), bench.components
    parts = derivability.part_rows(network, sample.first(PART_FORMULAS))
    derivability.PARTS.write(parts, context.directory)
    composed = derivability.composition_row(network, sample, bench.confidence)
    derivability.COMPOSITION.write([composed], context.directory)
    outside = derivability.derivability_rows(network, bench.circuit, sample, bench.confidence)
    derivability.DERIVABILITY.write(outside, context.directory)
