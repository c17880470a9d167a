"""Inputs of every structure, and outputs that are cut at one of their entries."""

from collections import namedtuple
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mechval import axioms as mv
from mechval.axioms import states
from mechval.axioms.equations import run_components
from mechval.errors import MechvalError

FIRST, SECOND = torch.cartesian_prod(torch.arange(4), torch.arange(4)).unbind(1)


class Adding(nn.Module):
    """Two numbers from 0 to 3, each looked up in a table, added."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding.from_pretrained(torch.arange(4.0)[:, None])
        self.sum, self.last = nn.Identity(), nn.Identity()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.last(self.sum(self.table(torch.stack([first, second], dim=1)).sum(dim=1)))


INPUTS: dict[str, Any] = {
    "tuple": (FIRST, SECOND),
    "list": [FIRST, SECOND],
    "dict": {"second": SECOND, "first": FIRST},
}


def read_number(output: Tensor) -> Tensor:
    return output[:, 0].long()


def write_number(number: Tensor) -> Tensor:
    return number[:, None].float()


def added(inputs: Any) -> Tensor:
    first, second = (inputs["first"], inputs["second"]) if isinstance(inputs, dict) else inputs
    return first + second


def one_of(inputs: Any) -> Any:
    return states.pick(inputs, [0])


def adding(inputs: Any) -> mv.CutNetwork:
    return mv.CutNetwork(Adding(), ["sum"], example=one_of(inputs), read_label=read_number)


@pytest.mark.parametrize("kind", INPUTS)
def test_a_claim_about_a_network_of_several_inputs_is_measured(kind: str) -> None:
    inputs = INPUTS[kind]
    network = adding(inputs)
    network.verify(inputs)
    claim = mv.Interpretation(
        name="sum",
        components=("add", "tell"),
        concrete=network.components,
        abstract=(added, mv.identity),
        alphas=(mv.identity, read_number, mv.identity),
        gammas=(mv.identity, write_number, mv.identity),
        equivalences=(mv.exact_labels,) * 3,
    )
    assert not any(cell.disagrees.any() for cell in mv.examine_cells(claim, inputs))
    forgetting = replace(claim, abstract=(lambda inputs: added(inputs).clamp(max=5), mv.identity))
    (cell, *_) = mv.examine_cells(forgetting, inputs)
    assert cell.disagrees.sum() == 1
    (measured,) = mv.measure_axioms([claim], [mv.Batch(inputs, torch.zeros(16).long())])
    assert measured.labels.tolist() == added(inputs).tolist()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            (FIRST, SECOND[:3]),
            r"the inputs have the shapes 0 \(16,\), 1 \(3,\); allowed: the batch",
        ),
        ((FIRST, torch.tensor(1)), r"inputs '1' is a Tensor without samples; allowed: a tensor"),
        ((FIRST, 1), r"inputs '1' is a int without samples; allowed: a tensor"),
        ((FIRST,), r"the inputs hold the tensors 0; allowed: what the example holds, .* 0, 1"),
        (FIRST, r"the inputs hold one tensor; allowed: what the example holds, the tensors 0, 1"),
    ],
    ids=["sizes", "no axis", "number", "one too few", "no tuple"],
)
def test_inputs_without_one_batch_axis_are_refused(inputs: Any, message: str) -> None:
    network = adding(INPUTS["tuple"])
    with pytest.raises(MechvalError, match=f"^{message}"):
        network.verify(inputs)
    with pytest.raises(MechvalError, match=f"^{message}"):
        network.components[0](inputs)


def test_an_example_of_several_inputs_is_refused() -> None:
    with pytest.raises(MechvalError, match=r"^example holds 16 samples; allowed: one"):
        mv.CutNetwork(Adding(), ["sum"], example=(FIRST, SECOND), read_label=read_number)


Two = namedtuple("Two", ["value", "weights"])


@dataclass
class Output:
    value: Tensor
    weights: Tensor


WRAPPED: dict[str, tuple[Any, int | str]] = {
    "tuple": (lambda value, weights: (value, weights), 0),
    "list": (lambda value, weights: [value, weights], 0),
    "named tuple": (Two, 0),
    "dict": (lambda value, weights: {"value": value, "weights": weights}, "value"),
    "object": (Output, "value"),
}


class Wrapping(nn.Module):
    """Doubles a number; the output also holds weights that nothing reads."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.wrap = kind, WRAPPED[kind][0]

    def forward(self, x: Tensor) -> Any:
        return self.wrap(2 * x, torch.ones_like(x))


class Unwrapping(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.attn, self.entry = Wrapping(kind), WRAPPED[kind][1]

    def forward(self, x: Tensor) -> Tensor:
        output: Any = self.attn(x)
        entries: Any = vars(output) if isinstance(output, Output) else output
        return entries[self.entry] + 1


NUMBERS = torch.arange(5.0)[:, None]


@pytest.mark.parametrize("kind", WRAPPED)
@torch.inference_mode()
def test_one_entry_of_an_output_is_a_cut(kind: str) -> None:
    network = mv.CutNetwork(
        Unwrapping(kind),
        [mv.Cut("attn", output=WRAPPED[kind][1])],
        example=NUMBERS[:1],
        read_label=read_number,
    )
    network.verify(NUMBERS)
    assert torch.equal(network.components[0](NUMBERS), 2 * NUMBERS)
    assert network.components[1](10 * NUMBERS).tolist() == [1, 11, 21, 31, 41]


@pytest.mark.parametrize(
    ("kind", "output", "message"),
    [
        ("tuple", None, r"cut 'attn' has a tuple as its output; .*Cut\('attn', output=…\)"),
        ("tuple", 2, r"cut 'attn' has a tuple as its output, without an entry 2; .* 0 to 1\."),
        ("dict", "values", r"without an entry 'values'; allowed: one of value, weights\."),
        ("object", "values", r"a Output as its output, without an entry 'values'; .* value, weigh"),
        ("object", 0, r"a Output as its output, without an entry 0; allowed"),
    ],
)
def test_an_entry_that_is_not_there_is_refused(
    kind: str, output: int | str | None, message: str
) -> None:
    cut = mv.Cut("attn", output=output)
    network = mv.CutNetwork(Unwrapping(kind), [cut], example=NUMBERS[:1], read_label=read_number)
    with pytest.raises(MechvalError, match=message):
        network.components[0](NUMBERS)


def test_what_read_label_raises_is_told_in_one_sentence() -> None:
    def failing(output: Tensor) -> Tensor:
        raise KeyError("no label")

    network = mv.CutNetwork(Adding(), ["sum"], example=(FIRST[:1], SECOND[:1]), read_label=failing)
    with pytest.raises(MechvalError, match=r"^read_label \(.*failing\) raises KeyError"):
        run_components(network.components, (FIRST, SECOND))
