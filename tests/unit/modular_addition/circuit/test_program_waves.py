"""Which frequencies are key: those that the neurons write into the logits, whatever is embedded."""

import math

import pytest
import torch

from mechval.modular_addition.circuit.extract import Circuit, extract_circuit
from mechval.modular_addition.circuit.fourier import all_frequencies, waves
from mechval.modular_addition.circuit.program_waves import select_waves
from mechval.modular_addition.interpretation import WaveProgram
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer
from tests.settings import MODULAR_ADDITION
from tests.waves import Subject, broken, wave_network

PROBLEM = ModularAddition(p=59)
KEY = (3, 8, 14, 20)


def with_embedded(extra: dict[int, float]) -> Transformer:
    """The network for KEY that embeds further waves, so strong, where nothing reads them."""
    model = wave_network(PROBLEM, KEY)
    n_waves = model.W_E.shape[1] // 2
    table = waves(PROBLEM.p, torch.tensor([*extra])).float()
    strengths = torch.tensor([*extra.values()])
    generator = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(
        torch.randn(2 * len(extra), n_waves, generator=generator)
    )
    with torch.no_grad():
        model.W_E[: PROBLEM.p, n_waves:] = (table * strengths[:, None]).flatten(1) @ directions
    return model


def circuit_of(model: Transformer) -> Circuit:
    activations = record_activations(model, PROBLEM)
    return extract_circuit(model, PROBLEM, activations, MODULAR_ADDITION.circuit)


def test_an_unused_wave_in_the_embedding_is_not_key() -> None:
    found = circuit_of(with_embedded({7: 1.0}))
    assert found.embedded.frequencies.tolist() == [3, 7, 8, 14, 20]
    assert found.key.frequencies.tolist() == [*KEY]


def test_by_the_embedding_s_rule_that_network_fails_and_by_the_new_one_it_does_not() -> None:
    model = with_embedded({7: 1.0})
    by_rule = {
        each.program: set(broken(subject.judge(subject.interpretation())))
        for each in select_waves(PROBLEM.p, circuit_of(model).frequencies)
        for subject in [Subject.of(PROBLEM, model, each)]
    }
    assert {"prefix equivalence/add", "component equivalence/answer"} <= by_rule["embedding"]
    # This network embeds no doubles, so that α_1 cannot read them.
    embed = {"prefix equivalence/embed", "component equivalence/embed"}
    assert by_rule["used"] == by_rule["weighted"] == embed


def test_a_broad_band_embedding_with_four_waves_in_its_logits_has_key_frequencies() -> None:
    broad = {int(k): 1.0 for k in all_frequencies(PROBLEM.p) if int(k) not in KEY}
    found = circuit_of(with_embedded(broad))
    assert found.key.frequencies.tolist() == [*KEY]
    assert found.embedded.frequencies.tolist() == []
    assert [each.program for each in select_waves(PROBLEM.p, found.frequencies)] == [
        "used",
        "weighted",
    ]


def test_a_program_holds_the_doubles_and_adds_the_key_frequencies() -> None:
    used, weighted, embedding = select_waves(
        PROBLEM.p, circuit_of(wave_network(PROBLEM, KEY)).frequencies
    )
    # 2 · 20 = 40 = 59 - 19.
    assert used.held.tolist() == weighted.held.tolist() == [3, 8, 14, 20, 6, 16, 19, 28]
    assert used.added.tolist() == embedding.held.tolist() == [*KEY]
    assert used.weights.tolist() == [1, 1, 1, 1]
    assert min(weighted.weights.tolist()) > 1


def test_weights_decide_between_answers() -> None:
    used, weighted, _ = select_waves(PROBLEM.p, circuit_of(wave_network(PROBLEM, KEY)).frequencies)
    table = waves(PROBLEM.p, used.added)
    # The first wave says 1, the second 2.
    total = torch.zeros(1, 4, 2, dtype=torch.float64)
    total[0, :2] = torch.stack([table[1, 0], table[2, 1]])
    scores = WaveProgram.of(PROBLEM.p, weighted).scores(total)[0]
    first, second = (
        float(weight) * math.cos(2 * math.pi * k * (shown - 4) / PROBLEM.p)
        for weight, k, shown in zip(weighted.weights[:2], KEY[:2], (1, 2), strict=True)
    )
    assert float(scores[4]) == pytest.approx(first + second)
