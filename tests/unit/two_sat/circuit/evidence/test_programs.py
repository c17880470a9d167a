"""Coverage and F1 of programs of single neurons, and the neurons' coefficients."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score as reference_f1

from mechval.two_sat.circuit.evidence.coverage import CoverageRow, QualityRow, program_rows
from mechval.two_sat.circuit.evidence.neuron_rows import (
    NeuronReading,
    assignment_effect_rows,
    mean_activation_rows,
    neuron_rows,
)
from mechval.two_sat.circuit.neurons import Levels
from mechval.two_sat.programs.evaluate import TruthTableCounts
from tests.networks import SMALL_PROBLEM, hand_made_circuit, one_neuron_per_assignment

N_ASSIGNMENTS = 8
GENERATOR = np.random.default_rng(0)
TABLES = GENERATOR.random((400, N_ASSIGNMENTS)) < 0.4
PROGRAMS = ["trees-2", "trees-4", "trees-16", "trees-unlimited", "disjunction"]


def rows_of(bits: np.ndarray) -> tuple[list[CoverageRow], list[QualityRow]]:
    fit = TruthTableCounts.of(TABLES), bits
    test = TruthTableCounts.of(TABLES[:300]), bits[:300]
    reading = one_neuron_per_assignment(N_ASSIGNMENTS)
    return program_rows("calibrated", reading, fit, test, max_leaves=4, seed=0)


def test_neurons_that_are_their_assignment_have_f1_of_one_in_every_program() -> None:
    _, quality = rows_of(TABLES)
    assert len(quality) == N_ASSIGNMENTS
    for row in quality:
        assert {program: row.f1(program) for program in row.both} == dict.fromkeys(PROGRAMS, 1.0)


def test_bits_that_say_nothing_about_the_formula_have_a_low_f1() -> None:
    _, quality = rows_of(np.random.default_rng(1).permuted(TABLES, axis=0))
    assert np.mean([row.f1("disjunction") for row in quality]) < 0.6


def test_every_assignment_is_covered_by_a_neuron_of_its_own() -> None:
    coverage, _ = rows_of(TABLES)
    assert [row.program for row in coverage] == PROGRAMS
    covered = {(row.covered_pruned, row.covered_unpruned) for row in coverage}
    assert covered == {(N_ASSIGNMENTS, N_ASSIGNMENTS)}


def test_a_neuron_that_never_changes_covers_only_before_pruning() -> None:
    bits = TABLES.copy()
    bits[:, 0] = False
    (row, *_), _ = rows_of(bits)
    assert row.covered_pruned == N_ASSIGNMENTS - 1


def test_f1_is_that_of_scikit_learn() -> None:
    predicted, bits = GENERATOR.random((2, 100)) < 0.5
    row = QualityRow(
        reading="calibrated",
        neuron=0,
        n=100,
        on=int(bits.sum()),
        predicted={"a": int(predicted.sum()), "never": 0},
        both={"a": int((predicted & bits).sum()), "never": 0},
    )
    assert row.f1("a") == pytest.approx(reference_f1(bits, predicted))
    assert row.f1("never") == 0


def test_f1_is_one_where_neither_is_ever_on() -> None:
    assert QualityRow("calibrated", 0, 9, on=0, predicted={"a": 0}, both={"a": 0}).f1("a") == 1


def test_every_neuron_has_a_row_and_only_read_ones_have_programs() -> None:
    circuit = hand_made_circuit(SMALL_PROBLEM)
    reading = circuit.readings["calibrated"]
    fewer = replace(
        reading,
        neurons=reading.neurons[:3],
        constant_neurons=torch.tensor([5]),
        levels=Levels(reading.levels.cut[:3], reading.levels.high[:3]),
        on_rate=reading.on_rate[:3],
        mean_activation=reading.mean_activation[:3],
    )
    circuit = replace(circuit, readings={"calibrated": fewer})
    found = {row.neuron: row.reading["calibrated"] for row in neuron_rows(circuit)}
    assert sorted(found) == list(range(SMALL_PROBLEM.n_assignments))
    assert (found[2].assignments, found[2].disjunction) == ((2,), "φ2")
    assert found[2].tree == "(φ2 ? 1 : 0)"
    assert found[5] == NeuronReading(evaluates=False, is_constant=True)
    assert [row.neuron for row in mean_activation_rows(circuit)] == [0, 1, 2]


def test_a_disjunction_of_nothing_is_written_as_0() -> None:
    assert NeuronReading(evaluates=True, is_constant=False).disjunction == "0"


def test_the_total_effect_is_activation_times_coefficient_over_all_neurons() -> None:
    truth = torch.from_numpy(TABLES)
    hidden = 2 * truth.float()
    row = assignment_effect_rows(hand_made_circuit(SMALL_PROBLEM), hidden, truth)[3]
    satisfied = truth[:, 3]
    assert row.n == int(satisfied.sum())
    assert row.total_effect == pytest.approx(float(hidden[satisfied].sum(dim=1).mean()))
