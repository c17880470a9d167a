"""What clauses add to pre-activations, and the shortcuts that measure it."""

import pytest
import torch

from mechval.two_sat.circuit.evidence.contributions import (
    HISTOGRAMS,
    PREACTIVATION_PARTS,
    clause_positions,
    contribution_batches,
    contribution_tables,
    neuron_assignments,
    violation_groups,
)
from mechval.two_sat.circuit.evidence.recording import (
    mean_first_pattern,
    record_answers,
)
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from tests.networks import (
    SMALL_PROBLEM,
    hand_made_circuit,
    one_neuron_per_assignment,
    random_network,
    small_corpora,
)

MODEL = random_network(SMALL_PROBLEM)
COMPONENTS = Components(MODEL, SMALL_PROBLEM)


@pytest.fixture(scope="module")
def split() -> Split:
    return small_corpora(SMALL_PROBLEM, 600).splits["analysis.test"]


@torch.inference_mode()
def test_the_parts_add_up_to_the_pre_activation(split: Split) -> None:
    reading = one_neuron_per_assignment(SMALL_PROBLEM.n_assignments)
    batches = contribution_batches(
        Components(MODEL, SMALL_PROBLEM), split, reading.neurons, neuron_assignments(reading)
    )
    parsed, others = clause_positions(SMALL_PROBLEM)
    total = torch.cat(
        [b.constant + (b.parts(parsed) + b.parts(others)).sum(dim=1) for b in batches]
    )
    tokens = encode_formulas(SMALL_PROBLEM, torch.from_numpy(split.clause_ids))
    resid_mid = COMPONENTS.evaluate(COMPONENTS.parse(tokens)).resid_mid
    mlp = MODEL.block(1).mlp
    expected = (resid_mid @ mlp.W_in + mlp.b_in)[:, reading.neurons].double()
    torch.testing.assert_close(total, expected, atol=1e-5, rtol=1e-5)


def test_a_clause_violates_the_assignments_that_falsify_both_its_literals() -> None:
    # Clause 0 reads x0 or x1; in assignment a, variable v has bit v of a.
    assignments = torch.zeros(3, SMALL_PROBLEM.n_assignments, dtype=torch.bool)
    assignments[0, 1] = assignments[1, 0] = assignments[2, [0, 1]] = True
    assert violation_groups(SMALL_PROBLEM, assignments)[0].tolist() == [0, 2, 1]


def test_a_neuron_without_a_disjunction_stands_for_its_strongest_assignment() -> None:
    reading = one_neuron_per_assignment(4)
    empty = reading.claiming(DisjunctionProgram(torch.zeros(4, 4, dtype=torch.bool)))
    assert neuron_assignments(empty).equal(torch.eye(4, dtype=torch.bool))


@torch.inference_mode()
def test_the_record_holds_what_the_components_compute(split: Split) -> None:
    record = record_answers(Components(MODEL, SMALL_PROBLEM), split)
    tokens = encode_formulas(SMALL_PROBLEM, torch.from_numpy(split.clause_ids))
    resid = COMPONENTS.parse(tokens)
    state = COMPONENTS.evaluate(resid)
    torch.testing.assert_close(record.attn_out, COMPONENTS.answer_attention(resid))
    torch.testing.assert_close(record.resid_mid, state.resid_mid)
    torch.testing.assert_close(record.hidden, state.hidden)
    pattern = MODEL.block(1).attn.pattern(resid)[:, :, -1]
    torch.testing.assert_close(record.mean_pattern, pattern.mean(dim=0))
    torch.testing.assert_close(COMPONENTS.attend_from_answer(resid).pattern[:, :, 0], pattern)


def test_the_first_pattern_looks_from_the_second_literals(split: Split) -> None:
    tokens = encode_formulas(SMALL_PROBLEM, torch.from_numpy(split.clause_ids))
    with torch.inference_mode():
        pattern = MODEL.block(0).attn.pattern(MODEL.embed(tokens)).mean(dim=0)
    found = mean_first_pattern(Components(MODEL, SMALL_PROBLEM), split)
    torch.testing.assert_close(found, pattern[:, list(COMPONENTS.layout.second_literal_positions)])


def test_clauses_and_formulas_are_all_counted(split: Split) -> None:
    circuit = hand_made_circuit(SMALL_PROBLEM)
    tables = contribution_tables(Components(MODEL, SMALL_PROBLEM), circuit, split)
    n_clauses = len(split) * SMALL_PROBLEM.n_clauses
    for head in (0, 1):
        for quantity in ("numerator", "denominator"):
            bins = [
                row for row in tables[HISTOGRAMS] if (row.head, row.quantity) == (head, quantity)
            ]
            assert sum(sum(row.clauses.values()) for row in bins) == n_clauses
    parts = [row for row in tables[PREACTIVATION_PARTS] if row.part == "residual and bias"]
    assert sum(row.n for row in parts) == len(split)


def test_positions_of_clauses_and_others_are_all_positions() -> None:
    parsed, others = clause_positions(Problem(n_variables=3, n_clauses=4))
    assert parsed == [2, 6, 10, 14]
    assert sorted(parsed + others) == list(range(17))
