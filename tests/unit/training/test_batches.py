"""Batches are a function of the step alone, and every pass sees every example once."""

from itertools import chain, islice

import torch
from hypothesis import given
from hypothesis import strategies as st

from mechval.training.module import AnswerData, LabelledInputs, ShuffledBatches
from tests.unit.training.tiny import RECIPE

SIZES = st.integers(1, 40)
BATCH_SIZES = st.integers(1, 100)
SEEDS = st.integers(0, 2**32 - 1)


def numbered(n_examples: int) -> LabelledInputs:
    return LabelledInputs(torch.arange(n_examples), torch.arange(n_examples))


def batches(
    n_examples: int, batch_size: int, seed: int, first_step: int, n: int
) -> list[list[int]]:
    stream = ShuffledBatches(numbered(n_examples), batch_size, seed, first_step)
    return [inputs.tolist() for inputs, _ in islice(stream, n)]


@given(n_examples=SIZES, batch_size=BATCH_SIZES, seed=SEEDS)
def test_every_pass_sees_every_example_once(n_examples: int, batch_size: int, seed: int) -> None:
    n_batches = -(-3 * n_examples // batch_size)
    seen = [*chain(*batches(n_examples, batch_size, seed, 0, n_batches))]
    for first in range(0, 3 * n_examples, n_examples):
        assert sorted(seen[first : first + n_examples]) == list(range(n_examples))


@given(n_examples=SIZES, batch_size=BATCH_SIZES, seed=SEEDS)
def test_every_batch_is_full(n_examples: int, batch_size: int, seed: int) -> None:
    sizes = {len(batch) for batch in batches(n_examples, batch_size, seed, 0, 5)}
    assert sizes == {batch_size}


@given(n_examples=SIZES, batch_size=BATCH_SIZES, seed=SEEDS, step=st.integers(0, 20))
def test_a_stream_started_later_gives_the_batches_of_those_steps(
    n_examples: int, batch_size: int, seed: int, step: int
) -> None:
    whole = batches(n_examples, batch_size, seed, 0, step + 3)
    assert batches(n_examples, batch_size, seed, step, 3) == whole[step:]


def test_passes_differ_in_their_order() -> None:
    first, second, third, fourth = batches(100, 50, 0, 0, 4)
    assert first + second != third + fourth


def test_seeds_differ_in_their_order() -> None:
    assert batches(100, 50, 0, 0, 1) != batches(100, 50, 1, 0, 1)


def test_inputs_and_answers_stay_together() -> None:
    data = LabelledInputs(torch.arange(30) * 10, torch.arange(30))
    inputs, answers = next(iter(ShuffledBatches(data, 20, 0, 0)))
    assert inputs.equal(answers * 10)


def test_selection_batches_are_the_first_examples_in_their_order() -> None:
    recipe = RECIPE.model_copy(update={"evaluation_examples": 5000})
    data = AnswerData(numbered(10), numbered(6000), recipe=recipe, seed=0)
    batched = [answers for _, answers in data.val_dataloader()]
    assert torch.cat(batched).equal(torch.arange(5000))


def test_a_batch_of_all_examples_is_always_the_same_in_their_order() -> None:
    recipe = RECIPE.model_copy(update={"batch_size": 10, "examples": 1000})
    data = AnswerData(numbered(10), numbered(5), recipe=recipe, seed=0)
    batched = [answers.tolist() for _, answers in islice(data.train_dataloader(), 3)]
    assert batched == [list(range(10))] * 3
