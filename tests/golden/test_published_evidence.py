"""The published checkpoint shows the circuit evidence that the paper reports (section 4).

Rates are measured on fewer formulas than the paper's, so a published rate must lie in the
two-sided 99.9 % interval of the one measured here; numbers that follow from the weights must
agree at the printed digits.
"""

from pathlib import Path

import pytest
from scipy.stats import binomtest

from mechval.two_sat.circuit.evidence.gather import circuit_facts, gather_evidence
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.network.components import Components, record_answer_states
from tests.evidence_facts import Fact, evidence_facts
from tests.networks import PUBLISHED_PROBLEM, published_network, small_corpora
from tests.settings import TWO_SAT, changed

pytestmark = pytest.mark.slow

N_TEST = 5_000

PUBLISHED_RATES = {
    "ablation.mlp_is_identity": 0.497,
    "ablation.no_skip": 0.122,
    "ablation.skip_is_mean_attn_out": 0.0433,
    "ablation.skip_is_mean_resid_mid": 0.0017,
    "ablation.no_attn_out_in_skip": 0.50,
}
PRINTED = {
    "answer_attention.paper.smallest": "0.0209",
    "answer_attention.paper.largest": "0.0285",
    "answer_attention.corrected.smallest": "0.0208",
    "answer_attention.corrected.largest": "0.0286",
    "answer_attention.admissible.smallest": "0.0220",
    "answer_attention.admissible.largest": "0.0259",
    "coefficients.largest_idle": "0.127",
    "unembedding.norm_of_s_plus_u": "0.000006",
}


@pytest.fixture(scope="module")
def facts(published_checkpoint: Path) -> dict[str, Fact]:
    model = published_network(published_checkpoint)
    splits = small_corpora(PUBLISHED_PROBLEM, 2 * N_TEST).splits
    fit, test = splits["analysis.fit"], splits["analysis.test"]
    config = changed(TWO_SAT.circuit, readings=("paper",))
    circuit = extract_circuit(Components(model, PUBLISHED_PROBLEM), fit, config=config, seed=0)
    network = Components(model, PUBLISHED_PROBLEM)
    hidden = record_answer_states(network, fit).hidden
    evidence = gather_evidence(network, circuit, fit, hidden, test, config.max_leaves, seed=0)
    return evidence_facts(evidence, circuit_facts(model, PUBLISHED_PROBLEM, circuit))


@pytest.mark.parametrize("name", PUBLISHED_RATES)
def test_a_published_rate_lies_in_the_interval_measured_here(
    facts: dict[str, Fact], name: str
) -> None:
    fact = facts[name]
    assert fact.count is not None
    assert fact.n == N_TEST
    interval = binomtest(fact.count, fact.n).proportion_ci(0.999)
    assert interval.low <= PUBLISHED_RATES[name] <= interval.high


@pytest.mark.parametrize("name", PRINTED)
def test_a_number_from_the_weights_agrees_at_the_printed_digits(
    facts: dict[str, Fact], name: str
) -> None:
    digits = len(PRINTED[name].partition(".")[2])
    assert f"{facts[name].value:.{digits}f}" == PRINTED[name]


def test_34_neurons_have_coefficients_above_2_9_and_the_idle_ones_vanish(
    facts: dict[str, Fact],
) -> None:
    assert facts["coefficients.evaluating_neurons"].value == 34
    assert facts["coefficients.smallest_evaluating"].value > 2.9
    assert facts["coefficients.second_largest_idle"].value < 1e-11


def test_two_leaf_trees_miss_three_assignments_and_larger_programs_none(
    facts: dict[str, Fact],
) -> None:
    missed = {
        program: facts[f"coverage.paper.{program}.missed_unpruned"].value
        for program in ("trees-2", "trees-4", "trees-16", "trees-unlimited", "disjunction")
    }
    assert missed == {
        "trees-2": 3,
        "trees-4": 0,
        "trees-16": 0,
        "trees-unlimited": 0,
        "disjunction": 0,
    }


def test_the_attention_output_always_argues_for_unsatisfiable(facts: dict[str, Fact]) -> None:
    assert facts["logit_difference.attn_out.largest"].value < 0
    assert facts["logit_difference.resid_mid.largest"].value > 0


def test_what_block_0_leaves_at_the_answer_argues_for_satisfiable(
    facts: dict[str, Fact],
) -> None:
    assert facts["logit_difference.resid_pre.mean"].value == pytest.approx(4.26, abs=0.02)


def test_every_clause_gets_most_of_its_second_literal_s_attention(
    facts: dict[str, Fact],
) -> None:
    # The least mass over admissible clauses: code of another origin gave 0.906.
    found = facts["worst_case.admissible.own_clause"].value
    assert found == pytest.approx(0.906, abs=5e-4)
