"""A training gives the same weights and the same curve, interrupted or not."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import torch

from experiments.exits import TERMINATED, exit_codes
from mechval.errors import MechvalError
from mechval.training.module import Task
from mechval.training.resumable_fit import Fit, estimate_seconds, training_dtype
from mechval.transformer import Transformer, answer_logits, named_weights, save_weights
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.training import labelled_inputs
from tests.killing import run_killed
from tests.networks import CPU, SMALL_PROBLEM, random_network, small_corpora
from tests.unit.training.tiny import RECIPE, train_tiny

KILLED_IN = {"before a checkpoint": 5, "after two checkpoints": 21}


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    model: Transformer
    fit: Fit
    directory: Path


def train(directory: Path, *, seed: int = 0) -> Trained:
    model = random_network(SMALL_PROBLEM)
    return Trained(model, train_tiny(model, directory, seed=seed), directory)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("uninterrupted"))


@pytest.fixture
def interrupt_handler() -> Iterator[None]:
    """Lightning ignores SIGINT after an interruption; the tests that follow must not."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


def interrupt() -> None:
    raise KeyboardInterrupt


def have_equal_weights(first: Transformer, second: Transformer) -> bool:
    theirs = named_weights(second)
    return all(weight.equal(theirs[name]) for name, weight in named_weights(first).items())


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Where trainings lie that were killed, by the step in which they were."""
    places = {step: tmp_path_factory.mktemp(f"killed-{step}") for step in KILLED_IN.values()}
    run_killed("tests.unit.training.tiny", places)
    return places


@pytest.mark.slow
@pytest.mark.parametrize("step", KILLED_IN.values(), ids=KILLED_IN)
def test_a_killed_training_ends_with_the_same_weights_and_curve(
    killed: dict[int, Path], uninterrupted: Trained, step: int
) -> None:
    resumed = train(killed[step])
    assert resumed.fit == uninterrupted.fit
    assert have_equal_weights(resumed.model, uninterrupted.model)


@pytest.mark.usefixtures("interrupt_handler")
def test_ctrl_c_is_a_keyboard_interrupt_and_the_training_resumes(
    tmp_path: Path, uninterrupted: Trained
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_tiny(random_network(SMALL_PROBLEM), tmp_path, stop=interrupt, stop_at=13)
    resumed = train(tmp_path)
    assert resumed.fit == uninterrupted.fit
    assert have_equal_weights(resumed.model, uninterrupted.model)


def test_sigterm_ends_a_training_with_its_own_code_and_it_resumes(
    tmp_path: Path, uninterrupted: Trained
) -> None:
    with pytest.raises(SystemExit) as leaving, exit_codes():
        train_tiny(
            random_network(SMALL_PROBLEM),
            tmp_path,
            stop=partial(signal.raise_signal, signal.SIGTERM),
            stop_at=13,
        )
    assert leaving.value.code == TERMINATED
    assert train(tmp_path).fit == uninterrupted.fit


def damage(path: Path, content: bytes | None) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)


@pytest.mark.usefixtures("interrupt_handler")
@pytest.mark.parametrize("both", [False, True], ids=["the last", "all"])
@pytest.mark.parametrize(
    "content", [b"", None, b"garbage\x80" * 99], ids=["empty", "truncated", "garbage"]
)
def test_a_damaged_checkpoint_is_set_aside_and_the_newest_whole_one_used(
    tmp_path: Path,
    uninterrupted: Trained,
    caplog: pytest.LogCaptureFixture,
    content: bytes | None,
    both: bool,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_tiny(random_network(SMALL_PROBLEM), tmp_path, stop=interrupt, stop_at=21)
    names = ("last.ckpt", "last.before.ckpt") if both else ("last.ckpt",)
    for name in names:
        damage(tmp_path / name, content)
    (tmp_path / "snapshots" / ".step-0000005.safetensors.part").write_bytes(b"half")
    resumed = train(tmp_path)
    assert resumed.fit == uninterrupted.fit
    assert have_equal_weights(resumed.model, uninterrupted.model)
    assert snapshots(resumed) == snapshots(uninterrupted)
    assert [record.message.count("is damaged and set aside") for record in caplog.records] == [
        1 for _ in names
    ]


@pytest.mark.usefixtures("interrupt_handler")
@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt"])
def test_a_training_whose_best_weights_are_lost_begins_anew(tmp_path: Path, name: str) -> None:
    recipe = RECIPE.model_copy(update={"checkpoint": "best"})
    whole = train_tiny(random_network(SMALL_PROBLEM), tmp_path / "whole", recipe=recipe)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(
            random_network(SMALL_PROBLEM), tmp_path, recipe=recipe, stop=interrupt, stop_at=21
        )
    damage(tmp_path / name, None)
    assert train_tiny(random_network(SMALL_PROBLEM), tmp_path, recipe=recipe) == whole


def test_a_snapshot_is_never_seen_half_written(
    tmp_path: Path, uninterrupted: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path)
    replace = Path.replace

    def die(path: Path, target: Path) -> Path:
        if target.name == "step-0000030.safetensors":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        save_weights(
            random_network(SMALL_PROBLEM, seed=2),
            tmp_path / "snapshots" / "step-0000030.safetensors",
        )
    monkeypatch.undo()
    again = train(tmp_path)
    assert snapshots(again) == snapshots(uninterrupted)


def test_a_loss_that_is_no_number_ends_the_training_in_words(tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"learning_rate": 1e30, "muon_learning_rate": 1e30})
    with pytest.raises(MechvalError, match=r"the loss is nan at step 8; allowed: a recipe that"):
        train_tiny(random_network(SMALL_PROBLEM), tmp_path, recipe=recipe)


def test_files_have_the_mode_that_the_umask_leaves(uninterrupted: Trained) -> None:
    mask = os.umask(0)
    os.umask(mask)
    modes = {
        path.stat().st_mode & 0o777 for path in uninterrupted.directory.rglob("*") if path.is_file()
    }
    assert modes == {0o666 & ~mask}


@pytest.mark.usefixtures("interrupt_handler")
def test_a_resumed_training_starts_at_its_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_tiny(random_network(SMALL_PROBLEM), tmp_path, stop=interrupt, stop_at=13)
    # 30 steps in all, 8 of them in the checkpoint: step 23 of the rest is never reached.
    train_tiny(random_network(SMALL_PROBLEM), tmp_path, stop=interrupt, stop_at=23)


def test_the_same_seed_gives_the_same_files(tmp_path: Path, uninterrupted: Trained) -> None:
    again = train(tmp_path)
    assert snapshots(again) == snapshots(uninterrupted)


def test_another_seed_gives_other_weights(tmp_path: Path, uninterrupted: Trained) -> None:
    assert not have_equal_weights(train(tmp_path, seed=1).model, uninterrupted.model)


def snapshots(trained: Trained) -> dict[str, bytes]:
    folder = trained.directory / "snapshots"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_snapshots_are_log_spaced_from_the_first_step_to_the_last(uninterrupted: Trained) -> None:
    steps = sorted(snapshots(uninterrupted))
    assert steps == [f"step-{step:07d}.safetensors" for step in (0, 1, 5, 30)]


def test_training_lowers_the_loss(uninterrupted: Trained) -> None:
    first, *_, last = uninterrupted.fit.curve
    assert last.train_loss < first.train_loss


def test_the_curve_has_a_point_per_evaluation(uninterrupted: Trained) -> None:
    points = [(point.step, point.examples) for point in uninterrupted.fit.curve]
    assert points == [(8, 128), (16, 256), (24, 384)]


def test_the_last_weights_are_the_ones_kept(uninterrupted: Trained) -> None:
    assert uninterrupted.fit.chosen_step == RECIPE.n_steps


def test_the_best_checkpoint_is_the_one_with_the_highest_selection_accuracy(
    tmp_path: Path,
) -> None:
    recipe = RECIPE.model_copy(update={"checkpoint": "best"})
    result = train_tiny(random_network(SMALL_PROBLEM), tmp_path, recipe=recipe)
    best = max(result.curve, key=lambda point: point.selection_accuracy)
    chosen = {point.step: point.selection_accuracy for point in result.curve}
    assert chosen[result.chosen_step] == best.selection_accuracy


def test_an_estimate_counts_the_fastest_step_and_leaves_the_network_as_it_was(
    step_seconds: float,
) -> None:
    model = random_network(SMALL_PROBLEM)
    split = small_corpora(SMALL_PROBLEM, 40).splits["training.train"]
    seconds = estimate_seconds(
        model,
        RECIPE,
        Task(answer_logits, partial(encode_formulas, SMALL_PROBLEM)),
        labelled_inputs(SMALL_PROBLEM, split),
        CPU,
    )
    assert seconds == RECIPE.n_steps * step_seconds
    assert have_equal_weights(model, random_network(SMALL_PROBLEM))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_named_precision_is_the_one_used(precision: str) -> None:
    recipe = RECIPE.model_copy(update={"precision": precision})
    assert training_dtype(recipe, CPU) == getattr(torch, precision)
