"""Ready-made equivalences, and the constant outputs that each is held against."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mechval import axioms as mv
from mechval.axioms import equivalences
from mechval.axioms.baselines import CONSTANT, PER_POSITION, differs_from
from mechval.errors import MechvalError

EVEN, SURE = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])


def agrees(equivalence: mv.Equivalence, first: Tensor, second: Tensor) -> list[bool]:
    return (equivalence.distance(first, second) <= equivalence.tolerance).tolist()


def test_sequences_agree_up_to_so_many_positions() -> None:
    first, second = torch.zeros(3, 4), torch.tensor([[0.0] * 4, [1, 0, 0, 0], [1, 1, 0, 0]])
    assert agrees(mv.sequences(4), first, second) == [True, False, False]
    assert agrees(mv.sequences(4, tolerance=1), first, second) == [True, True, False]


def test_numbers_agree_within_the_tolerance_in_every_entry() -> None:
    first, second = torch.zeros(3, 2), torch.tensor([[0.1, -0.1], [0.1, 0.3], [0.0, -0.3]])
    assert agrees(mv.numbers_within(0.2), first, second) == [True, False, False]


def test_logits_agree_whatever_is_added_to_all_of_them() -> None:
    first = torch.tensor([[0.0, 1.0, 2.0]])
    assert agrees(mv.logits_within(0.01), first, first + 5) == [True]
    assert agrees(mv.logits_within(0.01), first, torch.tensor([[0.0, 1.0, 2.1]])) == [False]


def test_distances_of_distributions_are_the_known_ones() -> None:
    assert equivalences.total_variation(EVEN, SURE).item() == 0.5
    assert equivalences.kl_divergence(SURE, EVEN).item() == pytest.approx(math.log(2))
    assert equivalences.kl_divergence(EVEN, EVEN).item() == 0
    assert equivalences.kl_divergence(EVEN, SURE).isfinite()
    both = torch.stack([EVEN[0], SURE[0]])[None]
    assert equivalences.total_variation(both, both.flip(1)).tolist() == [0.5]


@pytest.mark.parametrize("distance", [equivalences.total_variation, equivalences.kl_divergence])
@pytest.mark.parametrize("logits", [[[2.0, 1.0]], [[-0.5, 1.5]]])
def test_logits_are_no_distribution(
    distance: Callable[..., Tensor], logits: list[list[float]]
) -> None:
    with pytest.raises(MechvalError, match="the network's state is no distribution"):
        distance(torch.tensor(logits), EVEN)


def test_states_of_different_shapes_are_refused() -> None:
    with pytest.raises(MechvalError, match=r"shape \(1, 2\) and the program's \(1, 3\)"):
        equivalences.largest_difference(torch.zeros(1, 2), torch.zeros(1, 3))


def test_the_best_constant_is_the_best_under_the_claims_own_equivalence() -> None:
    numbers = torch.tensor([0.0, 0.9, 1.8, 9.0, 9.0])
    rough = mv.best_constant_outputs(numbers, mv.numbers_within(1))[CONSTANT]
    exact = mv.best_constant_outputs(numbers, mv.numbers_within(0))[CONSTANT]
    assert rough.item() == pytest.approx(0.9)
    assert exact.item() == 9


def test_a_constant_per_position_may_be_better_than_every_output() -> None:
    rows = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    found = mv.best_constant_outputs(rows, mv.sequences(3, tolerance=1))
    n_wrong = {
        name: int(differs_from(constant, rows, mv.sequences(3, tolerance=1)).sum())
        for name, constant in found.items()
    }
    assert found[PER_POSITION].tolist() == [0, 0, 0]
    assert n_wrong == {CONSTANT: 2, PER_POSITION: 0}


def test_constants_of_distributions_are_distributions() -> None:
    outputs = torch.rand(50, 4, generator=torch.Generator().manual_seed(0)).softmax(-1)
    for constant in mv.best_constant_outputs(outputs, mv.total_variation_within(0.1)).values():
        assert constant.sum().item() == pytest.approx(1)


def test_outputs_that_the_equivalence_refuses_have_no_constant() -> None:
    with pytest.raises(MechvalError, match="takes none of the network's outputs"):
        mv.best_constant_outputs(torch.full((3, 2), 2.0), mv.kl_within(0.1))


def linear(numbers: Tensor) -> Tensor:
    return torch.stack([numbers, -numbers], dim=1).double()


def nearly_linear(numbers: Tensor) -> Tensor:
    return linear(numbers) + 0.25 * (numbers % 10 == 0)[:, None]


def claim(last: mv.Equivalence, read: mv.Map = mv.identity) -> mv.Interpretation:
    return mv.Interpretation(
        name="numbers",
        components=("all",),
        concrete=(lambda numbers: read(linear(numbers)),),
        abstract=(lambda numbers: read(nearly_linear(numbers)),),
        alphas=(mv.identity,) * 2,
        gammas=(mv.identity,) * 2,
        equivalences=(mv.exact_labels, last),
    )


def softmax(logits: Tensor) -> Tensor:
    return (logits / 50).softmax(-1)


@pytest.mark.parametrize(
    ("last", "read", "n_wrong"),
    [
        (mv.numbers_within(0.2), mv.identity, 10),
        (mv.numbers_within(0.3), mv.identity, 0),
        (mv.logits_within(0.2), mv.identity, 0),
        (mv.total_variation_within(0.01), softmax, 0),
        (mv.kl_within(0.01), softmax, 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_graded_outputs_go_through_the_suite(
    last: mv.Equivalence, read: mv.Map, n_wrong: int
) -> None:
    report = mv.enumerate_axioms(claim(last, read), torch.arange(100), domain_size=100)
    assert report.cells[0].disagreements == n_wrong
    assert report.cells[0].equivalence == last.name
    assert report.constant.label is None
    assert report.constant.rate > 0.2


def test_exact_labels_still_take_integers_only() -> None:
    with pytest.raises(
        MechvalError, match=r"labels are torch\.float64; allowed: an integer tensor"
    ):
        mv.enumerate_axioms(claim(mv.exact_labels), torch.arange(9), domain_size=9)
