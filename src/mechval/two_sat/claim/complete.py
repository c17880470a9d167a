"""Everything that is claimed of one network, fitted on one split and counted on another."""

from collections.abc import Mapping
from dataclasses import dataclass

from mechval.axioms.judging import JudgingRule
from mechval.two_sat.claim.assess import CLASSES, axiom_batches, mixtures
from mechval.two_sat.claim.bench import Bench
from mechval.two_sat.claim.improved.choice import ChoiceRow
from mechval.two_sat.claim.improved.fitted import improved_reading
from mechval.two_sat.claim.improved.front import FrontRow, front_rows
from mechval.two_sat.claim.improved.improver import Improver
from mechval.two_sat.claim.measure import Measured, measure
from mechval.two_sat.claim.sizes import SizeRow, size_rows
from mechval.two_sat.claim.surface import Surface, SurfaceRow, grids
from mechval.two_sat.claim.variants.families import make_variants
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.programs.mirrored import AnyVoting


@dataclass(frozen=True, eq=False)
class CompleteClaim:
    """What the axioms say of the interpretations of one network.

    Attributes:
        measured: the main interpretations and every variant.
        surface: ε over cuts and high values.
        front: length of every kind of evaluate program against its ε.
        choices: which parts of the better interpretation count, on the fitting split.
        sizes: lengths of all programs beside the weights.
    """

    measured: Measured
    surface: list[SurfaceRow]
    front: list[FrontRow]
    choices: tuple[ChoiceRow, ...]
    sizes: list[SizeRow]


def validate_completely(
    settings: TwoSatSettings, bench: Bench, voting: Mapping[str, AnyVoting], natural_share: float
) -> CompleteClaim:
    """Fit every variant on the fitting split, then measure them all in one pass over the other.

    Args:
        voting: the better evaluate programs, by name.
        natural_share: share of satisfiable formulas among independent draws, for reweighting.
    """
    problem, circuit, axioms = bench.problem, bench.circuit, settings.axioms
    mains = make_interpretations(
        bench.components,
        problem,
        circuit,
        versions=axioms.versions,
        residuals=axioms.residuals,
        device=bench.device,
    )
    reading = improved_reading(circuit)
    base = next(main for main in mains if main.tags["reading"] == reading)
    improver = Improver(bench, base, voting)
    choice = improver.choose()
    variants = [*make_variants(bench, mains, settings.variants), *improver.variants(choice)]
    rule = JudgingRule(CLASSES, mixtures(natural_share), axioms.confidence, circuit.majority_label)
    batches = axiom_batches(problem, bench.testing.split, bench.device)
    front = front_rows(bench, reading, voting)
    surface = Surface(bench, axioms.versions, axioms.residuals, settings.circuit.max_leaves)
    return CompleteClaim(
        measured=measure(mains, variants, batches, rule),
        surface=[
            row
            for grid in grids(settings.variants, tuple(circuit.readings))
            for row in surface.rows(grid)
        ],
        front=front,
        choices=choice.rows,
        sizes=size_rows(bench.model, problem, circuit, front, reading),
    )
