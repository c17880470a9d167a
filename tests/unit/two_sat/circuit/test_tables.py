from dataclasses import replace

import pytest
import torch

from mechval.two_sat.circuit.tables import facts
from tests.networks import SMALL_PROBLEM, hand_made_circuit


def test_own_clause_attention_is_that_of_the_strongest_head_and_never_a_sum() -> None:
    attention = torch.full((2, SMALL_PROBLEM.n_clauses), 0.4)
    attention[0, 0], attention[1, 3] = 0.9, 0.7
    attention[:, 1:3] = 0.5
    circuit = replace(hand_made_circuit(SMALL_PROBLEM), own_clause_attention=attention)
    found = facts(circuit)["smallest_mean_own_clause_attention"]
    assert found == pytest.approx(0.4)
