from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from mechval.axioms import Batch, Interpretation, exact_labels, identity
from mechval.two_sat.claim.improved.choose_parts import (
    Change,
    Choice,
    InterpretationPart,
    choose_parts,
)

N = 40


def parity(x: torch.Tensor) -> torch.Tensor:
    return x % 2


def base() -> Interpretation:
    """One component: is the number odd? The program says so of every third number only."""
    return Interpretation(
        name="base",
        components=("parity",),
        concrete=(parity,),
        abstract=(lambda x: parity(x) * (x % 3 == 0),),
        alphas=(identity, identity),
        gammas=(identity, identity),
        equivalences=(exact_labels, exact_labels),
    )


def says(wrong_on: int) -> Change:
    """A program that is wrong below ``wrong_on``."""
    return lambda made: replace(
        made, abstract=(lambda x: torch.where(x < wrong_on, 1 - parity(x), parity(x)),)
    )


def part(name: str, candidates: Mapping[str, Change]) -> InterpretationPart:
    return InterpretationPart(name, candidates, "prefix equivalence/parity")


def batches() -> Iterator[Batch]:
    numbers = torch.arange(N)
    yield Batch(numbers, torch.zeros(N, dtype=torch.int64))


def taken(choice: Choice) -> tuple[str, ...]:
    rows = (row for row in choice.rows if row.is_taken)
    return tuple(dict.fromkeys(f"{row.part}: {row.candidate}" for row in rows))


def test_of_candidates_that_count_the_one_with_the_fewest_disagreements_is_taken() -> None:
    choice = choose_parts(base(), [part("program", {"4": says(4), "2": says(2)})], batches())
    assert taken(choice) == ("program: 2",)
    assert {row.after_disagreements for row in choice.rows if row.is_taken} == {2}


def test_a_candidate_that_makes_a_cell_worse_is_not_taken() -> None:
    choice = choose_parts(base(), [part("program", {"all": says(N)})], batches())
    assert taken(choice) == ()
    assert [row.is_worse for row in choice.rows] == [True]
    assert choice.interpretation.abstract == base().abstract or choice.interpretation.name == "base"


def test_a_candidate_that_changes_nothing_is_not_taken() -> None:
    same = part("program", {"the same": lambda made: made})
    assert taken(choose_parts(base(), [same], batches())) == ()


def test_a_later_part_is_judged_beside_what_was_taken_before() -> None:
    parts = [part("first", {"3": says(3)}), part("none", {}), part("second", {"5": says(5)})]
    choice = choose_parts(base(), parts, batches())
    assert taken(choice) == ("first: 3",)
    assert choice.rows[-1].before_disagreements == 3


def test_the_network_runs_once_for_all_parts() -> None:
    calls: list[int] = []

    def counted(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return parity(x)

    parts = [part("first", {"3": says(3), "2": says(2)}), part("second", {"1": says(1)})]
    choice = choose_parts(replace(base(), concrete=(counted,)), parts, batches())
    # Fewer are those on which `refuse_memory` and `Recall` try the maps.
    assert calls.count(N) == 1
    assert taken(choice) == ("first: 2", "second: 1")
