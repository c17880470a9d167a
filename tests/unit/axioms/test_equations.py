"""Both sides of every cell: what the suite counts, looked at sample by sample."""

import pytest
import torch

from mechval.axioms import cell_sides, distinct_cells, examine_cells, measure_axioms
from mechval.axioms.base import CellKey
from tests.unit.axioms import toy

NUMBERS = torch.arange(toy.N)


@pytest.mark.parametrize("cell", distinct_cells(toy.make_toy()), ids=str)
def test_sides_disagree_as_often_as_the_suite_counts(cell: CellKey) -> None:
    expected = toy.EXPECTED[cell.axiom.number - 1][cell.component - 1]
    assert int(cell_sides(toy.make_toy(), NUMBERS, cell).disagrees.sum()) == expected


def test_a_tolerance_is_respected() -> None:
    tolerant = toy.replaced_at(
        toy.make_toy().equivalences,
        1,
        toy.Equivalence("one bit", toy.one_bit.distance, tolerance=1),
    )
    changed = toy.replace(toy.make_toy(), equivalences=tolerant)
    assert not cell_sides(changed, NUMBERS, distinct_cells(changed)[0]).disagrees.any()


def test_the_sides_disagree_exactly_where_the_suite_counts() -> None:
    claim = toy.make_toy()
    (measured,) = measure_axioms([claim], toy.make_batches())
    for sides in examine_cells(claim, NUMBERS):
        assert torch.equal(sides.distance.double(), measured.distances[sides.key])
        assert torch.equal(sides.disagrees, measured.distances[sides.key] > 0)


def test_every_distinct_cell_is_examined_in_table_order() -> None:
    claim = toy.make_toy()
    found = examine_cells(claim, torch.arange(3))
    assert tuple(sides.key for sides in found) == distinct_cells(claim)
    assert {sides.component for sides in found} == set(claim.components)


def test_the_first_side_is_the_networks_own() -> None:
    sides = examine_cells(toy.make_toy(), toy.A)[0]
    assert torch.equal(sides.network, 1 - toy.A % 2)
    assert torch.equal(sides.program, toy.A % 2)
