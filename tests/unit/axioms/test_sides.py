"""The two states that a cell compares disagree exactly where its axiom counts a disagreement."""

import pytest
import torch

from mechval.axioms import distinct_cells
from mechval.axioms.cells import CellKey
from mechval.axioms.sides import cell_sides
from tests.unit.axioms import toy

NUMBERS = torch.arange(toy.N)


@pytest.mark.parametrize("cell", distinct_cells(toy.make_toy()), ids=str)
def test_sides_disagree_as_often_as_the_suite_counts(cell: CellKey) -> None:
    expected = toy.EXPECTED[cell.axiom.number - 1][cell.component - 1]
    assert int(cell_sides(toy.make_toy(), NUMBERS, cell).disagree.sum()) == expected


def test_a_tolerance_is_respected() -> None:
    tolerant = toy.replaced_at(
        toy.make_toy().equivalences,
        1,
        toy.Equivalence("one bit", toy.one_bit.distance, tolerance=1),
    )
    changed = toy.replace(toy.make_toy(), equivalences=tolerant)
    assert not cell_sides(changed, NUMBERS, distinct_cells(changed)[0]).disagree.any()
