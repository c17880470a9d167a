"""Training until the network groks and settles: the curve, the stopping rule, what is answered."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechval import tables
from mechval.modular_addition.configs import GrokkingRecipe
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.network.model import all_logits, logits_at_equals
from mechval.modular_addition.problem import ModularAddition
from mechval.training.callbacks import Measured, Watch
from mechval.training.module import LabelledInputs, Task
from mechval.training.resumable_fit import estimate_seconds, fit
from mechval.transformer import Transformer


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation, that before the first step included."""

    step: int = tables.told()
    train_loss: float = tables.number(unit="nats")
    test_loss: float = tables.number(unit="nats")
    train_accuracy: float = tables.rate()
    test_accuracy: float = tables.rate()


@dataclass(frozen=True)
class Grokking:
    """How a training went; one that ends without grokking or settling is told like any other.

    ``grokked_at_step`` is None if ``max_steps`` ended it before, ``has_settled`` (did the train
    loss settle?) if that was not asked for; ``memorised_at_step`` is the first evaluation without
    an error on the train inputs; ``steps`` are all, those since the last evaluation included.
    """

    has_grokked: bool
    grokked_at_step: int | None
    has_settled: bool | None
    memorised_at_step: int | None
    steps: int


@dataclass(frozen=True)
class PartAnswers:
    """What a network answers on one part of the inputs."""

    n: int = tables.told("N")
    wrong_count: int = tables.count("wrong")
    loss: float = tables.number(unit="nats")


@dataclass(frozen=True)
class Answers:
    """What a network answers on all inputs, and on the two parts of the split."""

    n: int = tables.told("N")
    wrong_count: int = tables.count("wrong")
    accuracy: float = tables.rate()
    train: PartAnswers = tables.told("trained on")
    test: PartAnswers = tables.told("held out")


CURVE = tables.Table("train/learning_curve.csv", CurvePoint)
GROKKING = tables.Record("train/grokking.json", Grokking)
ANSWERS = tables.Record("train/metrics.json", Answers)


def train_network(
    model: Transformer,
    problem: ModularAddition,
    recipe: GrokkingRecipe,
    *,
    split: Split,
    seed: int,
    directory: Path,
    device: torch.device,
) -> tuple[Grokking, tuple[CurvePoint, ...]]:
    """Train ``model`` in place until it is done, resuming from ``directory`` if it was killed."""
    watch = Watch(
        measure=lambda network, _: measure(problem, network, split),
        is_done=lambda measured: is_done(measured, recipe),
    )
    fitted = fit(
        model,
        recipe.full_batch(len(split.train)),
        _task(problem),
        train=labelled_inputs(problem, split.train),
        selection=labelled_inputs(problem, split.test),
        seed=seed,
        directory=directory,
        device=device,
        callbacks=(watch,),
    )
    measured: list[Any] = watch.measured
    grokked = grokked_at(measured, recipe.grokked_evaluations)
    curve = tuple(CurvePoint(**point) for point in measured)
    facts = Grokking(
        has_grokked=grokked is not None,
        grokked_at_step=grokked,
        has_settled=None if recipe.settled_within is None else is_done(measured, recipe),
        memorised_at_step=next((at.step for at in curve if at.train_accuracy == 1), None),
        steps=fitted.chosen_step,
    )
    return facts, curve


def estimate_training(
    model: Transformer,
    problem: ModularAddition,
    recipe: GrokkingRecipe,
    split: Split,
    device: torch.device,
) -> float:
    """Seconds that ``max_steps`` would take here; a network that groks stops before."""
    full_batch, train = recipe.full_batch(len(split.train)), labelled_inputs(problem, split.train)
    return estimate_seconds(model, full_batch, _task(problem), train, device)


def labelled_inputs(problem: ModularAddition, indices: Int[Tensor, " n"]) -> LabelledInputs:
    """Pairs of numbers with their answers."""
    pairs = problem.pairs(indices)
    return LabelledInputs(pairs, problem.answers(pairs))


def precise_cross_entropy(
    logits: Float[Tensor, "batch d_vocab"], answers: Int[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy in nats, with its log-softmax in float64.

    In float32 a loss below 1e-7 rounds to zero and so does its gradient: training then drifts.
    """
    return functional.cross_entropy(logits.double(), answers)


def measure(problem: ModularAddition, model: Transformer, split: Split) -> dict[str, float]:
    """``train_loss``, ``test_loss``, ``train_accuracy``, ``test_accuracy``; losses in nats."""
    logits, answers = all_logits(problem, model)
    losses = functional.cross_entropy(logits.double(), answers, reduction="none").cpu()
    correct = (logits.argmax(dim=-1) == answers).double().cpu()
    return {
        f"{name}_{quantity}": float(values[indices].mean())
        for quantity, values in (("loss", losses), ("accuracy", correct))
        for name, indices in (("train", split.train), ("test", split.test))
    }


def judge_answers(problem: ModularAddition, model: Transformer, split: Split) -> Answers:
    """Count the wrong answers on both parts of the inputs."""
    logits, answers = all_logits(problem, model)
    wrong = (logits.argmax(dim=-1) != answers).cpu()
    # In float64 a loss of 1e-8 has digits that another machine finds again.
    losses = measure(problem, copy.deepcopy(model).double(), split)
    train, test = (
        PartAnswers(len(part), int(wrong[part].sum()), losses[f"{name}_loss"])
        for name, part in (("train", split.train), ("test", split.test))
    )
    n, n_wrong = problem.n_pairs, train.wrong_count + test.wrong_count
    return Answers(n, n_wrong, 1 - n_wrong / n, train, test)


def grokked_at(measured: Sequence[Measured], evaluations: int) -> int | None:
    """The step of the first of the earliest ``evaluations`` in a row that found no error."""
    in_a_row = 0
    for index, point in enumerate(measured):
        in_a_row = in_a_row + 1 if _is_errorless(point) else 0
        if in_a_row == evaluations:
            return int(measured[index - evaluations + 1]["step"])
    return None


def is_done(measured: Sequence[Measured], recipe: GrokkingRecipe) -> bool:
    """Whether the last ``grokked_evaluations`` found no error, and in settled train losses."""
    last = measured[-recipe.grokked_evaluations :]
    if len(last) < recipe.grokked_evaluations or not all(map(_is_errorless, last)):
        return False
    losses = [point["train_loss"] for point in last]
    within = recipe.settled_within
    return within is None or max(losses) <= (1 + within) * min(losses)


def _is_errorless(point: Measured) -> bool:
    return point["train_accuracy"] == 1 and point["test_accuracy"] == 1


def _task(problem: ModularAddition) -> Task:
    # In float32 whatever the precision: the recipe asks for nothing else.
    return Task(
        lambda model, pairs, _: logits_at_equals(problem, model, pairs), loss=precise_cross_entropy
    )
