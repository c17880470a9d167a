"""A circuit survives its files; damaged files are refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mechval.errors import MechvalError
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.files import PROGRAMS, TENSORS, load_circuit, save_circuit
from tests.networks import SMALL_PROBLEM, hand_made_circuit

JSON = PROGRAMS.name
CIRCUIT_TENSORS = (
    "prototypes",
    "mean_resid_post",
    "mean_resid_mid",
    "mean_attn_out",
    "mean_hidden",
    "own_clause_attention",
)
READING_TENSORS = ("neurons", "constant_neurons", "on_rate", "mean_activation")


def two_readings() -> Circuit:
    """A circuit with two readings that differ."""
    circuit = hand_made_circuit(SMALL_PROBLEM)
    calibrated = circuit.readings["calibrated"]
    paper = replace(
        calibrated,
        neurons=calibrated.neurons + 3,
        constant_neurons=torch.tensor([0, 2]),
        on_rate=calibrated.on_rate / 2,
    )
    return replace(circuit, readings={"calibrated": calibrated, "paper": paper})


@pytest.fixture
def loaded(tmp_path: Path) -> Circuit:
    save_circuit(two_readings(), tmp_path)
    return load_circuit(tmp_path, SMALL_PROBLEM)


@pytest.mark.parametrize("name", CIRCUIT_TENSORS)
def test_a_tensor_of_the_circuit_survives(loaded: Circuit, name: str) -> None:
    assert getattr(loaded, name).equal(getattr(two_readings(), name))


@pytest.mark.parametrize("reading", ["calibrated", "paper"])
@pytest.mark.parametrize("name", READING_TENSORS)
def test_a_tensor_of_a_reading_survives(loaded: Circuit, reading: Any, name: str) -> None:
    expected = getattr(two_readings().readings[reading], name)
    assert getattr(loaded.readings[reading], name).equal(expected)


def test_effects_label_and_readings_survive(loaded: Circuit) -> None:
    expected = two_readings()
    assert loaded.effects.coefficient.equal(expected.effects.coefficient)
    assert loaded.effects.max_activation.equal(expected.effects.max_activation)
    assert loaded.majority_label == expected.majority_label
    assert loaded.readings.keys() == expected.readings.keys()


@pytest.mark.parametrize("reading", ["calibrated", "paper"])
def test_levels_and_programs_of_a_reading_survive(loaded: Circuit, reading: Any) -> None:
    found, expected = loaded.readings[reading], two_readings().readings[reading]
    assert found.levels.cut.equal(expected.levels.cut)
    assert found.levels.high.equal(expected.levels.high)
    assert found.trees == expected.trees
    assert found.disjunctions.assignments.equal(expected.disjunctions.assignments)


def test_the_same_circuit_is_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        save_circuit(two_readings(), tmp_path)
        contents.append([(tmp_path / name).read_bytes() for name in (TENSORS, JSON)])
    assert contents[0] == contents[1]


def test_the_order_of_readings_does_not_change_the_programs_file(tmp_path: Path) -> None:
    circuit = two_readings()
    save_circuit(circuit, tmp_path)
    before = (tmp_path / JSON).read_bytes()
    reordered = {name: circuit.readings[name] for name in reversed(list(circuit.readings))}
    save_circuit(replace(circuit, readings=reordered), tmp_path)
    assert (tmp_path / JSON).read_bytes() == before


@pytest.mark.parametrize("name", [TENSORS, JSON])
@pytest.mark.parametrize("kept", [0, 40, -2], ids=["nothing", "40 bytes", "but two"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str, kept: int) -> None:
    save_circuit(two_readings(), tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MechvalError, match=name):
        load_circuit(tmp_path, SMALL_PROBLEM)


@pytest.mark.parametrize("name", [TENSORS, JSON])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    save_circuit(two_readings(), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MechvalError, match=name):
        load_circuit(tmp_path, SMALL_PROBLEM)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("disjunctions", [[8]]),
        ("disjunctions", [["x"]]),
        ("disjunctions", [3]),
        ("disjunctions", 3),
        ("trees", [{"assignment": 8, "if_false": 0, "if_true": 1}]),
        ("trees", 3),
    ],
    ids=["no such assignment", "no number", "no lists", "no list", "no such question", "no trees"],
)
def test_programs_that_make_no_sense_are_refused(tmp_path: Path, key: str, value: Any) -> None:
    save_circuit(two_readings(), tmp_path)
    path = tmp_path / JSON
    programs = json.loads(path.read_text(encoding="utf-8"))
    programs["readings"]["calibrated"][key] = value
    path.write_text(json.dumps(programs), encoding="utf-8")
    with pytest.raises(MechvalError, match=JSON):
        load_circuit(tmp_path, SMALL_PROBLEM)


def test_the_file_without_a_program_is_named(tmp_path: Path) -> None:
    save_circuit(two_readings(), tmp_path)
    programs = json.loads((tmp_path / JSON).read_text(encoding="utf-8"))
    del programs["readings"]["calibrated"]["trees"]
    (tmp_path / JSON).write_text(json.dumps(programs), encoding="utf-8")
    with pytest.raises(MechvalError, match=rf"{JSON} cannot be read \('trees'\)"):
        load_circuit(tmp_path, SMALL_PROBLEM)


def test_programs_without_their_tensors_are_refused(tmp_path: Path) -> None:
    save_circuit(hand_made_circuit(SMALL_PROBLEM), tmp_path)
    tensors = (tmp_path / TENSORS).read_bytes()
    save_circuit(two_readings(), tmp_path)
    (tmp_path / TENSORS).write_bytes(tensors)
    with pytest.raises(MechvalError, match="paper"):
        load_circuit(tmp_path, SMALL_PROBLEM)
