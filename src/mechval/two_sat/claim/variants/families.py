"""The families of variants: high values, tolerances, clause order, noise, leaves, rivals."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.axioms import Equivalence, Interpretation, Map, n_differing
from mechval.two_sat.circuit.extract import Reading
from mechval.two_sat.circuit.neurons import Levels, neuron_levels
from mechval.two_sat.claim.bench import Bench, written_pairs
from mechval.two_sat.claim.variants import variant
from mechval.two_sat.claim.variants.noise import NoisyParser, noise_replacements
from mechval.two_sat.claim.variants.rivals import fit_literal_counts, implication_graph
from mechval.two_sat.claim.variants.variant import Variant, make_variant, with_evaluate
from mechval.two_sat.configs import ReadingName, Residual, VariantsConfig
from mechval.two_sat.interpretation import bit_reader, formula_evaluator, reading_of, residual_of
from mechval.two_sat.programs.evaluate import fit_lookup

_OWN_RESIDUAL: dict[ReadingName, Residual] = {"paper": "attn_out", "calibrated": "resid_mid"}
_EQUIVALENCE = variant.EVALUATE_EQUIVALENCE[0]


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
        ordered_clauses(chosen[0], bench.problem.n_clauses),
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
    calibrated = neuron_levels(hidden, "calibrated").high
    for setting, values in {**fixed, "calibrated": calibrated}.items():
        changed = with_evaluate(main, gamma=_gamma(bench, main, reading, values))
        cells = variant.EVALUATE_REPLACEABILITY
        yield make_variant("high", setting, changed, cells, about=cells[0])


def _gamma(
    bench: Bench, main: Interpretation, reading: Reading, values: Float[Tensor, " neuron"]
) -> Map:
    if values.equal(reading.levels.high):
        return main.gammas[2]
    name = reading_of(main.tags)
    changed = replace(reading, levels=Levels(reading.levels.cut, values))
    circuit = replace(bench.circuit, readings={name: changed})
    return bit_reader(circuit, name, residual_of(main.tags), bench.device).gamma


def tolerances(mains: Sequence[Interpretation], allowed: Sequence[int]) -> Iterator[Variant]:
    """Evaluate equivalence where so many neurons may be wrong."""
    for main, tolerance in product(mains, allowed):
        strict = main.equivalences[2]
        name = f"{strict.name}, {tolerance} may differ"
        changed = with_evaluate(main, equivalence=replace(strict, name=name, tolerance=tolerance))
        cells = variant.EVALUATE_EQUIVALENCE
        yield make_variant("wrong neurons", str(tolerance), changed, cells, about=cells[0])


def ordered_clauses(main: Interpretation, n_clauses: int) -> Variant:
    """Parse equivalence where the two literals of a clause must be found in their order."""
    start, _, *later = main.equivalences
    ordered = Equivalence("clauses as ordered pairs", n_differing, n_parts=n_clauses)
    changed = replace(main, equivalences=(start, ordered, *later))
    cells = variant.PARSE_EQUIVALENCE
    return make_variant("ordered clauses", "", changed, cells, about=cells[0])


def _noises(
    bench: Bench, mains: Sequence[Interpretation], config: VariantsConfig
) -> Iterator[Variant]:
    for kind in config.noise_kinds:
        replacements = noise_replacements(bench.problem, kind)
        parse = mains[0].abstract[0]
        program = NoisyParser(parse, replacements, config.noise_probability, bench.seed).program
        for main in mains:
            yield make_variant("noise", kind, replace(main, abstract=(program, *main.abstract[1:])))


def _leaves(bench: Bench, main: Interpretation, config: VariantsConfig) -> Iterator[Variant]:
    bits = bench.bits(reading_of(main.tags), bench.fitting)
    for leaves in config.leaves:
        program = formula_evaluator(bench.problem, bench.trees(bits, leaves), bench.device)
        changed = with_evaluate(main, program=program)
        yield make_variant("leaves", str(leaves or "unlimited"), changed, about=_EQUIVALENCE)


def _rivals(bench: Bench, main: Interpretation) -> Iterator[Variant]:
    problem, fitting, device = bench.problem, bench.fitting, bench.device
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
        yield make_variant("rival", name, changed, about=_EQUIVALENCE)
