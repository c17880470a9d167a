"""A network that is its own program, so that every count of a variant follows by argument.

Its components are the right program between its own α and γ: one neuron per assignment, on where
the assignment satisfies the formula.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool

from mechval.axioms import Batch, Interpretation, Map
from mechval.axioms.judging import JudgingRule
from mechval.two_sat.claim.assess import axiom_batches
from mechval.two_sat.claim.bench import Bench, Observations
from mechval.two_sat.claim.measure import Measured, measure
from mechval.two_sat.claim.variants.variant import make_variants
from mechval.two_sat.configs import VariantsConfig
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.network.components import Components
from mechval.two_sat.programs.evaluate import TruthTableCounts
from tests.networks import SMALL_PROBLEM, hand_made_circuit, random_network, small_corpora
from tests.settings import TWO_SAT

PROBLEM = SMALL_PROBLEM
CIRCUIT = hand_made_circuit(PROBLEM)
RULE = JudgingRule(("UNSAT", "SAT"), {}, 0.95, 1)
SPLITS = small_corpora(PROBLEM, 800).splits
FIT, TEST = SPLITS["analysis.fit"], SPLITS["analysis.test"]


def interpretations() -> list[Interpretation]:
    """The library's interpretations, with a network that is their program."""
    made = make_interpretations(Components(random_network(PROBLEM), PROBLEM), CIRCUIT)
    concrete = network(made[0])
    return [replace(interpretation, concrete=concrete) for interpretation in made]


def network(right: Interpretation) -> tuple[Map, Map, Map]:
    parse, evaluate, output = right.abstract
    return (
        lambda tokens: right.gammas[1](parse(tokens)),
        lambda resid: right.gammas[2](evaluate(right.alphas[1](resid))),
        lambda state: output(right.alphas[2](state)),
    )


def observations(right: Interpretation, split: Split) -> Observations:
    """What `observe` records, of this network."""
    tokens = encode_formulas(PROBLEM, torch.from_numpy(split.clause_ids))
    parse, evaluate, output = right.concrete
    states = evaluate(parse(tokens))
    return Observations(
        split, states.resid_mid, states, output(states), TruthTableCounts.of(tables(split))
    )


def tables(split: Split) -> Bool[np.ndarray, "formula assignment"]:
    return unpack_truth_tables(truth_tables(PROBLEM, split.clause_ids), PROBLEM.n_variables)


def bench(made: list[Interpretation]) -> Bench:
    """Its model stands for none of the components: variants are made of the circuit alone."""
    fitting, testing = (observations(made[0], split) for split in (FIT, TEST))
    components = Components(random_network(PROBLEM), PROBLEM)
    return Bench(components, CIRCUIT, fitting, testing, 0, 0.95)


def measured(made: list[Interpretation], config: VariantsConfig | None = None) -> Measured:
    variants = make_variants(bench(made), made, config or TWO_SAT.variants)
    return measure(made, variants, batches(), RULE)


def batches(split: Split = TEST) -> Iterator[Batch]:
    return axiom_batches(Components(random_network(PROBLEM), PROBLEM), split)
