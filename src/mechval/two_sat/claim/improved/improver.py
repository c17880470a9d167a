"""The better interpretation of one network: literal counts, voting programs, regressed states.

Components that are not replaced are shared with the interpretation they come from, so the suite
measures the cells that do not change once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

from mechval.axioms import Interpretation, Map
from mechval.two_sat.circuit.prototypes import prototypes_by_position
from mechval.two_sat.claim.assess import axiom_batches
from mechval.two_sat.claim.bench import Bench
from mechval.two_sat.claim.improved.choice import Change, Choice, Part, choose_parts
from mechval.two_sat.claim.improved.fitted import choosing_formulas
from mechval.two_sat.claim.improved.parser import RefinedParser, fit_colon
from mechval.two_sat.claim.improved.regression import fit_regression
from mechval.two_sat.claim.variants import variant
from mechval.two_sat.claim.variants.variant import Variant, make_variant, with_evaluate
from mechval.two_sat.interpretation import reading_of
from mechval.two_sat.programs.mirrored import AnyVoting

COUNTING = "counting"


@dataclass(frozen=True, eq=False)
class Improver:
    """Looks for better parts of a main interpretation, fitted on the fitting split alone.

    Attributes:
        base: its α_2 must read the neurons that the programs were fitted to.
        programs: of evaluate, by name.
    """

    bench: Bench
    base: Interpretation
    programs: Mapping[str, AnyVoting]

    def choose(self) -> Choice:
        """Put the better parts into the base, those that count on the last fitting formulas."""
        bench = self.bench
        last = choosing_formulas(bench.fitting.split)
        batches = axiom_batches(bench.problem, last, bench.device)
        return choose_parts(self.base, self._parts, batches)

    def variants(self, choice: Choice) -> list[Variant]:
        """Every candidate on its own, voting with the counting γ_1, and all that was taken."""
        parse, _, state = self._parts
        made = [
            make_variant("improved", name, change(self.base), about=part.about)
            for part in (parse, state)
            for name, change in part.candidates.items()
        ]
        counting = parse.candidates[COUNTING](self.base)
        made += [
            make_variant(
                "improved",
                f"{COUNTING}, {name}",
                with_evaluate(counting, program=program.bits),
                about=variant.EVALUATE_EQUIVALENCE[0],
            )
            for name, program in self.programs.items()
        ]
        return [*made, make_variant("improved", "chosen", choice.interpretation)]

    @cached_property
    def _parts(self) -> list[Part]:
        """What may be replaced, in the order in which it is."""
        bench = self.bench
        bits = bench.bits(reading_of(self.base.tags), bench.fitting)
        regressed = fit_regression(bits, bench.fitting.states).to(bench.device)
        parsers: dict[str, Change] = {
            name: partial(with_parse_gamma, gamma=parser.gamma)
            for name, parser in self._parsers().items()
        }
        programs: dict[str, Change] = {
            name: partial(with_evaluate, program=program.bits)
            for name, program in self.programs.items()
        }
        states: dict[str, Change] = {"regression": partial(with_evaluate, gamma=regressed.gamma)}
        return [
            Part("γ_1", parsers, variant.PARSE_REPLACEABILITY[0]),
            Part("program", programs, variant.EVALUATE_EQUIVALENCE[0]),
            Part("γ_2", states, variant.EVALUATE_REPLACEABILITY[0]),
        ]

    def _parsers(self) -> dict[str, RefinedParser]:
        model, problem, device = self.bench.model, self.bench.problem, self.bench.device
        circuit = self.bench.circuit
        own = (problem, circuit.prototypes.to(device), circuit.mean_resid_post.to(device))
        seen = self.bench.fitting
        colon = fit_colon(problem, seen.split, seen.resid_post).to(device)
        by_position = prototypes_by_position(model, problem).to(device)
        return {
            COUNTING: RefinedParser(*own, colon=colon),
            "positions": RefinedParser(*own, by_position=by_position),
            f"{COUNTING} and positions": RefinedParser(*own, colon, by_position),
        }


def with_parse_gamma(interpretation: Interpretation, gamma: Map) -> Interpretation:
    """Another γ_1; the very same one is evaluated once for all interpretations that share it."""
    start, _, state, end = interpretation.gammas
    return replace(interpretation, gammas=(start, gamma, state, end))
