from pathlib import Path

import pytest
import torch

from mechval.errors import MechvalError
from mechval.modular_addition.circuit import examples
from mechval.modular_addition.circuit.extract import (
    FREQUENCIES,
    Circuit,
    extract_circuit,
    neuron_waves,
)
from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.circuit.losses import Loss, losses_of
from mechval.modular_addition.network.components import Activations, Components, record_activations
from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer
from tests.settings import MODULAR_ADDITION, changed
from tests.waves import wave_network

PROBLEM = ModularAddition(p=23)
KEY = (2, 5, 9)
SPLIT = draw_split(PROBLEM, MODULAR_ADDITION.data, 0)


@pytest.fixture(scope="module")
def activations() -> Activations:
    return record_activations(wave_network(PROBLEM, KEY), PROBLEM)


@pytest.fixture(scope="module")
def circuit(activations: Activations) -> Circuit:
    model = wave_network(PROBLEM, KEY)
    return extract_circuit(model, PROBLEM, activations, MODULAR_ADDITION.circuit)


def random_network() -> Transformer:
    architecture = Architecture(d_model=64, d_mlp=48, n_heads=(4,))
    model = Transformer(architecture, d_vocab=PROBLEM.d_vocab, n_ctx=PROBLEM.n_ctx)
    model.initialise(torch.Generator().manual_seed(0))
    return model


def test_components_are_the_forward_pass() -> None:
    model = random_network()
    tokens = PROBLEM.tokens(PROBLEM.all_pairs())
    components = Components(model)
    with torch.inference_mode():
        logits = components.logits(components.hidden(components.embed(tokens)))
        assert logits.allclose(model(tokens)[:, -1], atol=1e-5)


def test_key_frequencies_are_those_the_network_was_made_of(circuit: Circuit) -> None:
    assert circuit.key.frequencies.tolist() == [*KEY]


def test_every_neuron_belongs_to_the_frequency_it_was_made_for(circuit: Circuit) -> None:
    expected = torch.tensor(KEY).repeat_interleave(len(circuit.neurons) // 3)
    assert [row.frequency for row in circuit.neurons] == expected.tolist()
    assert min(row.variance_explained for row in circuit.neurons) > 0.9


def test_the_logits_expand_in_the_key_frequencies_alone(circuit: Circuit) -> None:
    for row in circuit.frequencies:
        assert row.logit_coefficient > 1 if row.is_key else abs(row.logit_coefficient) < 1e-5


def test_logits_that_are_one_cosine_are_explained_whole() -> None:
    table = waves(PROBLEM.p, torch.tensor([4]))[:, 0, 0]
    answers = PROBLEM.answers(PROBLEM.all_pairs())
    numbers = 3 * table[(answers[:, None] - torch.arange(PROBLEM.p)) % PROBLEM.p]
    logits = torch.cat([numbers, torch.zeros(PROBLEM.n_pairs, 1, dtype=torch.float64)], dim=1)
    nothing = torch.zeros(PROBLEM.n_pairs, 48)
    activations = Activations(nothing, nothing, logits)
    found = extract_circuit(random_network(), PROBLEM, activations, MODULAR_ADDITION.circuit)
    row = found.frequencies[3]
    assert row.logit_coefficient == pytest.approx(3)
    assert row.logit_variance_share == pytest.approx(1)
    assert row.logit_sum_wave_share == pytest.approx(1)


def test_a_constant_neuron_is_explained_by_nothing() -> None:
    found = neuron_waves(PROBLEM, torch.ones(PROBLEM.n_pairs, 2))
    assert [row.variance_explained for row in found] == [0, 0]


def test_a_random_network_has_no_key_frequency_and_its_neurons_are_not_explained() -> None:
    model = random_network()
    found = record_activations(model, PROBLEM)
    circuit = extract_circuit(model, PROBLEM, found, MODULAR_ADDITION.circuit)
    assert circuit.facts.key_frequency_count == 0
    assert circuit.facts.neurons_explained == 0
    assert losses_of(PROBLEM, found.logits, circuit.key.frequencies, SPLIT)[0].n == 529


def test_the_share_that_is_set_decides_which_neurons_count(activations: Activations) -> None:
    loose, strict = (
        extract_circuit(
            random_network(),
            PROBLEM,
            activations,
            changed(MODULAR_ADDITION.circuit, explained=share),
        ).facts.neurons_explained
        for share in (0.01, 0.999)
    )
    assert loose > strict


def losses_on_all(activations: Activations, frequencies: torch.Tensor) -> dict[str, Loss]:
    rows = losses_of(PROBLEM, activations.logits, frequencies, SPLIT)
    return {row.logits: row for row in rows if row.inputs == "all"}


def test_the_key_frequencies_carry_the_loss(activations: Activations) -> None:
    rows = losses_on_all(activations, torch.tensor(KEY))
    assert rows["full"].accuracy == rows["restricted"].accuracy == 1
    # Without them, a guess: ln 23 = 3.1.
    assert rows["excluded"].loss > 3
    assert [*rows] == ["full", "restricted", "excluded", "excluded 2", "excluded 5", "excluded 9"]


def test_other_frequencies_carry_none_of_it(activations: Activations) -> None:
    rows = losses_on_all(activations, torch.tensor([1, 3, 4]))
    assert rows["excluded"].loss == pytest.approx(rows["full"].loss, rel=1e-3)
    assert rows["restricted"].accuracy == pytest.approx(1 / PROBLEM.p, abs=0.05)


def test_tables_give_the_key_frequencies_back(circuit: Circuit, tmp_path: Path) -> None:
    FREQUENCIES.write(circuit.frequencies, tmp_path)
    found = FREQUENCIES.read(tmp_path)
    assert [row.frequency for row in found if row.is_key] == [*KEY]
    assert [row.frequency for row in found if row.is_embedded] == [*KEY]
    assert len(circuit.frequencies) == 11
    assert len(circuit.neurons) == 48


def test_a_missing_and_a_damaged_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"frequencies\.csv is missing"):
        FREQUENCIES.read(tmp_path)
    (tmp_path / "frequencies.csv").write_text("frequency,is_key\n1,maybe\n")
    with pytest.raises(MechvalError, match=r"frequencies\.csv is not the table"):
        FREQUENCIES.read(tmp_path)


def test_examples_show_the_best_neuron_of_each_key_frequency(
    activations: Activations, circuit: Circuit, tmp_path: Path
) -> None:
    examples.save_examples(examples.pick_examples(PROBLEM, activations, circuit), tmp_path)
    found = examples.load_examples(tmp_path)
    assert found.frequencies.tolist() == [*KEY]
    assert [circuit.neurons[i].frequency for i in found.neurons.tolist()] == [*KEY]
    for neuron, levels in zip(found.neurons, found.levels, strict=True):
        shown = activations.hidden[:, neuron]
        error = levels.flatten() / examples.BRIGHTEST - (shown - shown.min()) / shown.max()
        assert float(error.abs().max()) < 1 / examples.BRIGHTEST


def test_the_spectrum_of_logits_that_see_the_sum_alone_is_diagonal(
    activations: Activations,
) -> None:
    spectrum = examples.logit_spectrum(PROBLEM, activations.logits)
    diagonal = spectrum.diagonal()
    assert diagonal.topk(3).indices.sort().values.tolist() == [*KEY]
    assert float(diagonal.square().sum() / spectrum.square().sum()) > 0.5


def test_examples_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"examples\.safetensors is missing"):
        examples.load_examples(tmp_path)
    (tmp_path / examples.FILE_NAME).write_bytes(b"no tensors")
    with pytest.raises(MechvalError, match=r"examples\.safetensors is not"):
        examples.load_examples(tmp_path)
