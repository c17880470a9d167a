"""Measurements of many batches are those of all samples, in few tensors."""

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mechval import axioms as mv
from mechval.axioms.base import Axiom, CellKey, Measurements
from mechval.axioms.gathering import Gathered
from mechval.errors import MechvalError
from tests.unit.axioms import toy

KEY = CellKey(Axiom.PREFIX_EQUIVALENCE, 1)


def measured(labels: Tensor) -> Measurements:
    numbers = torch.arange(len(labels))
    return Measurements(labels, numbers, {KEY: numbers.double()}, {})


def test_pieces_of_any_size_are_joined_in_their_order() -> None:
    gathered, labels = Gathered(), torch.arange(50)
    for piece in labels.split([1, 0, 7, 30, 2, 10]):
        gathered.add(measured(piece))
    whole = gathered.whole()
    assert whole.labels.tolist() == labels.tolist()
    assert whole.distances[KEY].tolist() == [*range(1), *range(7), *range(30), 0, 1, *range(10)]


def test_a_piece_of_a_wider_type_loses_nothing() -> None:
    gathered = Gathered()
    for piece in (torch.tensor([1, 2]), torch.tensor([0.5])):
        gathered.add(measured(piece))
    assert gathered.whole().labels.tolist() == [1, 2, 0.5]


def test_outputs_of_another_shape_are_refused() -> None:
    gathered = Gathered()
    gathered.add(measured(torch.zeros(3, 2)))
    with pytest.raises(MechvalError, match=r"shape \(4,\) per sample, and in .* before \(2,\)"):
        gathered.add(measured(torch.zeros(3, 4)))


def test_a_shuffled_program_may_be_missing_in_a_batch() -> None:
    gathered = Gathered()
    gathered.add(measured(torch.zeros(1)))
    gathered.add(replace(measured(torch.zeros(2)), shuffled={KEY: torch.ones(2)}))
    assert gathered.whole().shuffled[KEY].tolist() == [1, 1]


def test_no_tensor_is_kept_for_a_batch() -> None:
    """What lies between the large tensors of batches keeps their memory from being used again."""
    kept: dict[int, int] = {}

    def batches() -> Iterator[mv.Batch]:
        for number, batch in enumerate(toy.make_batches(size=10)):
            if number in (5, 19):
                kept[number] = sum(issubclass(type(each), Tensor) for each in gc.get_objects())
            yield batch

    mv.measure_axioms([toy.make_toy()], batches())
    assert kept[19] == kept[5]
