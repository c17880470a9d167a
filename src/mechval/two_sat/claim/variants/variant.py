"""Variants: interpretations that differ from a main one in one respect, family by family.

Each says which cells it bears on; in all others it agrees with its base by construction.
Tolerated wrong neurons need no variants of their own: one measurement gives the whole curve.

Source: paper section 4 and appendix (variants).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.axioms import (
    Axiom,
    AxiomReport,
    Cell,
    Equivalence,
    Interpretation,
    Map,
    n_differing,
)
from mechval.axioms.report import cell_name
from mechval.two_sat.circuit.extract import Reading
from mechval.two_sat.circuit.neurons import Levels, calibrated_levels
from mechval.two_sat.claim.bench import Bench, written_pairs
from mechval.two_sat.claim.variants.noise import NoisyParser, noise_replacements
from mechval.two_sat.claim.variants.rivals import fit_literal_counts, implication_graph
from mechval.two_sat.configs import ReadingName, Residual, VariantsConfig
from mechval.two_sat.interpretation import (
    COMPONENT_NAMES,
    EVALUATE,
    PARSE,
    bit_reader,
    formula_evaluator,
    reading_of,
    residual_of,
)
from mechval.two_sat.programs.evaluate import fit_lookup

Family = Literal["high", "wrong neurons", "ordered clauses", "noise", "leaves", "rival", "improved"]

_EQUIVALENCES = (Axiom.PREFIX_EQUIVALENCE, Axiom.COMPONENT_EQUIVALENCE)
_REPLACEABILITIES = (Axiom.PREFIX_REPLACEABILITY, Axiom.COMPONENT_REPLACEABILITY)


def _cells(axioms: Sequence[Axiom], components: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell_name(axiom, component) for axiom, component in product(axioms, components))


ALL_CELLS = _cells(tuple(Axiom), COMPONENT_NAMES)
PARSE_EQUIVALENCE = _cells(_EQUIVALENCES, (PARSE,))
EVALUATE_EQUIVALENCE = _cells(_EQUIVALENCES, (EVALUATE,))
PARSE_REPLACEABILITY = _cells(_REPLACEABILITIES, (PARSE,))
EVALUATE_REPLACEABILITY = _cells(_REPLACEABILITIES, (EVALUATE,))


@dataclass(frozen=True)
class Variant:
    """One variant of a main interpretation, tagged also with ``family`` and ``setting``. ``cells``
    are the names of those it bears on, ``about`` is the one that it is made for, None where it is
    about all of them."""

    interpretation: Interpretation
    cells: tuple[str, ...]
    about: str | None

    @property
    def family(self) -> str:
        return self.interpretation.tags["family"]


@dataclass(frozen=True, kw_only=True)
class VariantRow(Cell):
    """One cell of one variant, and the cell that the variant is made for."""

    about: str | None = tables.told("made for")


VARIANTS = tables.Table("axioms/variants.csv", VariantRow)


def make_variant(
    family: Family,
    setting: str,
    changed: Interpretation,
    cells: tuple[str, ...] = ALL_CELLS,
    about: str | None = None,
) -> Variant:
    """Tag a main interpretation with some maps replaced. It keeps the other objects, so that they
    are evaluated once for all variants. ``setting`` is what the family varies, in words; empty
    where it varies nothing."""
    tags = {**changed.tags, "family": family} | ({"setting": setting} if setting else {})
    tagged = replace(changed, name="/".join(tags.values()), tags=tags)
    return Variant(tagged, cells, about)


def variant_rows(variant: Variant, report: AxiomReport) -> list[VariantRow]:
    return [
        VariantRow(**vars(cell), about=variant.about)
        for cell in report.cells
        if cell.name in variant.cells
    ]


def with_evaluate(
    interpretation: Interpretation,
    *,
    program: Map | None = None,
    alpha: Map | None = None,
    gamma: Map | None = None,
    equivalence: Equivalence | None = None,
) -> Interpretation:
    """Replace what is given of the evaluate component and of the cut after it."""

    def put(parts: tuple[Any, ...], place: int, part: Any) -> tuple[Any, ...]:
        return (*parts[:place], part or parts[place], *parts[place + 1 :])

    return replace(
        interpretation,
        abstract=put(interpretation.abstract, 1, program),
        alphas=put(interpretation.alphas, 2, alpha),
        gammas=put(interpretation.gammas, 2, gamma),
        equivalences=put(interpretation.equivalences, 2, equivalence),
    )


_OWN_RESIDUAL: dict[ReadingName, Residual] = {"paper": "attn_out", "calibrated": "resid_mid"}


def make_variants(
    bench: Bench, mains: Sequence[Interpretation], config: VariantsConfig
) -> list[Variant]:
    """Every variant of every main interpretation. High values of γ_2 are varied for all of
    ``mains``, which lie on the bench's device, everything else for one residual per reading."""
    chosen = one_residual_each(mains)
    # Reversed, so that the first version of each reading stays.
    by_reading = {reading_of(main.tags): main for main in reversed(chosen)}
    return [
        *(made for main in mains for made in _highs(bench, main, config)),
        *tolerances(chosen, config.tolerances),
        ordered_clauses(chosen[0], bench.components.problem.n_clauses),
        *_noises(bench, chosen, config),
        *(made for main in by_reading.values() for made in _leaves(bench, main, config)),
        *(made for main in by_reading.values() for made in _rivals(bench, main)),
    ]


def one_residual_each(mains: Sequence[Interpretation]) -> list[Interpretation]:
    """Keep one residual for each version and reading. That is ``attn_out`` with the reading
    ``paper`` and ``resid_mid`` with the calibrated one, or the first there is: only the high values
    of γ_2 interact with the residual."""
    chosen: dict[tuple[str, str], Interpretation] = {}
    for main in mains:
        key = (main.tags["version"], main.tags["reading"])
        if key not in chosen or residual_of(main.tags) == _OWN_RESIDUAL[reading_of(main.tags)]:
            chosen[key] = main
    return list(chosen.values())


def _highs(bench: Bench, main: Interpretation, config: VariantsConfig) -> Iterator[Variant]:
    reading = bench.circuit.readings[reading_of(main.tags)]
    fixed = {f"{high:g}": torch.full_like(reading.levels.high, high) for high in config.highs}
    hidden = bench.fitting.states.hidden[:, reading.neurons]
    calibrated = calibrated_levels(hidden).high
    for setting, values in {**fixed, "calibrated": calibrated}.items():
        changed = with_evaluate(main, gamma=_gamma(bench, main, reading, values))
        cells = EVALUATE_REPLACEABILITY
        yield make_variant("high", setting, changed, cells, about=cells[0])


def _gamma(
    bench: Bench, main: Interpretation, reading: Reading, values: Float[Tensor, " neuron"]
) -> Map:
    if values.equal(reading.levels.high):
        return main.gammas[2]
    name = reading_of(main.tags)
    changed = replace(reading, levels=Levels(reading.levels.cut, values))
    circuit = replace(bench.circuit, readings={name: changed})
    return bit_reader(circuit, name, residual_of(main.tags), bench.components.device).gamma


def tolerances(mains: Sequence[Interpretation], allowed: Sequence[int]) -> Iterator[Variant]:
    """Evaluate equivalence where so many neurons may be wrong."""
    for main, tolerance in product(mains, allowed):
        strict = main.equivalences[2]
        name = f"{strict.name}, {tolerance} may differ"
        changed = with_evaluate(main, equivalence=replace(strict, name=name, tolerance=tolerance))
        cells = EVALUATE_EQUIVALENCE
        yield make_variant("wrong neurons", str(tolerance), changed, cells, about=cells[0])


def ordered_clauses(main: Interpretation, n_clauses: int) -> Variant:
    """Parse equivalence where the two literals of a clause must be found in their order."""
    start, _, *later = main.equivalences
    ordered = Equivalence("clauses as ordered pairs", n_differing, n_parts=n_clauses)
    changed = replace(main, equivalences=(start, ordered, *later))
    cells = PARSE_EQUIVALENCE
    return make_variant("ordered clauses", "", changed, cells, about=cells[0])


def _noises(
    bench: Bench, mains: Sequence[Interpretation], config: VariantsConfig
) -> Iterator[Variant]:
    for kind in config.noise_kinds:
        replacements = noise_replacements(bench.components.problem, kind)
        parse = mains[0].abstract[0]
        program = NoisyParser(parse, replacements, config.noise_probability, bench.seed).program
        for main in mains:
            yield make_variant("noise", kind, replace(main, abstract=(program, *main.abstract[1:])))


def _leaves(bench: Bench, main: Interpretation, config: VariantsConfig) -> Iterator[Variant]:
    bits = bench.bits(reading_of(main.tags), bench.fitting)
    for leaves in config.leaves:
        trees, network = bench.trees(bits, leaves), bench.components
        program = formula_evaluator(network.problem, trees, network.device)
        changed, setting = with_evaluate(main, program=program), str(leaves or "unlimited")
        yield make_variant("leaves", setting, changed, about=EVALUATE_EQUIVALENCE[0])


def _rivals(bench: Bench, main: Interpretation) -> Iterator[Variant]:
    problem, device, fitting = bench.components.problem, bench.components.device, bench.fitting
    reading = bench.circuit.readings[reading_of(main.tags)]
    bits = bench.bits(reading_of(main.tags), fitting)
    counts = fit_literal_counts(written_pairs(problem, fitting.split), bits, problem.n_literals)
    lookup = formula_evaluator(problem, fit_lookup(fitting.tables, bits), device)
    graph = implication_graph(problem, reading.neurons, reading.levels.cut, fitting.states, device)
    equal, alpha, gamma = graph.equivalence(), graph.alpha, graph.gamma
    rivals = {
        "literal counts": with_evaluate(main, program=counts.program),
        "lookup table": with_evaluate(main, program=lookup),
        "implication graph": with_evaluate(
            main, program=graph.program, alpha=alpha, gamma=gamma, equivalence=equal
        ),
    }
    for name, changed in rivals.items():
        yield make_variant("rival", name, changed, about=EVALUATE_EQUIVALENCE[0])
