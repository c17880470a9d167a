"""Probes in a saved interpretation: their state comes back, into a module of the same make only."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mechval import axioms as mv
from mechval.axioms.spec_format import SPEC, TENSORS
from mechval.errors import MechvalError
from tests.unit.axioms.toy import (
    counts,
    evaluate_toy,
    make_toy,
    negate,
    parity,
    read_bit,
    replaced_at,
    write_bit,
)


class Probe(nn.Module):
    """Reads the toy's bit, and writes it, by weights that somebody fitted."""

    level: Tensor

    def __init__(self, n_entries: int = 2, threshold: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_entries, 1), nn.Identity())
        self.threshold = threshold
        self.register_buffer("level", torch.tensor(1.0))

    def forward(self, state: Tensor) -> Tensor:
        return (self.layers(state.float())[:, 0] >= self.threshold * self.level).long()

    def write(self, bit: Tensor) -> Tensor:
        return write_bit((bit >= self.threshold).long())


class Other(Probe):
    """Of another class, though it computes the same."""


def fitted(weights: tuple[float, float]) -> Probe:
    probe = Probe().eval().requires_grad_(False)
    probe.layers[0].load_state_dict({"weight": torch.tensor([weights]), "bias": torch.zeros(1)})
    return probe


RIGHT, WRONG = (0.0, 1.0), (0.0, -1.0)
FUNCTIONS = (parity, negate, read_bit, write_bit)


def probed(probe: nn.Module) -> mv.Interpretation:
    toy = make_toy()
    return replace(
        toy,
        alphas=replaced_at(toy.alphas, 1, probe),
        gammas=replaced_at(toy.gammas, 1, probe.write if isinstance(probe, Probe) else write_bit),
    )


def saved(directory: Path) -> mv.Interpretation:
    claim = probed(fitted(RIGHT))
    claim = replace(claim, alphas=replaced_at(claim.alphas, 2, fitted(WRONG)))
    mv.save_interpretation(claim, directory)
    return claim


def reload(directory: Path, *modules: nn.Module) -> mv.Interpretation:
    return mv.load_interpretation(directory, make_toy().concrete, (*FUNCTIONS, *modules))


def test_probes_come_back_with_their_own_weights(tmp_path: Path) -> None:
    claim, blank = saved(tmp_path), Probe()
    before = copy.deepcopy(blank.state_dict())
    again = reload(tmp_path, blank)
    assert (
        counts(evaluate_toy(again))
        == counts(evaluate_toy(claim))
        != counts(evaluate_toy(make_toy()))
    )
    for saved_probe, found in zip(claim.alphas[1:3], again.alphas[1:3], strict=True):
        assert isinstance(saved_probe, Probe)
        assert isinstance(found, Probe)
        assert str(found.state_dict()) == str(saved_probe.state_dict())
        assert not any(part.training for part in found.modules())
    assert again.gammas[1].__self__ is again.alphas[1]  # type: ignore[union-attr]
    assert blank.training
    assert str(blank.state_dict()) == str(before)


def test_the_state_dict_stands_beside_the_spec(tmp_path: Path) -> None:
    saved(tmp_path)
    tensors = load_file(tmp_path / TENSORS)
    assert sorted(tensors) == [
        f"objects.{number}.{name}"
        for number in range(2)
        for name in ("layers.0.bias", "layers.0.weight", "level")
    ]
    assert tensors["objects.1.layers.0.weight"].tolist() == [list(WRONG)]


def with_activation() -> Probe:
    probe = Probe()
    probe.layers[1] = nn.ReLU()
    return probe


def longer() -> Probe:
    probe = Probe()
    probe.layers.append(nn.Identity())
    return probe


@pytest.mark.parametrize(
    ("handed_in", "message"),
    [
        ((), r"a module .*:Probe, of which none is handed in; allowed: one among the parts"),
        ((Other(),), "of which none is handed in"),
        ((Probe(n_entries=3),), r"Probe handed in has layers\.0\.in_features = 3 in place of 2"),
        ((Probe(threshold=0.4),), r"has threshold = 0\.4 in place of 0\.5; allowed: one made as"),
        ((with_activation(),), r"layers\.1 = .*:ReLU in place of .*:Identity"),
        ((longer(),), r"has a 'layers\.2'"),
        ((Probe().double(),), r"layers\.0\.bias = .*float64.* in place of .*float32"),
    ],
    ids=["none", "class", "size", "attribute", "submodule", "longer", "type"],
)
def test_a_module_of_another_make_is_refused(
    tmp_path: Path, handed_in: tuple[nn.Module, ...], message: str
) -> None:
    saved(tmp_path)
    with pytest.raises(MechvalError, match=message):
        reload(tmp_path, *handed_in)


def test_the_one_that_fits_is_taken(tmp_path: Path) -> None:
    saved(tmp_path)
    assert isinstance(reload(tmp_path, Probe(n_entries=3), Probe()).alphas[1], Probe)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-8]), "is damaged"),
        (
            lambda path: save_file({**load_file(path), "objects.0.level": torch.zeros(())}, path),
            f"is not the file that {SPEC} was written with",
        ),
        (
            lambda path: save_file({**load_file(path), "objects.0.level": torch.zeros(2)}, path),
            r"objects\.0\.level has shape \(2,\) .* allowed: \(\)",
        ),
        (lambda path: save_file({}, path), r"holds \[\]; allowed: \['objects\.0\.layers"),
    ],
    ids=["cut off", "altered", "another shape", "empty"],
)
def test_a_damaged_state_is_refused(
    tmp_path: Path, change: Callable[[Path], Any], message: str
) -> None:
    saved(tmp_path)
    change(tmp_path / TENSORS)
    with pytest.raises(MechvalError, match=message):
        reload(tmp_path, Probe())


def hooked() -> Probe:
    probe = Probe()
    probe.layers[0].register_forward_hook(lambda *_: None)
    return probe


def with_buffer_of_its_own() -> Probe:
    probe = Probe()
    probe.register_buffer("more", torch.zeros(1), persistent=False)
    return probe


def with_attribute(value: Any) -> Probe:
    probe = Probe()
    probe.threshold = value
    return probe


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (hooked(), r"Probe\.layers\.0 cannot be saved, as it has a forward hook"),
        (with_buffer_of_its_own(), r"Probe\.more cannot be saved, as it is not what its state"),
        (with_attribute(torch.zeros(1)), r"Probe\.threshold=.* cannot be saved; .* as a buffer"),
        (with_attribute(read_bit), r"Probe\.threshold=.* cannot be saved; allowed: finite"),
    ],
    ids=["hook", "buffer", "tensor", "function"],
)
def test_a_module_with_more_to_it_is_refused_at_saving(
    tmp_path: Path, probe: Probe, message: str
) -> None:
    with pytest.raises(MechvalError, match=message):
        mv.save_interpretation(probed(probe), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_ready_made_module_is_a_part_too(tmp_path: Path) -> None:
    layer = nn.Sequential(nn.Identity(), nn.Flatten(0, 0))
    toy = make_toy()
    claim = replace(toy, abstract=replaced_at(toy.abstract, 2, layer))
    mv.save_interpretation(claim, tmp_path)
    assert counts(evaluate_toy(reload(tmp_path, copy.deepcopy(layer)))) == counts(evaluate_toy(toy))
