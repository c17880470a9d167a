"""The circuit of a network, from its weights and one split."""

from collections.abc import Iterator
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.configs import CircuitConfig, ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.network.components import Components
from tests.networks import SMALL_PROBLEM, random_network, small_corpora
from tests.settings import TWO_SAT, changed


@pytest.fixture(scope="module")
def split() -> Split:
    return small_corpora(SMALL_PROBLEM, 400).splits["analysis.fit"]


def extract(model: Transformer, split: Split, *readings: ReadingName, seed: int = 0) -> Circuit:
    config = changed(TWO_SAT.circuit, readings=readings or ("calibrated",))
    return extract_circuit(Components(model, SMALL_PROBLEM), split, config=config, seed=seed)


def strong_network() -> Transformer:
    """A random network whose neurons all argue for satisfiability, each by its own weight."""
    model = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        direction = model.W_U[:, Vocabulary(SMALL_PROBLEM).satisfiable]
        weights = torch.linspace(1, 2, 24)[:, None]
        model.block(1).mlp.W_out.copy_(weights * direction / direction.norm())
    return model


@torch.no_grad()
def make_constant(model: Transformer, neurons: slice) -> None:
    """Let hidden neurons be 1 whatever they read."""
    model.block(1).mlp.W_in[:, neurons] = 0
    model.block(1).mlp.b_in[neurons] = 1


def parts(record: object, name: str = "") -> Iterator[tuple[str, object]]:
    """All values of nested records, by path."""
    if hasattr(record, "__dataclass_fields__"):
        for field in fields(record):  # pyright: ignore[reportArgumentType]
            yield from parts(getattr(record, field.name), f"{name}.{field.name}")
    elif isinstance(record, dict):
        for key, value in record.items():
            yield from parts(value, f"{name}.{key}")
    else:
        yield name, record.tolist() if isinstance(record, Tensor) else record


def test_extraction_is_deterministic(split: Split) -> None:
    first, second = (extract(strong_network(), split, "calibrated", "paper") for _ in range(2))
    assert dict(parts(first)) == dict(parts(second))


def test_a_constant_bit_is_refused_and_named(split: Split) -> None:
    model = strong_network()
    make_constant(model, slice(3, 5))
    reading = extract(model, split).readings["calibrated"]
    assert {3, 4} <= set(reading.constant_neurons.tolist())
    assert not {3, 4} & set(reading.neurons.tolist())


def test_every_bit_that_is_kept_changes_on_the_fitting_split(split: Split) -> None:
    model = strong_network()
    make_constant(model, slice(3, 5))
    on_rate = extract(model, split).readings["calibrated"].on_rate
    assert 0 < float(on_rate.min()) <= float(on_rate.max()) < 1


def test_a_network_whose_bits_are_all_constant_is_refused(split: Split) -> None:
    model = strong_network()
    make_constant(model, slice(None))
    with pytest.raises(MechvalError, match="find no neuron whose bit changes"):
        extract(model, split)


def test_a_reading_that_selects_no_neuron_is_left_out(split: Split) -> None:
    model = strong_network()
    with torch.no_grad():
        model.block(1).mlp.W_out.mul_(1e-6)
    assert extract(model, split, "calibrated", "paper").readings.keys() == {"calibrated"}


def test_every_part_of_a_reading_speaks_of_the_same_neurons(split: Split) -> None:
    reading = extract(strong_network(), split).readings["calibrated"]
    n_neurons = len(reading.neurons)
    sizes = {
        len(reading.levels.cut),
        len(reading.levels.high),
        len(reading.on_rate),
        len(reading.mean_activation),
        len(reading.trees.program.trees),
        len(reading.disjunctions.assignments),
    }
    assert sizes == {n_neurons}


def test_the_calibrated_reading_does_not_see_the_scale_of_the_last_mlp(split: Split) -> None:
    plain, model = extract(strong_network(), split), strong_network()
    with torch.no_grad():
        model.block(1).mlp.W_in.mul_(4)
        model.block(1).mlp.W_out.div_(8)
    scaled = extract(model, split)
    assert scaled.readings["calibrated"].neurons.equal(plain.readings["calibrated"].neurons)
    assert scaled.readings["calibrated"].trees == plain.readings["calibrated"].trees


@pytest.mark.parametrize(("favoured", "label"), [("satisfiable", 1), ("unsatisfiable", 0)])
def test_the_majority_label_is_the_networks_own(split: Split, favoured: str, label: int) -> None:
    model, vocabulary = random_network(SMALL_PROBLEM), Vocabulary(SMALL_PROBLEM)
    answers = [vocabulary.satisfiable, vocabulary.unsatisfiable]
    with torch.no_grad():
        # b_out decides: it points at the favoured answer and away from the other.
        model.W_U[:, answers] = torch.tensor([[1.0, -1.0]]).expand(16, 2)
        model.block(1).mlp.b_out.fill_(100.0 if favoured == "satisfiable" else -100.0)
    assert extract(model, split).majority_label == label


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"readings": []}, "circuit.readings=[] is not allowed; allowed: a list of calibrated"),
        ({"readings": ["best"]}, "circuit.readings.0='best' is not allowed"),
        (
            {"max_leaves": 1},
            "circuit.max_leaves=1 is not allowed; allowed: an integer from 2 to 64",
        ),
        (
            {"cuts": 0.3},
            "circuit.cuts is not a known setting; allowed here: readings, max_leaves, "
            "effect_share, smallest_effect, cut, high.",
        ),
    ],
)
def test_a_wrong_setting_is_refused(values: dict, sentence: str) -> None:
    with pytest.raises(MechvalError) as refusal:
        parse_config(CircuitConfig, {**dict(TWO_SAT.circuit), **values}, "circuit")
    assert sentence in str(refusal.value)
