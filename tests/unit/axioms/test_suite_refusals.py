"""What the suite refuses: pairs, batches, mixtures and distances that would give a wrong number."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mechval.axioms import Batch, Equivalence, Interpretation, evaluate_axioms
from mechval.axioms.base import Map
from mechval.errors import MechvalError
from tests.unit.axioms import toy


def evaluate(interpretations: list[Interpretation]) -> None:
    evaluate_axioms(
        interpretations,
        toy.make_batches(),
        strata_names=("low", "high"),
        mixtures={},
        confidence=0.95,
        constant_label=1,
    )


def test_other_concrete_components_are_refused() -> None:
    other = toy.with_map(toy.make_toy("other"), "concrete", 0, lambda number: toy.parse(number))
    with pytest.raises(MechvalError, match="'other' has other concrete components than 'toy'"):
        evaluate([toy.make_toy(), other])


def test_equal_interpretation_names_are_refused() -> None:
    with pytest.raises(MechvalError, match="names that are all different"):
        evaluate([toy.make_toy(), toy.make_toy()])


def test_no_interpretation_is_refused() -> None:
    with pytest.raises(MechvalError, match="interpretations is empty"):
        evaluate([])


@pytest.mark.parametrize("undefined", [math.nan, math.inf, -1.0])
def test_an_undefined_distance_is_refused_and_never_counts_as_agreement(undefined: float) -> None:
    def distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return torch.where(torch.arange(len(first)) == 3, undefined, 0.0)

    broken = Equivalence("broken", distance, tolerance=5)
    interpretation = toy.with_map(toy.make_toy(), "equivalences", 2, broken)
    with pytest.raises(MechvalError, match=r"prefix equivalence/evaluate is .* for 1 samples"):
        toy.evaluate_toy(interpretation)


def test_a_distance_for_the_whole_batch_is_refused() -> None:
    broken = Equivalence("broken", lambda first, second: (first != second).sum())
    interpretation = toy.with_map(toy.make_toy(), "equivalences", 1, broken)
    with pytest.raises(MechvalError, match=r"parse has shape \(\); allowed: \(200,\)"):
        toy.evaluate_toy(interpretation)


def float_labels(state: torch.Tensor) -> torch.Tensor:
    return state[:, 1].float()


def two_columns(state: torch.Tensor) -> torch.Tensor:
    return state


@pytest.mark.parametrize(
    ("output", "message"),
    [(float_labels, "labels are torch.float32"), (two_columns, r"shape \(200, 2\)")],
)
def test_labels_that_are_not_one_integer_per_sample_are_refused(output: Map, message: str) -> None:
    interpretation = toy.with_map(toy.make_toy(), "concrete", 2, output)
    with pytest.raises(MechvalError, match=message):
        toy.evaluate_toy(interpretation)


def test_no_batches_are_refused() -> None:
    with pytest.raises(MechvalError, match="batches is empty"):
        toy.evaluate_toy(toy.make_toy(), [])


def test_batches_without_samples_are_refused() -> None:
    empty = toy.make_batches(inputs=torch.arange(0))
    with pytest.raises(MechvalError, match="0 samples"):
        toy.evaluate_toy(toy.make_toy(), empty)


def test_a_stratum_without_samples_is_refused() -> None:
    batches = toy.make_batches(inputs=torch.arange(50))
    with pytest.raises(MechvalError, match="stratum 'high' has 0 samples"):
        toy.evaluate_toy(toy.make_toy(), batches)


@pytest.mark.parametrize("index", [-1, 2])
def test_an_unknown_stratum_is_refused(index: int) -> None:
    batch = Batch(torch.arange(3), torch.tensor([0, 1, index]))
    with pytest.raises(MechvalError, match=r"allowed: 0 to 1"):
        toy.evaluate_toy(toy.make_toy(), [batch])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"low": 0.5, "high": 0.6}, "sum to 1"),
        ({"low": 1.5, "high": -0.5}, "at least 0"),
        ({"low": math.nan, "high": 1.0}, "at least 0"),
        ({"low": 1.0}, "exactly the strata"),
        ({"low": 0.5, "high": 0.5, "other": 0.0}, "exactly the strata"),
    ],
)
def test_a_mixture_that_is_none_is_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(MechvalError, match=message):
        toy.evaluate_toy(toy.make_toy(), mixtures={"natural": weights})


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_a_confidence_outside_zero_and_one_is_refused(confidence: float) -> None:
    with pytest.raises(MechvalError, match="strictly between 0 and 1"):
        toy.evaluate_toy(toy.make_toy(), confidence=confidence)


def test_repeated_strata_names_are_refused() -> None:
    with pytest.raises(MechvalError, match="strata_names"):
        evaluate_axioms(
            [toy.make_toy()],
            toy.make_batches(),
            strata_names=("same", "same"),
            mixtures={},
            confidence=0.95,
            constant_label=1,
        )


def test_a_constant_that_the_network_never_answers_is_refused() -> None:
    with pytest.raises(MechvalError, match=r"constant_label=7 is never .* from 0 to 1"):
        toy.evaluate_toy(toy.make_toy(), constant_label=7)


@pytest.mark.parametrize(
    "strata",
    [[0, 1, 0], torch.zeros(3), torch.zeros(3, dtype=torch.bool), torch.zeros(3, 1).long()],
    ids=["list", "float", "bool", "shape"],
)
def test_strata_that_are_no_indices_are_refused(strata: Any) -> None:
    # Under test, jaxtyping refuses them before the class itself does.
    check: Any = Batch.__post_init__
    with pytest.raises(MechvalError, match=r"strata=.* allowed: an integer tensor"):
        check(SimpleNamespace(strata=strata))
