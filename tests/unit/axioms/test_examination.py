"""Both sides of every cell: the same equations as the axioms."""

import torch

from mechval.axioms import examine_cells
from mechval.axioms.cells import distinct_cells
from mechval.axioms.suite import measure_axioms
from tests.unit.axioms.toy import A, N, make_batches, make_toy


def test_the_sides_disagree_exactly_where_the_suite_counts() -> None:
    toy = make_toy()
    (measured,) = measure_axioms([toy], make_batches())
    for sides in examine_cells(toy, torch.arange(N)):
        assert torch.equal(sides.distance.double(), measured.distances[sides.key])
        assert torch.equal(sides.disagrees, measured.distances[sides.key] > 0)


def test_every_distinct_cell_is_examined_in_table_order() -> None:
    toy = make_toy()
    found = examine_cells(toy, torch.arange(3))
    assert tuple(sides.key for sides in found) == distinct_cells(toy)
    assert {sides.component for sides in found} == set(toy.components)


def test_the_first_side_is_the_networks_own() -> None:
    sides = examine_cells(make_toy(), A)[0]
    assert torch.equal(sides.network, 1 - A % 2)
    assert torch.equal(sides.interpreted, A % 2)
