"""Coverage and F1 of programs of single neurons, and the neurons' coefficients."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score as reference_f1

from mechval.two_sat.circuit.evidence.neuron_tables import assignment_evidence, coefficient_evidence
from mechval.two_sat.circuit.evidence.program_tables import (
    LEAVES,
    LabelledTables,
    f1_score,
    program_evidence,
)
from mechval.two_sat.circuit.evidence.record import Evidence
from mechval.two_sat.circuit.neurons import NeuronEffects
from mechval.two_sat.programs.evaluate import TruthTableCounts
from tests.networks import SMALL_PROBLEM, hand_made_circuit, one_neuron_per_assignment

N_ASSIGNMENTS = 8
GENERATOR = np.random.default_rng(0)
TABLES = GENERATOR.random((400, N_ASSIGNMENTS)) < 0.4


def evidence_of(bits: np.ndarray) -> Evidence:
    labelled = LabelledTables(TruthTableCounts.of(TABLES), bits)
    effects = NeuronEffects(torch.ones(N_ASSIGNMENTS), torch.ones(N_ASSIGNMENTS))
    reading = one_neuron_per_assignment(N_ASSIGNMENTS)
    return program_evidence("calibrated", reading, effects, labelled, labelled, seed=0)


def test_neurons_that_are_their_assignment_have_f1_of_one_in_every_program() -> None:
    rows = evidence_of(TABLES).tables["program_quality"]
    assert {row["f1"] for row in rows} == {1.0}
    assert {row["program"] for row in rows} == {*LEAVES, "disjunction"}


def test_bits_that_say_nothing_about_the_formula_have_a_low_f1() -> None:
    shuffled = np.random.default_rng(1).permuted(TABLES, axis=0)
    facts = evidence_of(shuffled).facts
    assert facts["f1.calibrated.disjunction.mean"].value < 0.6


def test_every_assignment_is_covered_by_a_neuron_of_its_own() -> None:
    facts = evidence_of(TABLES).facts
    missed = [fact.value for name, fact in facts.items() if name.startswith("coverage")]
    assert missed == [0] * 2 * (len(LEAVES) + 1)


def test_a_neuron_that_never_changes_covers_only_before_pruning() -> None:
    bits = TABLES.copy()
    bits[:, 0] = False
    (row, *_) = evidence_of(bits).tables["coverage"]
    assert row["covered_pruned"] == N_ASSIGNMENTS - 1


def test_f1_is_that_of_scikit_learn() -> None:
    predicted, bits = GENERATOR.random((2, 100, 3)) < 0.5
    expected = [reference_f1(bits[:, neuron], predicted[:, neuron]) for neuron in range(3)]
    assert f1_score(predicted, bits).tolist() == pytest.approx(expected)


def test_coefficients_are_parted_by_the_published_rule() -> None:
    effects = NeuronEffects(torch.tensor([3.0, 0.0, -0.2, 0.05]), torch.tensor([1.0, 1, 1, 1]))
    evidence = coefficient_evidence(effects)
    assert [row["neuron"] for row in evidence.tables["coefficients"]] == [0, 3, 1, 2]
    values = {name: fact.value for name, fact in evidence.facts.items()}
    assert values == pytest.approx(
        {
            "coefficients.evaluating_neurons": 1,
            "coefficients.smallest_evaluating": 3.0,
            "coefficients.largest_idle": 0.2,
            "coefficients.second_largest_idle": 0.05,
        }
    )


def test_the_total_effect_is_activation_times_coefficient_over_all_neurons() -> None:
    circuit = hand_made_circuit(SMALL_PROBLEM)
    truth = torch.from_numpy(TABLES)
    hidden = 2 * truth.float()
    evidence = assignment_evidence(circuit, hidden, truth)
    row = evidence.tables["assignment_effects"][3]
    satisfied = truth[:, 3]
    assert row["n"] == int(satisfied.sum())
    assert row["total_effect"] == pytest.approx(float(hidden[satisfied].sum(dim=1).mean()))
