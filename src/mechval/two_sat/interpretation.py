"""The paper's interpretation of the 2-SAT network: parse, evaluate, output.

Source: paper section 4 (α, γ and the program of each component).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import cast, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms import (
    Equivalence,
    Interpretation,
    Map,
    Part,
    Variable,
    exact_labels,
    identity,
    n_differing,
)
from mechval.axioms.partial import Domain
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.nearest_prototype import nearest_prototype
from mechval.two_sat.circuit.neurons import Levels
from mechval.two_sat.claim.unordered_pairs import unordered_pairs
from mechval.two_sat.configs import AxiomsConfig, ReadingName, Residual, Version
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.formulas.truth_tables import literal_pair_truth
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import EvaluateProgram
from mechval.two_sat.programs.versions import CLAIMED

PARSE, EVALUATE, OUTPUT = COMPONENT_NAMES = ("parse", "evaluate", "output")
_MOST_ON = 2


@dataclass(frozen=True)
class ClauseParser:
    """Cut 1: literal pairs, one per clause position, as ``first * n_literals + second``."""

    problem: Problem
    prototypes: Float[Tensor, "pair d_model"]
    mean_resid_post: Float[Tensor, "pos d_model"]

    def alpha(
        self, resid: Float[Tensor, "batch pos d_model"]
    ) -> Int[Tensor, "batch clause_position"]:
        """The prototype nearest to each second literal's residual (α_1)."""
        return nearest_prototype(resid[:, self._second], self.prototypes)

    def gamma(
        self, pairs: Int[Tensor, "batch clause_position"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Mean residuals, with the prototypes put in at the second literals (γ_1)."""
        resid = self.mean_resid_post.expand(len(pairs), -1, -1).clone()
        resid[:, self._second] = self.prototypes[pairs]
        return resid

    def program(self, tokens: Int[Tensor, "batch pos"]) -> Int[Tensor, "batch clause_position"]:
        """The clauses as they are written (h_1)."""
        second = tokens[:, self._second]
        first = tokens[:, [position - 1 for position in self._second]]
        return first * self.problem.n_literals + second

    @property
    def _second(self) -> list[int]:
        return list(FormulaLayout(self.problem).second_literal_positions)


@dataclass(frozen=True)
class BitReader:
    """Cut 2: one bit per evaluating neuron."""

    neurons: Int[Tensor, " neuron"]
    levels: Levels
    mean_hidden: Float[Tensor, " d_mlp"]
    mean_resid: Float[Tensor, " d_model"]

    def alpha(self, state: AnswerState) -> Bool[Tensor, "batch neuron"]:
        """Whether each evaluating neuron is at or above its cut (α_2)."""
        return state.hidden[:, self.neurons] >= self.levels.cut

    def gamma(self, bits: Bool[Tensor, "batch neuron"]) -> AnswerState:
        """Mean state, with each evaluating neuron at 0 or at its high value (γ_2)."""
        hidden = self.mean_hidden.expand(len(bits), -1).clone()
        hidden[:, self.neurons] = bits * self.levels.high
        return AnswerState(hidden, self.mean_resid.expand(len(bits), -1))

    def equivalence(self) -> Equivalence:
        """All bits agree."""
        return Equivalence("bits of all evaluating neurons", n_differing, n_parts=len(self.neurons))


def any_bit(bits: Bool[Tensor, "batch neuron"]) -> Int[Tensor, " batch"]:
    """Satisfiable where some neuron found a satisfying assignment (h_3)."""
    return bits.any(dim=1).long()


def make_interpretations(
    components: Components,
    circuit: Circuit,
    versions: Iterable[Version] = CLAIMED.keys(),
    residuals: Iterable[Residual] = get_args(Residual),
) -> list[Interpretation]:
    """One interpretation per reading, version of evaluate and γ_2 residual, of one network.

    Their tags are ``version``, ``reading`` and ``residual``.
    """
    problem, device = components.problem, components.device
    # Bound once, so that the suite sees which maps the interpretations share.
    concrete = (components.parse, components.evaluate, components.output)
    parser = ClauseParser(
        problem, circuit.prototypes.to(device), circuit.mean_resid_post.to(device)
    )
    parse, alpha, gamma = parser.program, parser.alpha, parser.gamma
    clauses, carried = unordered_pairs(problem), clause_variables(problem)
    made = []
    for tags in interpretation_tags(circuit.readings, versions, residuals):
        reader = bit_reader(circuit, reading_of(tags), residual_of(tags), device)
        chosen = circuit.readings[reading_of(tags)]
        program = chosen.programs[tags["version"]]
        made.append(
            Interpretation(
                name="/".join(tags.values()),
                components=COMPONENT_NAMES,
                concrete=concrete,
                abstract=(parse, formula_evaluator(problem, program, device), any_bit),
                alphas=(identity, alpha, reader.alpha, identity),
                gammas=(identity, gamma, reader.gamma, identity),
                equivalences=(exact_labels, clauses, reader.equivalence(), exact_labels),
                tags=tags,
                variables=[*carried, *bit_variables(chosen.neurons)],
            )
        )
    return made


def main_interpretation(
    components: Components, circuit: Circuit, config: AxiomsConfig
) -> Interpretation:
    """The run's shortest main one: by the main reading, by disjunctions if they are asked for."""
    version = "disjunction" if "disjunction" in config.versions else config.versions[0]
    made = make_interpretations(
        components, circuit, versions=(version,), residuals=config.residuals[:1]
    )
    return next(each for each in made if reading_of(each.tags) == main_reading(circuit))


def clause_variables(problem: Problem) -> list[Variable]:
    """Every clause, carried by the residual stream at its second literal."""
    places = FormulaLayout(problem).second_literal_positions
    return [
        Variable(
            PARSE,
            Part(f"clause {clause}", index=clause),
            Part(f"residual stream at {place}", index=place),
        )
        for clause, place in enumerate(places)
    ]


def bit_variables(neurons: Int[Tensor, " neuron"]) -> list[Variable]:
    """Every bit, carried by its neuron."""
    return [
        Variable(
            EVALUATE,
            Part(f"bit of {neuron}", index=bit),
            Part(f"neuron {neuron}", output="hidden", index=neuron),
        )
        for bit, neuron in enumerate(neurons.tolist())
    ]


def few_bits(claim: Interpretation, device: torch.device) -> dict[str, Domain]:
    """All states of the bits with at most two on: those in which each must count by itself."""
    n_bits = sum(variable.component == EVALUATE for variable in claim.variables)
    chosen = [on for size in range(_MOST_ON + 1) for on in combinations(range(n_bits), size)]
    bits: Bool[Tensor, "state bit"] = torch.zeros(len(chosen), n_bits, dtype=torch.bool)
    for state, on in enumerate(chosen):
        bits[state, list(on)] = True
    return {
        EVALUATE: Domain(bits.to(device), f"at most {_MOST_ON} bits on, each state once", len(bits))
    }


def interpretation_tags(
    readings: Iterable[ReadingName], versions: Iterable[Version], residuals: Iterable[Residual]
) -> list[dict[str, str]]:
    """The tags of all interpretations of these kinds, in the order of every table."""
    return [
        {"version": version, "reading": reading, "residual": residual}
        for reading, version, residual in product(readings, versions, residuals)
    ]


def reading_of(tags: Mapping[str, str]) -> ReadingName:
    """How neurons are read by an interpretation with these tags."""
    return cast(ReadingName, tags["reading"])


def main_reading(circuit: Circuit) -> ReadingName:
    """Calibrated if the circuit has it: the paper's constants suit one network only."""
    return "calibrated" if "calibrated" in circuit.readings else "paper"


def residual_of(tags: Mapping[str, str]) -> Residual:
    """What γ_2 puts in for the residual stream there."""
    return cast(Residual, tags["residual"])


def bit_reader(
    circuit: Circuit, reading: ReadingName, residual: Residual, device: torch.device
) -> BitReader:
    """α_2 and γ_2 of a reading.

    Deviation D1: the state at cut 2 is the residual stream after block 1's attention, but the
    authors' γ_2 puts in the mean of the attention output alone (``attn_out``); ``resid_mid``
    puts in the mean of that residual stream.
    """
    chosen = circuit.readings[reading]
    mean = circuit.mean_resid_mid if residual == "resid_mid" else circuit.mean_attn_out
    levels = Levels(chosen.levels.cut.to(device), chosen.levels.high.to(device))
    return BitReader(
        chosen.neurons.to(device), levels, circuit.mean_hidden.to(device), mean.to(device)
    )


def formula_evaluator(problem: Problem, program: EvaluateProgram, device: torch.device) -> Map:
    """The evaluate component's program (h_2): parsed clauses to one bit per neuron."""
    satisfied_by = literal_pair_truth(problem).to(device)

    def evaluate(pairs: Int[Tensor, "batch clause_position"]) -> Bool[Tensor, "batch neuron"]:
        return program.bits(satisfied_by[pairs].all(dim=1))

    return evaluate
