"""What a claim's maps must not do is refused, and the message names the map."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from mechval.axioms import cell_sides, distinct_cells, examine_cells
from mechval.axioms.guarding import apply, leaves, refuse_nan
from mechval.errors import MechvalError
from tests.unit.axioms import toy


def changing(applied: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same map, but what it was given is 0 afterwards."""

    def overwriting(state: Tensor) -> Tensor:
        result = applied(state).clone()
        state.clamp_(max=0)
        return result

    return overwriting


FAULTS = [
    ("concrete", 0, toy.parse, "'toy': t_1"),
    ("concrete", 1, toy.evaluate, "'toy': t_2"),
    ("abstract", 0, toy.parity, "'toy': h_1"),
    ("abstract", 1, toy.negate, "'toy': h_2"),
    ("alphas", 1, toy.read_bit, "'toy': α_1"),
    ("gammas", 2, toy.write_bit, "'toy': γ_2"),
]


@pytest.mark.parametrize(("field", "index", "applied", "place"), FAULTS)
def test_a_map_that_changes_its_argument_is_refused_by_name(
    field: str, index: int, applied: Callable[[Tensor], Tensor], place: str
) -> None:
    claim = toy.with_map(toy.make_toy(), field, index, changing(applied))
    message = r" \(.*overwriting\) changes what it was given"
    with pytest.raises(MechvalError, match=re.escape(place) + message):
        toy.evaluate_toy(claim)
    with pytest.raises(MechvalError, match=place[-3:] + message):
        examine_cells(claim, torch.arange(toy.N))


def test_a_distance_that_changes_its_arguments_is_refused_by_name() -> None:
    def overwriting(first: Tensor, second: Tensor) -> Tensor:
        return first.sub_(second).abs_()

    labels = toy.Equivalence("difference", overwriting)
    claim = toy.with_map(toy.make_toy(), "equivalences", 3, labels)
    with pytest.raises(
        MechvalError, match=r"distance of 'difference' .* changes what it was given"
    ):
        toy.evaluate_toy(claim)


@torch.inference_mode()
def test_a_changing_map_is_refused_within_inference_mode_too() -> None:
    claim = toy.with_map(toy.make_toy(), "abstract", 1, changing(toy.negate))
    with pytest.raises(MechvalError, match="h_2"):
        cell_sides(claim, torch.arange(toy.N), distinct_cells(claim)[1])


def undefined(state: Tensor) -> Tensor:
    bits = torch.full((len(state), 2), 1.0)
    bits[3, 1] = torch.nan
    return bits


@pytest.mark.parametrize(
    ("field", "index", "place"),
    [
        ("concrete", 0, "'toy': t_1"),
        ("abstract", 0, "'toy': h_1"),
        ("alphas", 2, "'toy': α_2"),
        ("gammas", 1, "'toy': γ_1"),
    ],
)
def test_a_state_that_is_not_a_number_is_refused_by_name(
    field: str, index: int, place: str
) -> None:
    claim = toy.with_map(toy.make_toy(), field, index, undefined)
    with pytest.raises(MechvalError, match=rf"{re.escape(place)} \(undefined\) gives NaN in 1 num"):
        toy.evaluate_toy(claim)


@pytest.mark.parametrize("infinite", [[-torch.inf, torch.inf], [torch.inf, 1]])
def test_an_infinite_number_is_one(infinite: list[float]) -> None:
    refuse_nan((torch.tensor(infinite), np.array(infinite)), "a state")


def test_nan_in_an_array_is_refused_with_its_place() -> None:
    with pytest.raises(MechvalError, match=r"a state gives NaN in 1 numbers of bits\.1;"):
        refuse_nan({"bits": (np.ones(2), np.array([1, np.nan]))}, "a state")


def broadcast(bit: Tensor) -> Tensor:
    return toy.write_bit(bit)[:1]


def summed(bit: Tensor) -> Tensor:
    return toy.write_bit(bit).sum()


@pytest.mark.parametrize("gamma", [broadcast, summed])
def test_a_gamma_of_another_batch_size_is_refused(gamma: Callable[[Tensor], Tensor]) -> None:
    claim = toy.with_map(toy.make_toy(), "gammas", 1, gamma)
    place = r"prefix replaceability/parse: γ_1 \(\w+\)"
    message = place + r" gives shape \((1, 2)?\) for 200 samples; allowed: one state per sample"
    with pytest.raises(MechvalError, match=message):
        examine_cells(claim, torch.arange(toy.N))


def failing(state: Tensor) -> Tensor:
    raise KeyError("no such bit")


def failing_distance(first: Tensor, second: Tensor) -> Tensor:
    raise KeyError("no such bit")


@pytest.mark.parametrize(
    ("field", "index", "fault", "place"),
    [
        ("concrete", 1, failing, "'toy': t_2 (failing)"),
        ("abstract", 0, failing, "'toy': h_1 (failing)"),
        ("alphas", 2, failing, "'toy': α_2 (failing)"),
        ("gammas", 2, failing, "'toy', prefix replaceability/evaluate: γ_2 (failing)"),
        (
            "equivalences",
            1,
            toy.Equivalence("bits", failing_distance),
            "'toy', prefix equivalence/parse: distance of 'bits' (failing_distance)",
        ),
    ],
)
def test_what_a_function_raises_is_told_in_one_sentence_above_its_traceback(
    field: str, index: int, fault: object, place: str
) -> None:
    claim = toy.with_map(toy.make_toy(), field, index, fault)
    with pytest.raises(MechvalError) as told:
        [cell.disagrees for cell in examine_cells(claim, torch.arange(toy.N))]
    assert str(told.value).startswith(f"{place} raises KeyError ('no such bit'); allowed: ")
    assert "\n" not in str(told.value)
    assert 'raise KeyError("no such bit")' in told.value.__notes__[0]


def test_a_refusal_of_the_network_says_where_it_was_run() -> None:
    def refusing(state: Tensor) -> Tensor:
        raise MechvalError("shape 3; allowed: 4.")

    claim = toy.with_map(toy.make_toy(), "concrete", 2, refusing)
    with pytest.raises(MechvalError, match=r"^'toy': t_3 \(.*refusing\): shape 3; allowed: 4\.$"):
        examine_cells(claim, torch.arange(toy.N))


@dataclass
class Pair:
    numbers: Tensor
    names: dict[str, np.ndarray]


def make_pair() -> Pair:
    return Pair(torch.zeros(3), {"a": np.zeros(3)})


def overwrite_tensor(pair: Pair) -> None:
    pair.numbers += 1


def overwrite_array(pair: Pair) -> None:
    pair.names["a"][0] = 1


def add_entry(pair: Pair) -> None:
    pair.names["b"] = np.zeros(3)


@pytest.mark.parametrize("change", [overwrite_tensor, overwrite_array, add_entry])
def test_every_part_of_a_structured_state_is_watched(change: Callable[[Pair], None]) -> None:
    with pytest.raises(MechvalError, match=r"a map \(\w+\) changes what it was given"):
        apply(change, "a map", make_pair())


def test_leaves_are_named_by_their_place() -> None:
    nested = {"logits": 1, "hidden": (2, [3]), "pair": make_pair()}
    assert [path for path, _ in leaves(nested)] == [
        "logits",
        "hidden.0",
        "hidden.1.0",
        "pair.numbers",
        "pair.names.a",
    ]
