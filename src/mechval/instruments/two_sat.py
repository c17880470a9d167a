"""The 2-SAT claim as instruments see it: what they search for, and the length of its maps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import Interpretation, Part, Variable, program_size
from mechval.instruments.organism import Searched
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.claim.sizes import WEIGHT_BITS
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.generation import draw_budget, draw_distinct
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables
from mechval.two_sat.interpretation import EVALUATE, PARSE, reading_of
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs import lengths

CLAUSE_RANK = 64


@dataclass(frozen=True)
class MapBits:
    """How long a part of a claim is, a number of a network counting as one of its weights."""

    part: str = tables.told()
    bits: int = tables.told(unit="bits")


MAP_BITS = tables.Table("instruments/map_bits.csv", MapBits)


def draw_tokens(problem: Problem, n_formulas: int, seed: int) -> Int[Tensor, "formula pos"]:
    """The formulas of `draw_formulas`, written out."""
    clause_ids = draw_formulas(problem, n_formulas, seed).clause_ids
    return encode_formulas(problem, torch.from_numpy(clause_ids))


def draw_formulas(problem: Problem, n_formulas: int, seed: int) -> Split:
    """Distinct formulas, half of them satisfiable, shuffled; the corpora have other seeds."""
    rng = np.random.default_rng([seed, n_formulas])
    wanted = n_formulas // 2
    drawn = draw_distinct(problem, wanted, rng, budget=draw_budget(wanted))
    clause_ids = rng.permutation(np.concatenate([drawn.satisfiable, drawn.unsatisfiable]))
    return Split(clause_ids, is_satisfiable(truth_tables(problem, clause_ids)))


def searched_for(variables: Sequence[Variable]) -> list[Searched]:
    """The first clause, in half of its place's dimensions; the first bit, in all neurons."""
    clause, bit = (
        next(each for each in variables if each.component == component)
        for component in (PARSE, EVALUATE)
    )
    anywhere = Part("all neurons", output="hidden")
    return [Searched(clause, clause.carrier, CLAUSE_RANK), Searched(bit, anywhere, rank=1)]


def answer_scores(
    components: Components, cut: int, state: Float[Tensor, "batch pos d_model"] | AnswerState
) -> Float[Tensor, "batch label"]:
    """The logit of *satisfiable*, behind the largest of all others (a `Scores` of a network)."""
    answer = state if isinstance(state, AnswerState) else components.evaluate(state)
    logits, place = components.answer_logits(answer), components.vocabulary.satisfiable
    others = torch.cat([logits[:, :place], logits[:, place + 1 :]], dim=1)
    return torch.stack([others.max(dim=1).values, logits[:, place]], dim=1)


def alpha_bits(circuit: Circuit, reading: Reading) -> dict[str, int]:
    """How long α behind each component is: prototypes; cuts, and which neurons have one."""
    n_bits, d_mlp = len(reading.neurons), len(circuit.mean_hidden)
    return {
        PARSE: WEIGHT_BITS * circuit.prototypes.numel(),
        EVALUATE: WEIGHT_BITS * n_bits + program_size.subset_bits(n_bits, d_mlp),
    }


def map_bits(problem: Problem, circuit: Circuit, claim: Interpretation) -> Iterator[MapBits]:
    """α and γ of a main interpretation beside its program of evaluate."""
    reading = circuit.readings[reading_of(claim.tags)]
    alphas = alpha_bits(circuit, reading)
    written = len(reading.neurons) + len(circuit.mean_hidden) + len(circuit.mean_resid_mid)
    yield MapBits("α of clauses (prototypes)", alphas[PARSE])
    yield MapBits(
        "γ of clauses (mean residual stream; prototypes are α's)",
        WEIGHT_BITS * circuit.mean_resid_post.numel(),
    )
    yield MapBits("α of bits (cuts and which neurons)", alphas[EVALUATE])
    yield MapBits("γ of bits (high values, mean state)", WEIGHT_BITS * written)
    version = claim.tags["version"]
    program = reading.programs[version]
    yield MapBits(f"h of evaluate ({version})", lengths.size_bits(program, problem))
