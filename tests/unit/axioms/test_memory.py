"""A map that knows more than the state it is given is refused by name."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mechval.axioms import Interpretation, enumerate_axioms, measure_axioms
from mechval.errors import MechvalError
from tests.unit.axioms import toy

NUMBERS = torch.arange(toy.N)


def remembering(recall: Callable[[Tensor, Tensor], Tensor]) -> Interpretation:
    """α_0 keeps the inputs, γ_1 writes what ``recall`` makes of its bits and them."""
    seen: list[Tensor] = []

    def keep(number: Tensor) -> Tensor:
        seen.append(number)
        return number

    claim = toy.with_map(toy.make_toy(), "alphas", 0, keep)
    return toy.with_map(claim, "gammas", 1, lambda bit: recall(bit, seen[-1]))


def by_position(bit: Tensor, number: Tensor) -> Tensor:
    return toy.parse(number)


def by_content(bit: Tensor, number: Tensor) -> Tensor:
    states = toy.parse(number)
    return torch.stack([states[int((states[:, 1] - each).abs().argmin())] for each in bit])


@pytest.mark.parametrize("recall", [by_position, by_content])
def test_a_gamma_that_remembers_the_inputs_is_refused(
    recall: Callable[[Tensor, Tensor], Tensor],
) -> None:
    with pytest.raises(MechvalError, match=r"'toy': γ_1 \(.*\) gives something else for a state"):
        enumerate_axioms(remembering(recall), NUMBERS, domain_size=toy.N)
    with pytest.raises(MechvalError, match="γ_1"):
        toy.evaluate_toy(remembering(recall))


def test_measuring_alone_refuses_it_too() -> None:
    with pytest.raises(MechvalError, match="γ_1"):
        measure_axioms([remembering(by_position)], toy.make_batches())


def test_what_a_gamma_remembers_of_large_batches_only_is_refused() -> None:
    def of_large_batches(bit: Tensor, number: Tensor) -> Tensor:
        return by_position(bit, number) if len(bit) == toy.N else toy.write_bit(bit)

    with pytest.raises(MechvalError, match=r"γ_1 \(.*\) gives different states for equal ones"):
        measure_axioms([remembering(of_large_batches)], toy.make_batches())


def test_a_map_that_changes_with_the_batches_is_refused() -> None:
    n_calls = 0

    def tiring(bit: Tensor) -> Tensor:
        nonlocal n_calls
        n_calls += 1
        return toy.write_bit(bit) if n_calls < 10 else toy.write_bit(1 - bit)

    claim = toy.with_map(toy.make_toy(), "gammas", 2, tiring)
    with pytest.raises(MechvalError, match=r"γ_2 .* gives something else for a state when"):
        measure_axioms([claim], toy.make_batches(20))


def first_of(applied: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same map, but it gives each sample what the first one gets."""

    def spreading(state: Tensor) -> Tensor:
        result = applied(state)
        return result[:1].expand_as(result)

    return spreading


@pytest.mark.parametrize(
    ("field", "index", "applied", "place"),
    [
        ("concrete", 0, toy.parse, "t_1"),
        ("abstract", 0, toy.parity, "h_1"),
        ("abstract", 1, toy.negate, "h_2"),
        ("alphas", 2, toy.read_bit, "α_2"),
        ("gammas", 2, toy.write_bit, "γ_2"),
    ],
)
def test_every_map_that_looks_at_other_samples_is_refused(
    field: str, index: int, applied: Callable[[Tensor], Tensor], place: str
) -> None:
    claim = toy.with_map(toy.make_toy(), field, index, first_of(applied))
    with pytest.raises(MechvalError, match=re.escape(f"'toy': {place} (first_of")):
        enumerate_axioms(claim, NUMBERS, domain_size=toy.N)


def test_a_single_input_can_still_be_evaluated() -> None:
    assert enumerate_axioms(toy.make_toy(), NUMBERS[:1], domain_size=1).n == 1


def test_what_is_tried_on_few_samples_costs_a_fixed_number_of_runs() -> None:
    calls: list[int] = []

    def counted(number: Tensor) -> Tensor:
        calls.append(len(number))
        return toy.parse(number)

    claim = toy.with_map(toy.make_toy(), "concrete", 0, counted)
    toy.evaluate_toy(claim, toy.make_batches(100))
    assert calls == [32, 32, 32, 100, 100]
