"""Training until the network groks and settles: the recipe, the curve, and the stopping rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechval.modular_addition.configs import GrokkingRecipe
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.network.training import all_logits, logits_at_equals
from mechval.modular_addition.problem import ModularAddition
from mechval.training.batches import LabelledInputs
from mechval.training.fit import estimate_seconds, fit
from mechval.training.watch import Measured, Watch
from mechval.transformer import Transformer


@dataclass(frozen=True)
class Grokking:
    """A finished training.

    Attributes:
        curve: per evaluation, step 0 included: ``step`` and what :func:`measure` gives.
        steps: all steps, those since the last evaluation included.
        grokked_at: see :func:`grokked_at`; None if ``max_steps`` ended it before.
        has_settled: whether the train loss settled before ``max_steps``; None if not asked for.
    """

    curve: tuple[Measured, ...]
    steps: int
    grokked_at: int | None
    has_settled: bool | None


def train_network(
    model: Transformer,
    problem: ModularAddition,
    recipe: GrokkingRecipe,
    *,
    split: Split,
    seed: int,
    directory: Path,
    device: torch.device,
) -> Grokking:
    """Train ``model`` in place until it is done, resuming from ``directory`` if it was killed."""
    watch = Watch(
        measure=lambda network, where: measure(problem, network, split, where),
        is_done=lambda measured: is_done(measured, recipe),
    )
    fitted = fit(
        model,
        recipe.full_batch(len(split.train)),
        train=labelled_inputs(problem, split.train),
        selection=labelled_inputs(problem, split.test),
        encode=_as_they_are,
        answer_logits=partial(_training_logits, problem),
        seed=seed,
        directory=directory,
        device=device,
        loss=precise_cross_entropy,
        callbacks=(watch,),
    )
    measured = tuple(watch.measured)
    return Grokking(
        measured,
        fitted.chosen_step,
        grokked_at(measured, recipe.grokked_evaluations),
        None if recipe.settled_within is None else is_done(measured, recipe),
    )


def estimate_training(
    model: Transformer,
    problem: ModularAddition,
    recipe: GrokkingRecipe,
    split: Split,
    device: torch.device,
) -> float:
    """Seconds that ``max_steps`` would take here; a network that groks stops before."""
    return estimate_seconds(
        model,
        recipe.full_batch(len(split.train)),
        train=labelled_inputs(problem, split.train),
        encode=_as_they_are,
        answer_logits=partial(_training_logits, problem),
        device=device,
        loss=precise_cross_entropy,
    )


def labelled_inputs(problem: ModularAddition, indices: Int[np.ndarray, " n"]) -> LabelledInputs:
    """Pairs of numbers with their answers."""
    pairs = problem.pairs(torch.from_numpy(indices))
    return LabelledInputs(pairs, problem.answers(pairs))


def precise_cross_entropy(
    logits: Float[Tensor, "batch d_vocab"], answers: Int[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy in nats, with its log-softmax in float64.

    In float32 a loss below 1e-7 rounds to zero and so does its gradient: training then drifts.
    """
    return functional.cross_entropy(logits.double(), answers)


def measure(
    problem: ModularAddition, model: Transformer, split: Split, device: torch.device
) -> dict[str, float]:
    """``train_loss``, ``test_loss``, ``train_accuracy``, ``test_accuracy``; losses in nats."""
    logits, answers = all_logits(problem, model, device)
    losses = functional.cross_entropy(logits.double(), answers, reduction="none").cpu()
    correct = (logits.argmax(dim=-1) == answers).double().cpu()
    return {
        f"{name}_{quantity}": float(values[torch.from_numpy(indices)].mean())
        for quantity, values in (("loss", losses), ("accuracy", correct))
        for name, indices in (("train", split.train), ("test", split.test))
    }


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


def _training_logits(
    problem: ModularAddition, model: Transformer, pairs: Tensor, dtype: torch.dtype
) -> Float[Tensor, "batch d_vocab"]:
    """In float32 whatever ``dtype``: the recipe asks for nothing else."""
    return logits_at_equals(problem, model, pairs)


def _as_they_are(inputs: Tensor) -> Tensor:
    return inputs
