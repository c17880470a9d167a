"""Rates rise, hold and fall as the recipe says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.training.recipe import Recipe
from tests.settings import PLAIN_RECIPE, changed

# Paper section 4: batches of 10 000, 1.2 M formulas per epoch, warm-up over 10 epochs.
PUBLISHED = changed(
    PLAIN_RECIPE,
    examples=1_200_000_000,
    batch_size=10_000,
    warmup_steps=1200,
    rate_held_for_steps=120,
    evaluate_every_steps=1200,
)
STEPS_PER_EPOCH = 120
SHORT = changed(PLAIN_RECIPE, examples=100, batch_size=10, evaluate_every_steps=1)


@pytest.mark.parametrize(
    ("epoch", "factor"), [(0, 0.0), (1, 0.1), (5, 0.5), (9, 0.9), (10, 1.0), (999, 1.0)]
)
@pytest.mark.parametrize("step_of_epoch", [0, 119])
def test_the_published_rate_warms_up_over_ten_epochs_from_zero(
    epoch: int, factor: float, step_of_epoch: int
) -> None:
    step = epoch * STEPS_PER_EPOCH + step_of_epoch
    assert PUBLISHED.rate_factor(step) == pytest.approx(factor)


def decaying(n_steps: int, decay_from: float, warmup_steps: int = 0) -> Recipe:
    return changed(
        PLAIN_RECIPE,
        examples=n_steps,
        batch_size=1,
        warmup_steps=warmup_steps,
        decay_from=decay_from,
        evaluate_every_steps=1,
    )


@given(n_steps=st.integers(1, 5000), decay_from=st.floats(0, 0.99))
def test_a_decaying_rate_is_zero_at_the_end(n_steps: int, decay_from: float) -> None:
    assert decaying(n_steps, decay_from).rate_factor(n_steps) == 0


@given(n_steps=st.integers(1, 5000), decay_from=st.floats(0, 0.99))
def test_every_step_is_made_at_a_positive_rate_of_at_most_one(
    n_steps: int, decay_from: float
) -> None:
    recipe = decaying(n_steps, decay_from)
    assert all(0 < recipe.rate_factor(step) <= 1 for step in range(n_steps))


@given(n_steps=st.integers(1, 5000), decay_from=st.floats(0, 0.99))
def test_a_decaying_rate_never_rises(n_steps: int, decay_from: float) -> None:
    recipe = decaying(n_steps, decay_from)
    factors = [recipe.rate_factor(step) for step in range(n_steps + 1)]
    assert factors == sorted(factors, reverse=True)


def test_the_rate_is_full_until_the_decay_starts() -> None:
    recipe = decaying(1000, 0.78, warmup_steps=50)
    assert {recipe.rate_factor(step) for step in range(50, 781)} == {1.0}


def test_the_rate_is_half_in_the_middle_of_the_decay() -> None:
    assert decaying(1000, 0.5).rate_factor(750) == pytest.approx(0.5)


def test_neuron_decay_stops_after_its_share_of_the_run() -> None:
    recipe = changed(
        PLAIN_RECIPE,
        examples=100,
        batch_size=1,
        neuron_decay=3.0,
        neuron_decay_until=0.6,
        evaluate_every_steps=1,
    )
    assert [recipe.neuron_decay_at(step) for step in (0, 59, 60, 99)] == [3.0, 3.0, 0.0, 0.0]


def test_a_last_incomplete_batch_is_left_out() -> None:
    assert changed(PLAIN_RECIPE, examples=99, batch_size=10, evaluate_every_steps=1).n_steps == 9


def test_a_recipe_too_short_to_be_evaluated_is_refused() -> None:
    values = {**SHORT.model_dump(), "evaluate_every_steps": 11}
    with pytest.raises(MechvalError) as refusal:
        parse_config(Recipe, values, "training")
    assert "examples=100 must cover evaluate_every_steps=11 batches of batch_size=10" in str(
        refusal.value
    )


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("examples", 0, "a positive number of training examples"),
        ("batch_size", -1, "a positive number of examples per step"),
        ("optimizer", "sgd", "adamw or muon"),
        ("learning_rate", 0, "a positive number"),
        ("decay_from", 1.0, "null, or the fraction of the run after which the rate falls"),
        ("checkpoint", "first", "last, or best"),
        ("precision", "float16", "auto (bfloat16 where the device multiplies it), float32 or"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(
    key: str, value: object, allowed: str
) -> None:
    values = {**SHORT.model_dump(), key: value}
    with pytest.raises(MechvalError) as refusal:
        parse_config(Recipe, values, "training")
    assert f"training.{key}={value!r} is not allowed; allowed: {allowed}" in str(refusal.value)
