"""Fit a model by a recipe with Lightning, resuming from where a killed run stopped."""

import copy
import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from mechval.training.callbacks import CurvePoint, LearningCurve, Snapshots, StepProgress
from mechval.training.checkpoints import WholeCheckpoints, is_whole, newest_whole, set_aside
from mechval.training.module import AnswerData, AnswerTraining, LabelledInputs, Task
from mechval.training.optimizers import make_optimizer
from mechval.training.recipe import Recipe
from mechval.transformer import Transformer

LAST, BEST = "last", "best"
_TIMED_STEPS = 5


@dataclass(frozen=True)
class Fit:
    """A finished run: the model holds the chosen weights; the curve is complete."""

    curve: tuple[CurvePoint, ...]
    chosen_step: int


def fit(
    model: Transformer,
    recipe: Recipe,
    task: Task,
    *,
    train: LabelledInputs,
    selection: LabelledInputs,
    seed: int,
    directory: Path,
    device: torch.device,
    callbacks: Sequence[Callback] = (),
) -> Fit:
    """Train ``model`` in place; a run killed in ``directory`` resumes at the exact step.

    Checkpoints and ``snapshots/`` go there. A callback that sets ``trainer.should_stop`` ends it.
    Raises MechvalError if the loss is no number any more.
    """
    _sweep(directory, recipe)
    lightning.seed_everything(seed, workers=True, verbose=False)
    module = AnswerTraining(model, recipe, task, training_dtype(recipe, device))
    data = AnswerData(train, selection, recipe=recipe, seed=seed)
    curve, checkpoints = LearningCurve(directory.name), _checkpoints(recipe, directory)
    snapshots = Snapshots(directory / "snapshots", recipe.n_snapshots, recipe.n_steps)
    progress = StepProgress(directory.name, recipe.n_steps)
    recorded = [curve, snapshots, progress, *callbacks, *checkpoints]
    trainer = make_trainer(
        device,
        directory,
        recipe.n_steps,
        recorded,
        val_check_interval=recipe.evaluate_every_steps,
        check_val_every_n_epoch=None,
        # CPU kernels are deterministic as they are; asking for it there only costs time.
        deterministic=device.type == "cuda",
    )
    run_trainer(trainer, module, directory / f"{LAST}.ckpt", data)
    return Fit(tuple(curve.points), _choose(model, recipe, checkpoints, trainer.global_step))


def estimate_seconds(
    model: Transformer, recipe: Recipe, task: Task, train: LabelledInputs, device: torch.device
) -> float:
    """How long :func:`fit` would take, from a few timed steps on a copy of the model."""
    copied = copy.deepcopy(model).to(device)
    module = AnswerTraining(copied, recipe, task, training_dtype(recipe, device))
    optimizer = make_optimizer(module.model, recipe)
    rows = slice(0, recipe.batch_size)
    batch = train.inputs[rows].to(device), train.answers[rows].to(device)

    def step() -> float:
        started = time.perf_counter()
        loss = module.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        return time.perf_counter() - started

    # The fastest: the first step warms up, and other work on the machine only slows steps down.
    return min(step() for _ in range(_TIMED_STEPS)) * recipe.n_steps


def training_dtype(recipe: Recipe, device: torch.device) -> torch.dtype:
    """Precision of the large products: bfloat16 only where the hardware multiplies it."""
    if recipe.precision != "auto":
        return getattr(torch, recipe.precision)
    if device.type == "cuda":
        multiplies = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        multiplies = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if multiplies else torch.float32


def _sweep(directory: Path, recipe: Recipe) -> None:
    """Remove what a kill left half-written, and begin anew where the best weights are lost."""
    for leftover in directory.rglob(".*.part"):
        leftover.unlink()
    last, best = directory / f"{LAST}.ckpt", directory / f"{BEST}.ckpt"
    if recipe.checkpoint == "best" and last.exists() and not is_whole(best):
        set_aside(last)


def _checkpoints(recipe: Recipe, directory: Path) -> list[ModelCheckpoint]:
    # After the evaluation, so that a resumed run has its point of the curve.
    last = ModelCheckpoint(
        directory, LAST, save_on_train_epoch_end=False, enable_version_counter=False
    )
    if recipe.checkpoint == "last":
        return [last]
    best = ModelCheckpoint(
        directory,
        BEST,
        monitor="selection_accuracy",
        mode="max",
        save_weights_only=True,
        enable_version_counter=False,
    )
    # The best first: where there is a last checkpoint, there are the best weights so far.
    return [best, last]


def make_trainer(
    device: torch.device, directory: Path, n_steps: int, callbacks: list[Callback], **more: Any
) -> lightning.Trainer:
    """A trainer that counts steps alone, says nothing and tracks nothing."""
    # Lightning tells about hardware and products at every start.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        max_steps=n_steps,
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        default_root_dir=directory,
        callbacks=callbacks,
        plugins=[WholeCheckpoints()],
        **more,
    )


def run_trainer(
    trainer: lightning.Trainer,
    module: lightning.LightningModule,
    last: Path,
    data: lightning.LightningDataModule | None = None,
) -> None:
    """Train to the end, from the newest whole checkpoint of ``last`` if there is one."""
    newest = newest_whole(last)
    try:
        with warnings.catch_warnings():
            # Batches are slices of tensors on the device: worker processes would slow them down.
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            warnings.filterwarnings("ignore", ".*exists and is not empty.*")
            # Lightning 2.6 with torch 2.13.
            warnings.filterwarnings("ignore", ".*LeafSpec.*")
            path = None if newest is None else str(newest)
            trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
    except SystemExit:
        # Lightning turns Ctrl-C into an exit; the caller decides how to leave.
        raise KeyboardInterrupt from None


def _choose(
    model: Transformer, recipe: Recipe, checkpoints: list[ModelCheckpoint], last_step: int
) -> int:
    """Put the weights that the recipe's checkpoint rule picks into ``model``; return their step."""
    if recipe.checkpoint == "last":
        return last_step
    state = torch.load(checkpoints[0].best_model_path, map_location="cpu", weights_only=True)
    weights = {name.removeprefix("model."): value for name, value in state["state_dict"].items()}
    model.load_state_dict(weights)
    return int(state["global_step"])
