"""The complete axiom table of a network: main interpretations, variants, surfaces, a better one."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mechval.axioms import AxiomReport
from mechval.axioms.judging import JudgingRule
from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.claim.assess import CLASSES, axiom_batches, mixtures
from mechval.two_sat.claim.improved.front import AnyVoting
from mechval.two_sat.claim.improved.improver import Improver
from mechval.two_sat.claim.improved.programs import improved_reading
from mechval.two_sat.claim.variants.bases import bases_of
from mechval.two_sat.claim.variants.making import VariantMaker
from mechval.two_sat.claim.variants.measuring import VariantTables, measure_variants
from mechval.two_sat.claim.variants.observations import Observations, observe
from mechval.two_sat.claim.variants.surface import SurfaceMaker
from mechval.two_sat.claim.variants.surface_rows import SurfaceRow, grids
from mechval.two_sat.configs import ReadingName, TwoSatSettings
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.network.components import Components


@dataclass(frozen=True, eq=False)
class CompleteTable:
    """Everything that the axiom suite says about one network.

    Attributes:
        main: reports of the main interpretations.
        variants: of every named check, the main ones among them.
        surface: ε over cuts and high values.
        front: length of every kind of evaluate program against its ε.
        choices: which parts of the better interpretation count, on the fitting split.
        better_reading: the reading that the better interpretation is for.
    """

    main: list[AxiomReport]
    variants: VariantTables
    surface: list[SurfaceRow]
    front: list[Row]
    choices: list[Row]
    better_reading: ReadingName


def validate_completely(
    settings: TwoSatSettings,
    model: Transformer,
    circuit: Circuit,
    voting: Mapping[str, AnyVoting],
    *,
    fit: Split,
    test: Split,
    natural_share: float,
    seed: int,
    device: torch.device,
) -> CompleteTable:
    """Fit every variant on ``fit``, then measure them all in one pass over ``test``.

    Args:
        voting: the better evaluate programs, by name.
        natural_share: share of satisfiable formulas among independent draws, for reweighting.
        seed: of refitted trees and of the noise.
    """
    problem = settings.problem
    components = Components(model, problem)
    interpretations = make_interpretations(
        components,
        problem,
        circuit,
        versions=settings.axioms.versions,
        residuals=settings.axioms.residuals,
        device=device,
    )
    fitting = observe(model, problem, fit, device)
    maker = VariantMaker(problem, circuit, fitting, settings.variants, seed, device)
    improver = Improver(
        model,
        problem,
        circuit,
        fitting,
        settings.axioms.confidence,
        seed,
        device,
    )
    reading = improved_reading(circuit)
    base = next(base for base in bases_of(interpretations) if base.reading == reading)
    choice = improver.choose(base, voting)
    checks = [*maker.checks(interpretations), *improver.checks(base, voting, choice)]
    rule = JudgingRule(
        CLASSES, mixtures(natural_share), settings.axioms.confidence, circuit.majority_label
    )
    tables = measure_variants(checks, axiom_batches(problem, test, device), rule)
    main = [
        report
        for check, report in zip(checks, tables.reports, strict=True)
        if check.family == "main"
    ]
    testing = observe(model, problem, test, device)
    surface = _surface(settings, components, circuit, fitting, testing, seed, device)
    front = improver.front(reading, voting, testing)
    return CompleteTable(main, tables, surface, front, choice.rows, reading)


def _surface(
    settings: TwoSatSettings,
    components: Components,
    circuit: Circuit,
    fitting: Observations,
    testing: Observations,
    seed: int,
    device: torch.device,
) -> list[SurfaceRow]:
    maker = SurfaceMaker(
        components=components,
        circuit=circuit,
        fitting=fitting,
        testing=testing,
        versions=settings.axioms.versions,
        residuals=settings.axioms.residuals,
        max_leaves=settings.circuit.max_leaves,
        seed=seed,
        confidence=settings.axioms.confidence,
        device=device,
    )
    return [
        row
        for grid in grids(settings.variants, tuple(circuit.readings))
        for row in maker.rows(grid)
    ]
