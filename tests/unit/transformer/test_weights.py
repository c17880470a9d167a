"""Weights survive a file; a file that is not theirs is refused by name."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Architecture, load_weights, named_weights, save_weights
from tests.networks import SMALL_PROBLEM, random_network

Tamper = Callable[[dict[str, Tensor]], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_weights(random_network(SMALL_PROBLEM), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_weights_survive_a_round_trip(path: Path) -> None:
    other = random_network(SMALL_PROBLEM, seed=1)
    load_weights(other, path)
    saved = named_weights(random_network(SMALL_PROBLEM))
    loaded = named_weights(other)
    assert all(loaded[name].equal(saved[name]) for name in saved)


def test_the_same_weights_are_the_same_bytes(path: Path) -> None:
    before = path.read_bytes()
    save_weights(random_network(SMALL_PROBLEM), path)
    assert path.read_bytes() == before


def drop(weights: dict[str, Tensor]) -> None:
    del weights["blocks.1.mlp.b_in"]


def add(weights: dict[str, Tensor]) -> None:
    weights["blocks.2.mlp.b_in"] = torch.zeros(1)


def transpose(weights: dict[str, Tensor]) -> None:
    weights["blocks.1.mlp.W_in"] = weights["blocks.1.mlp.W_in"].T.contiguous()


def put_nan(weights: dict[str, Tensor]) -> None:
    weights["blocks.0.attn.W_Q"][0, 0, 0] = torch.nan


def put_infinity(weights: dict[str, Tensor]) -> None:
    weights["unembed.W_U"][0, 0] = torch.inf


def make_integer(weights: dict[str, Tensor]) -> None:
    weights["embed.W_E"] = weights["embed.W_E"].long()


TAMPERINGS = [
    pytest.param(drop, "lacks the tensor blocks.1.mlp.b_in; allowed:", id="missing"),
    pytest.param(add, "has an extra tensor blocks.2.mlp.b_in; allowed:", id="extra"),
    pytest.param(
        transpose, "blocks.1.mlp.W_in has shape (24, 16); allowed: (16, 24).", id="transposed"
    ),
    pytest.param(put_nan, "blocks.0.attn.W_Q holds values that are not finite", id="NaN"),
    pytest.param(put_infinity, "unembed.W_U holds values that are not finite", id="infinite"),
    pytest.param(make_integer, "embed.W_E is a tensor of kind int64; allowed", id="integer"),
]


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERINGS)
def test_a_wrong_tensor_is_refused_by_name(path: Path, tamper: Tamper, sentence: str) -> None:
    weights = load_file(path)
    tamper(weights)
    save_file(weights, path)
    with pytest.raises(MechvalError) as refusal:
        load_weights(random_network(SMALL_PROBLEM), path)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERINGS)
def test_a_refused_file_leaves_the_network_as_it_was(
    path: Path, tamper: Tamper, sentence: str
) -> None:
    weights = load_file(path)
    tamper(weights)
    save_file(weights, path)
    model = random_network(SMALL_PROBLEM, seed=1)
    with pytest.raises(MechvalError):
        load_weights(model, path)
    before, after = named_weights(random_network(SMALL_PROBLEM, seed=1)), named_weights(model)
    assert all(after[name].equal(before[name]) for name in before)


def test_weights_of_another_architecture_are_refused(path: Path) -> None:
    wider = random_network(SMALL_PROBLEM, 0, Architecture(d_model=32, d_mlp=24, n_heads=(1, 2)))
    with pytest.raises(MechvalError, match=r"embed.W_E has shape \(12, 16\); allowed: \(12, 32\)"):
        load_weights(wider, path)


@pytest.mark.parametrize(
    "kept", [0, 5, 100, -1], ids=["nothing", "5 bytes", "100 bytes", "but one"]
)
def test_a_truncated_file_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MechvalError, match="cannot be read"):
        load_weights(random_network(SMALL_PROBLEM), path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="nowhere do not exist; allowed: a safetensors file"):
        load_weights(random_network(SMALL_PROBLEM), tmp_path / "nowhere")
