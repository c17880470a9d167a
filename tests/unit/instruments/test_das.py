"""Searches on a network of two numbers: every value is known in closed form."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mechval.axioms import Equivalence, Interpretation, Part, Variable, exact_labels, identity
from mechval.axioms.base import n_differing
from mechval.errors import MechvalError
from mechval.instruments.das import Search, move_as_far, search
from mechval.instruments.organism import Organism, Searched

INPUTS = torch.cartesian_prod(torch.arange(2), torch.arange(2))
TURN = torch.linalg.qr(torch.tensor([[2.0, 1.0], [1.0, -3.0]]))[0]
CODES = INPUTS.float() @ TURN
PLACES = torch.tensor([2, 1])


def scores(cut: int, state: Tensor) -> Tensor:
    """The nearest of four points, whose number is the answer 2a + b."""
    assert cut == 1
    return -4 * (state[:, None] - CODES).square().sum(dim=2)


def constant(cut: int, state: Tensor) -> Tensor:
    """A network that never reads its state."""
    return 0 * scores(cut, state)


def claimed(
    program: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]],
    own: Callable[[int, Tensor], Tensor] = scores,
) -> Organism:
    """The network turns (a, b) and answers 2a + b; the program's first number is searched."""
    variable = Variable("turn", Part("first", index=0), Part("anywhere"))
    differ = Equivalence("numbers", n_differing, n_parts=2)
    return Organism(
        name="turned",
        told="",
        is_sound=True,
        claim=Interpretation(
            name="turned",
            components=("turn", "answer"),
            concrete=(lambda x: x.float() @ TURN, lambda z: own(1, z).argmax(dim=1)),
            abstract=program,
            alphas=(identity, lambda z: (z @ TURN.T).round().long(), identity),
            gammas=(identity, lambda a: a.float() @ TURN, identity),
            equivalences=(exact_labels, differ, exact_labels),
        ),
        variables=[variable],
        inputs=INPUTS,
        domain_size=4,
        scores=own,
        searched=[Searched(variable, Part("state"), rank=1)],
    )


RIGHT = claimed((identity, lambda s: s @ PLACES))
WRONG = claimed(
    (
        lambda x: torch.stack([x[:, 0] ^ x[:, 1], x[:, 1]], dim=1),
        lambda s: torch.stack([s[:, 0] ^ s[:, 1], s[:, 1]], dim=1) @ PLACES,
    )
)


def rate(organism: Organism, kind: Search) -> float:
    (row,) = search(organism, kind)
    return row.rate


@pytest.mark.parametrize("kind", [Search.DAS, Search.BOUNDLESS])
def test_a_direction_that_carries_the_variable_is_found(kind: Search) -> None:
    assert rate(RIGHT, kind) == 0


@pytest.mark.parametrize("kind", [Search.DAS, Search.BOUNDLESS])
def test_no_direction_carries_an_exclusive_or(kind: Search) -> None:
    """The right answer flips a and keeps b. Half of the pairs differ in b alone: there the source
    holds nothing of a to take."""
    assert rate(WRONG, kind) == 0.5


def test_a_network_that_does_not_read_its_state_fails_the_control() -> None:
    blind = claimed((identity, lambda s: s @ PLACES), constant)
    # it answers 0 always; a is wanted flipped, which is 0 only for the base (1, 0)
    assert rate(replace(RIGHT, untrained=blind), Search.UNTRAINED) == 0.75


def test_a_placebo_moves_as_far_in_another_direction() -> None:
    own, other = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    along, across = torch.eye(2).split(1, dim=1)
    moved = move_as_far(
        lambda own, other: own + (other - own) @ along @ along.T, across, own, other
    )
    assert moved.tolist() == [[0.0, 3.0]]


def test_arbitrary_targets_are_not_reached() -> None:
    """Labels of two kinds at random, of a network that answers four."""
    assert rate(RIGHT, Search.ARBITRARY) > 0.4


def test_a_variable_without_informative_pairs_is_refused() -> None:
    idle = claimed((identity, lambda s: s[:, 1]))
    with pytest.raises(MechvalError, match="variable 'first' has no informative pair among 16"):
        rate(idle, Search.DAS)


@pytest.mark.parametrize("kind", [Search.DAS, Search.UNTRAINED])
def test_a_network_without_scores_is_refused(kind: Search) -> None:
    with pytest.raises(MechvalError, match=f"has no scores for {kind}"):
        rate(replace(RIGHT, scores=None), kind)
