"""The better interpretation of one network: chosen, named, and its front of length against ε."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from jaxtyping import Bool
from torch import Tensor

from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.prototypes import prototypes_by_position
from mechval.two_sat.claim.assess import axiom_batches
from mechval.two_sat.claim.improved.choosing import Choice, Part, choose_parts
from mechval.two_sat.claim.improved.front import AnyVoting, ReadBits, front_rows
from mechval.two_sat.claim.improved.interpretations import (
    COUNTING,
    with_parser,
    with_program,
    with_state,
)
from mechval.two_sat.claim.improved.parsing import (
    CountingParser,
    PositionedCountingParser,
    PositionedParser,
    fit_colon,
)
from mechval.two_sat.claim.improved.programs import choosing_formulas
from mechval.two_sat.claim.improved.regression import RegressedState, fit_regression
from mechval.two_sat.claim.variants.bases import Base
from mechval.two_sat.claim.variants.checks import Check, make_check
from mechval.two_sat.claim.variants.observations import Observations
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.problem import Problem

CHOSEN = "chosen"


@dataclass(frozen=True, eq=False)
class Improver:
    """Looks for a better interpretation, with what was fitted, on the fitting split alone.

    Attributes:
        seed: of the trees on the front.
    """

    model: Transformer
    problem: Problem
    circuit: Circuit
    fitting: Observations
    confidence: float
    seed: int
    device: torch.device

    def choose(self, base: Base, programs: Mapping[str, AnyVoting]) -> Choice:
        """Put the better parts into ``base``, those that count on the last fitting formulas."""
        last = choosing_formulas(self.fitting.split)
        return choose_parts(
            base.interpretation,
            self._parts(base.reading, programs),
            lambda: axiom_batches(self.problem, last, self.device),
        )

    def checks(self, base: Base, programs: Mapping[str, AnyVoting], choice: Choice) -> list[Check]:
        """Every candidate on its own, voting with the counting γ_1, and all that was taken."""
        parse, _, state = self._parts(base.reading, programs)
        named = [
            replace(change(base.interpretation), name=name)
            for part in (parse, state)
            for name, change in part.candidates.items()
        ]
        counting = parse.candidates[COUNTING](base.interpretation)
        named += [
            replace(with_program(counting, program), name=f"{COUNTING}/{name}")
            for name, program in programs.items()
        ]
        named.append(replace(choice.interpretation, name=CHOSEN))
        return [make_check("improved", made.name, base, made) for made in named]

    def front(
        self, reading: ReadingName, programs: Mapping[str, AnyVoting], testing: Observations
    ) -> list[Row]:
        """Length and ε of every kind of program, on the test split."""
        chosen = self.circuit.readings[reading]
        fit, test = (
            ReadBits(seen.split, self._bits(reading, seen)) for seen in (self.fitting, testing)
        )
        return front_rows(
            self.problem,
            chosen,
            programs,
            fit,
            test,
            confidence=self.confidence,
            seed=self.seed,
        )

    def _bits(self, reading: ReadingName, seen: Observations) -> Bool[Tensor, "formula neuron"]:
        chosen = self.circuit.readings[reading]
        return seen.states.hidden[:, chosen.neurons] >= chosen.levels.cut

    def _parts(self, reading: ReadingName, programs: Mapping[str, AnyVoting]) -> list[Part]:
        """What may be replaced, in the order in which it is."""
        states = {"regression": self._regressed(reading)}
        return [
            Part("γ_1", {n: partial(with_parser, parser=p) for n, p in self._parsers.items()}),
            Part("program", {n: partial(with_program, program=p) for n, p in programs.items()}),
            Part("γ_2", {n: partial(with_state, state=state) for n, state in states.items()}),
        ]

    @cached_property
    def _parsers(self) -> dict[str, ClauseParser]:
        own = (
            self.problem,
            self.circuit.prototypes.to(self.device),
            self.circuit.mean_resid_post.to(self.device),
        )
        colon = fit_colon(self.model, self.problem, self.fitting.split, self.device).to(self.device)
        by_position = prototypes_by_position(self.model, self.problem).to(self.device)
        return {
            COUNTING: CountingParser(*own, colon),
            "positions": PositionedParser(*own, by_position),
            f"{COUNTING} and positions": PositionedCountingParser(*own, colon, by_position),
        }

    def _regressed(self, reading: ReadingName) -> RegressedState:
        fitted = fit_regression(self._bits(reading, self.fitting), self.fitting.states)
        return fitted.to(self.device)
