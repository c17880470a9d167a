"""The training: its loss, when it stops, what it keeps, and that killing it changes nothing."""

import math
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.modular_addition.configs import GrokkingRecipe
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.network.training import (
    CurvePoint,
    Grokking,
    estimate_training,
    grokked_at,
    is_done,
    measure,
    precise_cross_entropy,
)
from mechval.transformer import Transformer, load_weights, named_weights
from tests.killing import run_killed
from tests.unit.modular_addition.tiny import (
    CPU,
    PROBLEM,
    RECIPE,
    tiny_network,
    tiny_split,
    train_tiny,
)

KILLED_IN = {"before a checkpoint": 5, "after two checkpoints": 21}
EASY = RECIPE.model_copy(update={"max_steps": 1000})
# Everything is trained on, so memorising is enough.
EVERYTHING = Split(train=torch.arange(PROBLEM.n_pairs), test=torch.arange(5))


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    model: Transformer
    found: Grokking
    curve: tuple[CurvePoint, ...]
    directory: Path


def trained(
    directory: Path, recipe: GrokkingRecipe = RECIPE, split: Split | None = None
) -> Trained:
    model = tiny_network()
    found, curve = train_tiny(model, directory, recipe, split or tiny_split())
    return Trained(model, found, curve, directory)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Ends at ``max_steps``."""
    return trained(tmp_path_factory.mktemp("short"))


@pytest.fixture(scope="module")
def grokked(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Ends because no input is answered wrongly any more."""
    return trained(tmp_path_factory.mktemp("grokked"), EASY, EVERYTHING)


def have_equal_weights(first: Transformer, second: Transformer) -> bool:
    theirs = named_weights(second)
    return all(weight.equal(theirs[name]) for name, weight in named_weights(first).items())


def points(*accuracies: float, train_accuracy: float = 1.0) -> list[dict[str, int | float]]:
    return [
        {"step": 10 * i, "train_accuracy": train_accuracy, "test_accuracy": accuracy}
        for i, accuracy in enumerate(accuracies)
    ]


def with_losses(*losses: float, test_accuracy: float = 1.0) -> list[dict[str, int | float]]:
    measured = points(*(test_accuracy for _ in losses))
    return [{**point, "train_loss": loss} for point, loss in zip(measured, losses, strict=True)]


def test_small_losses_keep_their_value_and_their_gradient() -> None:
    logits = torch.tensor([[40.0, 0.0, 0.0]], requires_grad=True)
    loss = precise_cross_entropy(logits, torch.tensor([0]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2 * math.exp(-40))
    assert logits.grad is not None
    assert float(logits.grad[0, 1]) == pytest.approx(math.exp(-40))


def test_the_first_point_is_that_of_the_untrained_network(short: Trained) -> None:
    expected = measure(PROBLEM, tiny_network(), tiny_split())
    assert short.curve[0] == CurvePoint(step=0, **expected)


def test_the_curve_has_a_point_per_evaluation(short: Trained) -> None:
    assert [point.step for point in short.curve] == [0, 8, 16, 24, 32, 40, 48, 56]


def test_a_training_that_does_not_grok_says_so(short: Trained) -> None:
    assert short.curve[-1].test_accuracy < 1
    assert not short.found.has_grokked
    assert short.found.grokked_at_step is None


def test_training_stops_at_the_last_of_the_errorless_evaluations(grokked: Trained) -> None:
    before, first, second = grokked.curve[-3:]
    assert before.train_accuracy < 1
    assert first.train_accuracy == second.train_accuracy == 1
    assert grokked.found.grokked_at_step == first.step
    assert grokked.found.steps == second.step < EASY.max_steps
    assert measure(PROBLEM, grokked.model, EVERYTHING)["test_accuracy"] == 1


def test_the_last_snapshot_holds_the_final_weights(grokked: Trained) -> None:
    snapshots = sorted((grokked.directory / "snapshots").iterdir())
    assert snapshots[0].stem == "step-0000000"
    assert snapshots[-1].stem == f"step-{grokked.found.steps:07d}"
    last = tiny_network(seed=1)
    load_weights(last, snapshots[-1])
    assert have_equal_weights(last, grokked.model)


def test_a_grokked_training_started_again_trains_no_further(grokked: Trained) -> None:
    again = trained(grokked.directory, EASY, EVERYTHING)
    assert (again.found, again.curve) == (grokked.found, grokked.curve)
    assert have_equal_weights(again.model, grokked.model)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Where trainings lie that were killed, by the step in which they were."""
    places = {step: tmp_path_factory.mktemp(f"killed-{step}") for step in KILLED_IN.values()}
    run_killed("tests.unit.modular_addition.tiny", places)
    return places


@pytest.mark.slow
@pytest.mark.parametrize("step", KILLED_IN.values(), ids=KILLED_IN)
def test_a_killed_training_ends_with_the_same_weights_and_curve(
    killed: dict[int, Path], short: Trained, step: int
) -> None:
    resumed = trained(killed[step])
    assert (resumed.found, resumed.curve) == (short.found, short.curve)
    assert have_equal_weights(resumed.model, short.model)


def test_every_weight_is_trained(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"max_steps": 8, "warmup_steps": 1, "weight_decay": 0.0})
    model = trained(tmp_path, recipe).model
    before = named_weights(tiny_network())
    assert not any(weight.equal(before[name]) for name, weight in named_weights(model).items())


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ((0.5, 1.0, 1.0, 1.0), 10),
        ((1.0, 1.0, 0.99, 1.0, 1.0), None),
        ((1.0, 1.0), None),
        ((0.5, 0.6, 0.7), None),
        ((0.5, 1.0, 1.0, 1.0, 1.0, 0.9, 1.0), 10),
    ],
    ids=["three in a row", "interrupted", "too few", "never", "trained on after it"],
)
def test_only_consecutive_errorless_evaluations_count(
    accuracies: tuple[float, ...], expected: int | None
) -> None:
    assert grokked_at(points(*accuracies), 3) == expected


def test_an_error_on_the_train_inputs_counts_too() -> None:
    assert grokked_at(points(1.0, train_accuracy=0.99), 1) is None


@pytest.mark.parametrize(
    ("losses", "test_accuracy", "expected"),
    [
        ((9.0, 1.0, 1.05), 1.0, True),
        ((9.0, 1.0, 0.9), 1.0, False),
        ((9.0, 0.9, 1.0), 1.0, False),
        ((1.0,), 1.0, False),
        ((1.0, 1.0, 1.0), 0.99, False),
    ],
    ids=["settled", "still falling", "rising", "too few", "settled with errors"],
)
def test_a_settled_training_has_grokked_and_its_train_loss_stands(
    losses: tuple[float, ...], test_accuracy: float, expected: bool
) -> None:
    recipe = RECIPE.model_copy(update={"settled_within": 0.1})
    assert is_done(with_losses(*losses, test_accuracy=test_accuracy), recipe) is expected


def test_without_that_rule_a_grokked_training_is_done_at_once() -> None:
    assert is_done(with_losses(9.0, 1.0, 0.1), RECIPE)


def test_a_training_asked_to_settle_goes_on_and_says_when_it_did_not(
    tmp_path: Path, grokked: Trained
) -> None:
    steps = grokked.found.steps + 2 * EASY.evaluate_every_steps
    recipe = EASY.model_copy(update={"settled_within": 1e-9, "max_steps": steps})
    found = trained(tmp_path, recipe, EVERYTHING).found
    assert found.grokked_at_step == grokked.found.grokked_at_step
    assert found.steps == steps
    assert (found.has_settled, grokked.found.has_settled) == (False, None)


def test_the_estimate_is_for_all_steps(step_seconds: float) -> None:
    long = RECIPE.model_copy(update={"max_steps": RECIPE.max_steps * 1000})
    seconds = estimate_training(tiny_network(), PROBLEM, long, tiny_split(), CPU)
    assert seconds == long.max_steps * step_seconds


@pytest.mark.parametrize(
    ("key", "value"),
    [("max_steps", 0), ("grokked_evaluations", 0), ("learning_rate", 0), ("settled_within", 0)],
)
def test_a_wrong_recipe_is_refused(key: str, value: object) -> None:
    with pytest.raises(MechvalError, match=rf"training\.{key}=.*allowed: "):
        parse_config(GrokkingRecipe, {**RECIPE.model_dump(), key: value}, "training")


def test_a_run_too_short_to_be_evaluated_is_refused() -> None:
    values = {**RECIPE.model_dump(), "max_steps": 7}
    with pytest.raises(MechvalError, match=r"max_steps=7 .* evaluate_every_steps=8"):
        parse_config(GrokkingRecipe, values, "training")
