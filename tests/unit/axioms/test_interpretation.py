"""Interpretations refuse what does not fit together, and know which cells are the same."""

import math
from dataclasses import replace

import pytest
import torch

from mechval.axioms import (
    Axiom,
    CellKey,
    Equivalence,
    Interpretation,
    distinct_cells,
    exact_labels,
    identity,
    representative_cells,
)
from mechval.errors import MechvalError
from tests.unit.axioms import toy


def make_chain(d: int) -> Interpretation:
    return Interpretation(
        name="chain",
        components=tuple(f"component {i}" for i in range(d)),
        concrete=(identity,) * d,
        abstract=(identity,) * d,
        alphas=(identity,) * (d + 1),
        gammas=(identity,) * (d + 1),
        equivalences=(exact_labels,) * (d + 1),
    )


@pytest.mark.parametrize(
    ("field", "allowed"),
    [("concrete", 3), ("abstract", 3), ("alphas", 4), ("gammas", 4), ("equivalences", 4)],
)
def test_a_missing_entry_is_refused_with_field_and_counts(field: str, allowed: int) -> None:
    interpretation = toy.make_toy()
    shortened = getattr(interpretation, field)[:-1]
    with pytest.raises(
        MechvalError, match=f"{field} has {allowed - 1} entries; allowed: {allowed}"
    ):
        replace(interpretation, **{field: shortened})


def test_repeated_component_names_are_refused() -> None:
    with pytest.raises(MechvalError, match=r"components=.*all different"):
        replace(toy.make_toy(), components=("parse", "parse", "output"))


def test_no_components_are_refused() -> None:
    with pytest.raises(
        MechvalError, match=r"components=\(\) is not allowed; allowed: at least one"
    ):
        make_chain(0)


@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf])
def test_a_tolerance_that_is_no_count_is_refused(tolerance: float) -> None:
    with pytest.raises(MechvalError, match="tolerance"):
        replace(exact_labels, tolerance=tolerance)


def test_fewer_than_one_part_is_refused() -> None:
    with pytest.raises(MechvalError, match="n_parts=0"):
        Equivalence("bits", exact_labels.distance, n_parts=0)


def test_exact_labels_differ_wherever_they_are_unequal() -> None:
    distance = exact_labels.distance(torch.tensor([1, 2, 3]), torch.tensor([1, 0, 3]))
    assert distance.tolist() == [0, 1, 0]


def test_a_label_that_is_not_a_number_equals_nothing() -> None:
    undefined = torch.tensor([math.nan])
    assert exact_labels.distance(undefined, undefined).tolist() == [1]


@pytest.mark.parametrize(("d", "n_distinct"), [(1, 1), (2, 4), (3, 8), (5, 16)])
def test_number_of_distinct_cells(d: int, n_distinct: int) -> None:
    assert len(distinct_cells(make_chain(d))) == n_distinct


def test_each_repeated_cell_names_the_one_it_repeats() -> None:
    repeated = {
        key.place: first.place
        for key, first in representative_cells(make_chain(3)).items()
        if key != first
    }
    assert repeated == {(2, 1): (1, 1), (4, 1): (3, 1), (3, 3): (1, 3), (4, 3): (2, 3)}


def test_a_single_component_repeats_one_cell_three_times() -> None:
    first = CellKey(Axiom.PREFIX_EQUIVALENCE, 1)
    assert set(representative_cells(make_chain(1)).values()) == {first}


@pytest.mark.parametrize("field", ["alphas", "gammas"])
def test_an_output_that_is_translated_makes_the_last_component_distinct(field: str) -> None:
    interpretation = toy.with_map(make_chain(3), field, 3, toy.negate)
    assert len(distinct_cells(interpretation)) == 10
