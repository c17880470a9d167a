from dataclasses import replace

import pytest
import torch

from mechval.errors import MechvalError
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.neurons import Levels
from mechval.two_sat.claim.improved.starts import voting_start
from mechval.two_sat.problem import clause_literals
from tests.networks import SMALL_PROBLEM, hand_made_circuit, random_network

SHARE = 0.999


def circuit_of_the_random_network() -> tuple[Circuit, Reading]:
    circuit = hand_made_circuit(SMALL_PROBLEM)
    return circuit, circuit.readings["calibrated"]


@torch.no_grad()
def test_votes_and_features_give_what_each_head_moves_each_neuron_by() -> None:
    circuit, reading = circuit_of_the_random_network()
    model = random_network(SMALL_PROBLEM)
    start = voting_start(model, SMALL_PROBLEM, circuit, reading, SHARE)
    first, second = torch.as_tensor(clause_literals(SMALL_PROBLEM)).T
    prototypes = circuit.prototypes[first * SMALL_PROBLEM.n_literals + second]
    attn, mlp = model.block(1).attn, model.block(1).mlp
    for head in range(attn.n_heads):
        moved = prototypes @ attn.W_V[head] @ attn.W_O[head] @ mlp.W_in[:, reading.neurons]
        moved = (moved - moved.mean(dim=0)) / reading.levels.cut
        found = start.features @ start.votes[:, head].T
        assert float((found - moved).square().sum() / moved.square().sum()) < 0.005


def test_the_largest_entry_of_a_feature_is_1() -> None:
    circuit, reading = circuit_of_the_random_network()
    start = voting_start(random_network(SMALL_PROBLEM), SMALL_PROBLEM, circuit, reading, SHARE)
    torch.testing.assert_close(
        start.features.abs().amax(dim=0), torch.ones(start.features.shape[1])
    )


def test_a_smaller_share_of_the_variance_takes_fewer_features() -> None:
    circuit, reading = circuit_of_the_random_network()
    model = random_network(SMALL_PROBLEM)
    few, many = (
        voting_start(model, SMALL_PROBLEM, circuit, reading, share).features.shape[1]
        for share in (0.5, SHARE)
    )
    assert few < many


def test_a_cut_of_0_is_refused() -> None:
    circuit, reading = circuit_of_the_random_network()
    cut = reading.levels.cut.clone()
    cut[0] = 0
    wrong = replace(reading, levels=Levels(cut, reading.levels.high))
    with pytest.raises(MechvalError, match=r"cut=0.0 of a neuron"):
        voting_start(random_network(SMALL_PROBLEM), SMALL_PROBLEM, circuit, wrong, SHARE)
