"""Facts that are quoted by name follow from the tables."""

import pytest

from mechval.two_sat.circuit.evidence.neuron_rows import (
    ASSIGNMENT_EFFECTS,
    NEURONS,
    AssignmentEffectRow,
    NeuronRow,
)
from mechval.two_sat.report.evidence_facts import neuron_facts


def test_coefficients_are_parted_by_the_paper_s_rule() -> None:
    neurons = [
        NeuronRow(neuron, coefficient, 1.0, abs(coefficient), 0.25, True, {})
        for neuron, coefficient in enumerate((3.0, 0.0, -0.2, 0.05))
    ]
    effects = [AssignmentEffectRow(0, 7.0, 10), AssignmentEffectRow(1, 6.0, 10)]
    found = dict(neuron_facts({NEURONS: neurons, ASSIGNMENT_EFFECTS: effects}))
    assert {name: fact.value for name, fact in found.items()} == pytest.approx(
        {
            "assignments.smallest_total_effect": 6.0,
            "coefficients.evaluating_neurons": 1,
            "coefficients.smallest_evaluating": 3.0,
            "coefficients.largest_idle": 0.2,
            "coefficients.second_largest_idle": 0.05,
        }
    )
