"""The four axioms on a toy pair with known counts, and on pairs made wrong on purpose."""

import pytest
import torch

from mechval.axioms import Axiom, CellKey, cell_sides, measure_axioms
from mechval.axioms.base import Map
from tests.unit.axioms import toy


def inverted(component: Map) -> Map:
    """A bit-valued map with its answer negated."""
    return lambda state: toy.negate(component(state))


def inverted_state(component: Map) -> Map:
    """A state-valued map with its bit negated and its number kept."""

    def run(state: torch.Tensor) -> torch.Tensor:
        number, bit = component(state).unbind(1)
        return torch.stack([number, toy.negate(bit)], dim=1)

    return run


def next_number(number: torch.Tensor) -> torch.Tensor:
    return number + 1


# field, index of the entry, the wrong entry, and the cells (axiom, component) it must invert.
WRONG = {
    "alpha_0": ("alphas", 0, next_number, "11 12 13 21 31 32 33 41"),
    "alpha_1": ("alphas", 1, inverted(toy.read_bit), "11 21 22 42"),
    "alpha_2": ("alphas", 2, inverted(toy.read_bit), "12 22 23 43"),
    "alpha_3": ("alphas", 3, toy.negate, "13 23"),
    "gamma_1": ("gammas", 1, inverted_state(toy.write_bit), "31 41"),
    "gamma_2": ("gammas", 2, inverted_state(toy.write_bit), "32 42"),
    "gamma_3": ("gammas", 3, toy.negate, "33 43"),
    "program_1": ("abstract", 0, inverted(toy.parity), "11 12 13 21 31 32 33 41"),
    "program_2": ("abstract", 1, inverted(toy.negate), "12 13 22 32 33 42"),
    "program_3": ("abstract", 2, toy.negate, "13 23 33 43"),
    "network_1": ("concrete", 0, inverted_state(toy.parse), "11 12 13 21 31 32 33 41"),
    "network_2": ("concrete", 1, inverted_state(toy.evaluate), "12 13 22 32 33 42"),
    "network_3": ("concrete", 2, inverted(toy.output), "13 23 33 43"),
}


def test_every_count_of_the_toy_pair_is_the_known_one() -> None:
    assert toy.counts(toy.evaluate_toy(toy.make_toy())) == toy.EXPECTED


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_part_breaks_its_own_cells_and_leaves_the_others(wrong: str) -> None:
    field, index, entry, cells = WRONG[wrong]
    report = toy.evaluate_toy(toy.with_map(toy.make_toy(), field, index, entry))
    expected = [
        [
            toy.N - count if f"{axiom}{component}" in cells.split() else count
            for component, count in enumerate(row, start=1)
        ]
        for axiom, row in enumerate(toy.EXPECTED, start=1)
    ]
    assert toy.counts(report) == expected


def test_errors_of_two_components_on_one_input_cancel_in_the_prefix() -> None:
    def output_deviating_where_evaluate_does(state: torch.Tensor) -> torch.Tensor:
        number, bit = state.unbind(1)
        return toy.negated_on(bit, number, toy.B)

    interpretation = toy.with_map(
        toy.make_toy(), "concrete", 2, output_deviating_where_evaluate_does
    )
    assert toy.counts(toy.evaluate_toy(interpretation)) == [
        [toy.a, toy.a + toy.b, toy.a],
        [toy.a, toy.b, toy.b],
        [toy.a] * 3,
        [toy.a, 0, toy.b],
    ]


@pytest.mark.parametrize("axiom", Axiom)
@pytest.mark.parametrize("component", [1, 2, 3])
def test_reported_samples_are_those_the_axiom_itself_finds(axiom: Axiom, component: int) -> None:
    interpretation = toy.make_toy()
    sides = cell_sides(interpretation, torch.arange(toy.N), CellKey(axiom, component))
    found = toy.evaluate_toy(interpretation).disagreements[f"{axiom}/{sides.component}"]
    assert torch.equal(found, sides.distance.bool())


def test_a_trajectory_runs_each_program_component_at_most_twice() -> None:
    calls: list[str] = []

    def counted(component: Map, name: str) -> Map:
        def run(state: torch.Tensor) -> torch.Tensor:
            # What is tried out on a few samples beforehand and afterwards does not count.
            calls.extend([name] * (len(state) == toy.N))
            return component(state)

        return run

    interpretation = toy.make_toy()
    for index, name in enumerate(toy.COMPONENTS):
        component = counted(interpretation.abstract[index], name)
        interpretation = toy.with_map(interpretation, "abstract", index, component)
    measure_axioms([interpretation], toy.make_batches())
    assert [calls.count(name) for name in toy.COMPONENTS] == [1, 2, 2]
