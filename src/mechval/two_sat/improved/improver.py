"""The better interpretation of one network: fitted, named, and its front of length against ε."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mechval.errors import MechvalError
from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit import Circuit, ReadingName
from mechval.two_sat.components import AnswerState
from mechval.two_sat.improved.config import ImprovedConfig
from mechval.two_sat.improved.fitting import VotingFit
from mechval.two_sat.improved.front import ReadBits, front_rows
from mechval.two_sat.improved.interpretations import improved_interpretations
from mechval.two_sat.improved.ladder import fit_ladder
from mechval.two_sat.improved.parsing import CountingParser, fit_colon
from mechval.two_sat.improved.voting import VotingProgram
from mechval.two_sat.problem import Problem
from mechval.two_sat.variants.bases import Base
from mechval.two_sat.variants.checks import Check, make_check
from mechval.two_sat.variants.observations import Observations


@dataclass(frozen=True, eq=False)
class Improver:
    """Looks for a better interpretation on the fitting split alone.

    Attributes:
        seed: of the batches of the fits and of the trees on the front.
    """

    model: Transformer
    problem: Problem
    circuit: Circuit
    fitting: Observations
    config: ImprovedConfig
    confidence: float
    seed: int
    device: torch.device

    def programs(self, reading: ReadingName) -> tuple[dict[str, VotingProgram], str | None]:
        """The voting programs of a reading; where the rules refuse, none, and why."""
        n = self.config.formulas
        states = self.fitting.states
        first = AnswerState(states.hidden[:n], states.resid_mid[:n])
        try:
            found = fit_ladder(
                self.model.cpu(),
                self.problem,
                self.circuit,
                reading,
                self.fitting.split.first(n),
                first,
                ladder=self.config.widths,
                fit=VotingFit(steps=self.config.steps),
                seed=self.seed,
            )
        except MechvalError as refusal:
            return {}, str(refusal)
        finally:
            self.model.to(self.device)
        return found, None

    def checks(self, base: Base, programs: Mapping[str, VotingProgram]) -> list[Check]:
        """The counting γ_1 in ``base``, with its own evaluate program and with each voting one."""
        parser = CountingParser(
            self.problem,
            self.circuit.prototypes.to(self.device),
            self.circuit.mean_resid_post.to(self.device),
            fit_colon(self.model, self.problem, self.fitting.split, self.device).to(self.device),
        )
        better = improved_interpretations(base.interpretation, parser, programs)
        return [
            make_check(
                "improved", interpretation.name.removeprefix(f"{base.name}/"), base, interpretation
            )
            for interpretation in better
        ]

    def front(
        self, reading: ReadingName, programs: Mapping[str, VotingProgram], testing: Observations
    ) -> list[Row]:
        """Length and ε of every kind of program, on the test split."""
        chosen = self.circuit.readings[reading]
        read = [
            ReadBits(seen.split, seen.states.hidden[:, chosen.neurons] >= chosen.levels.cut)
            for seen in (self.fitting, testing)
        ]
        fit, test = read
        return front_rows(
            self.problem,
            chosen,
            programs,
            fit,
            test,
            confidence=self.confidence,
            seed=self.seed,
        )
