"""The variants that are fitted on the fitting split or drawn: high values, trees, rivals, noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms import Interpretation, Map
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.neurons import Levels, neuron_levels
from mechval.two_sat.claim.variants.bases import Base, bases_of, main_bases
from mechval.two_sat.claim.variants.checks import (
    EVALUATE_REPLACEABILITY,
    Check,
    main_checks,
    make_check,
    ordered_check,
    tolerance_checks,
    with_evaluate,
)
from mechval.two_sat.claim.variants.implication_graph import implication_graph
from mechval.two_sat.claim.variants.noise import NoisyParser, noise_replacements
from mechval.two_sat.claim.variants.observations import Observations
from mechval.two_sat.claim.variants.rivals import fit_literal_counts
from mechval.two_sat.configs import ReadingName, VariantsConfig
from mechval.two_sat.interpretation import bit_reader, formula_evaluator
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.programs.evaluate import fit_trees
from mechval.two_sat.programs.lookup import fit_lookup


@dataclass(frozen=True, eq=False)
class VariantMaker:
    """Makes the variants of one network.

    Attributes:
        fitting: the network on the fitting split; what is fitted sees nothing else.
        seed: of the trees and of the noise.
    """

    problem: Problem
    circuit: Circuit
    fitting: Observations
    config: VariantsConfig
    seed: int
    device: torch.device

    def checks(self, interpretations: Sequence[Interpretation]) -> list[Check]:
        """Every variant of every main interpretation, each main one among them.

        Args:
            interpretations: from `make_interpretations`, on this device. High values of γ_2 are
                varied for all of them, everything else for one residual per reading.
        """
        bases = bases_of(interpretations)
        mains = main_bases(bases)
        # Reversed, so that the first version of each reading stays.
        by_reading = {base.reading: base for base in reversed(mains)}
        return [
            *main_checks(bases),
            *self._high_checks(bases),
            *tolerance_checks(mains, self.config.tolerances),
            ordered_check(mains[0], self.problem.n_clauses),
            *self._noise_checks(mains),
            *(check for base in by_reading.values() for check in self._leaves_checks(base)),
            *(check for base in by_reading.values() for check in self._rival_checks(base)),
        ]

    def bits(self, name: ReadingName) -> Bool[Tensor, "formula neuron"]:
        """The bits of a reading's neurons on the fitting formulas."""
        reading = self.circuit.readings[name]
        return self.fitting.states.hidden[:, reading.neurons] >= reading.levels.cut

    def _high_checks(self, bases: Sequence[Base]) -> list[Check]:
        return [
            make_check(
                "high",
                setting,
                base,
                with_evaluate(base.interpretation, gamma=self._gamma(base, values)),
                EVALUATE_REPLACEABILITY,
            )
            for base in bases
            for setting, values in self._high_values(self.circuit.readings[base.reading]).items()
        ]

    def _high_values(self, reading: Reading) -> dict[str, Float[Tensor, " neuron"]]:
        own = reading.levels.high
        fixed = {f"{high:g}": torch.full_like(own, high) for high in self.config.highs}
        hidden = self.fitting.states.hidden[:, reading.neurons]
        return {**fixed, "calibrated": neuron_levels(hidden, "calibrated").high}

    def _gamma(self, base: Base, values: Float[Tensor, " neuron"]) -> Map:
        reading = self.circuit.readings[base.reading]
        if values.equal(reading.levels.high):
            return base.interpretation.gammas[2]
        changed = replace(reading, levels=Levels(reading.levels.cut, values))
        circuit = replace(self.circuit, readings={base.reading: changed})
        return bit_reader(circuit, base.reading, base.residual, self.device).gamma

    def _noise_checks(self, bases: Sequence[Base]) -> list[Check]:
        checks = []
        for kind in self.config.noise_kinds:
            replacements = noise_replacements(self.problem, kind)
            parse = bases[0].interpretation.abstract[0]
            noisy = NoisyParser(parse, replacements, self.config.noise_probability, self.seed)
            program = noisy.program
            for base in bases:
                abstract = (program, *base.interpretation.abstract[1:])
                changed = replace(base.interpretation, abstract=abstract)
                checks.append(make_check("noise", kind, base, changed))
        return checks

    def _leaves_checks(self, base: Base) -> list[Check]:
        checks = []
        for max_leaves in self.config.leaves:
            bits = self.bits(base.reading).numpy()
            fitted = fit_trees(self.fitting.tables, bits, max_leaves=max_leaves, seed=self.seed)
            program = formula_evaluator(self.problem, fitted.program, self.device)
            setting = "unlimited" if max_leaves is None else str(max_leaves)
            changed = with_evaluate(base.interpretation, program=program)
            checks.append(make_check("leaves", setting, base, changed))
        return checks

    def _rival_checks(self, base: Base) -> list[Check]:
        problem, bits = self.problem, self.bits(base.reading)
        counts = fit_literal_counts(self._written_pairs(), bits, problem.n_literals)
        lookup = fit_lookup(self.fitting.tables, bits)
        reading = self.circuit.readings[base.reading]
        graph = implication_graph(
            problem, reading.neurons, reading.levels.cut, self.fitting.states, self.device
        )
        rivals = {
            "literal counts": with_evaluate(base.interpretation, program=counts.program),
            "lookup table": with_evaluate(
                base.interpretation, program=formula_evaluator(problem, lookup, self.device)
            ),
            "implication graph": with_evaluate(
                base.interpretation,
                program=graph.program,
                alpha=graph.alpha,
                gamma=graph.gamma,
                equivalence=graph.equivalence(),
            ),
        }
        return [make_check("rival", name, base, rival) for name, rival in rivals.items()]

    def _written_pairs(self) -> Int[Tensor, "formula clause_position"]:
        first, second = torch.from_numpy(clause_literals(self.problem)).T
        pair = first * self.problem.n_literals + second
        return pair[torch.from_numpy(self.fitting.split.clause_ids).long()]
