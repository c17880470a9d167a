"""Descend a loss that is a function of weights and step, resuming where a killed run stopped."""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, IterableDataset

from mechval.progress import stream
from mechval.training.callbacks import StepProgress, require_finite
from mechval.training.recipe import Descent
from mechval.training.resumable_fit import make_trainer, run_trainer
from mechval.transformer import Transformer

Row = TypeVar("Row")
_STEPS_PER_SEED = 1 << 24
_TIMED_STEPS = 4


class Loss:
    """What is descended."""

    def __call__(self, model: Transformer, step: int, generator: torch.Generator) -> Tensor:
        """The loss at a step (0-based); all randomness from the generator, on the model's device,
        which is a function of seed and step."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """What a step leaves behind besides the weights; part of a checkpoint."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go back to a state."""


class Curve(Callback, Generic[Row]):
    """Collects and streams a row every ``measure_every_steps`` and after the last step, each with
    a checkpoint.

    Args:
        row: the class of a row, a dataclass of plain values.
        measure: the row of a step, from the mean loss since the last row and the learning rate.
    """

    def __init__(self, row: type[Row], measure: Callable[[int, float, float], Row]) -> None:
        self.rows: list[Row] = []
        self._losses: list[Tensor] = []
        self._row = row
        self._measure = measure

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, *batch: Any, **more: Any
    ) -> None:
        self._losses.append(outputs["loss"].detach())
        step, config = trainer.global_step, pl_module.config
        if step % config.measure_every_steps and step != config.steps:
            return
        loss = float(torch.stack(self._losses).double().mean())
        require_finite(loss, step)
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        self.rows.append(self._measure(step, loss, rate))
        stream(pl_module.last.parent.name, asdict(self.rows[-1]))  # type: ignore[call-overload]
        self._losses.clear()
        trainer.save_checkpoint(pl_module.last, weights_only=False)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": [asdict(row) for row in self.rows]}  # type: ignore[call-overload]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = [self._row(**row) for row in state_dict["rows"]]


def descend(
    model: Transformer,
    loss: Loss,
    config: Descent,
    curve: Curve[Row],
    *,
    seed: int,
    directory: Path,
    device: torch.device,
) -> list[Row]:
    """Train ``model`` in place; the rows of the curve. ``directory`` holds the checkpoint that is
    written with each row: a run killed there resumes at the exact step. Raises MechvalError if the
    loss is no number any more."""
    last = directory / "last.ckpt"
    trainer = make_trainer(
        device,
        directory,
        config.steps,
        [curve, StepProgress(directory.name, config.steps)],
        gradient_clip_val=config.gradient_norm,
        # Where a CUDA kernel has no deterministic variant, the run goes on with the one there is.
        deterministic="warn" if device.type == "cuda" else None,
        enable_checkpointing=False,
    )
    run_trainer(trainer, _Descending(model, loss, config, seed, last), last)
    model.to(device)
    return curve.rows


def estimate_descent(model: Transformer, loss: Loss, config: Descent, seed: int) -> float:
    """Seconds that :func:`descend` would take, from a few timed steps on copies.

    The steps are in the middle, in a row and the fastest of two rounds: losses may change along
    the way and from step to step, and other work on the machine only slows steps down.
    """
    copied, kept = copy.deepcopy(model), copy.deepcopy(loss)
    first = config.steps // 2

    def step(number: int) -> float:
        started = time.perf_counter()
        generator = torch.Generator(copied.W_E.device).manual_seed(seed * _STEPS_PER_SEED + number)
        value = kept(copied, number, generator)
        value.backward()
        copied.zero_grad()
        value.item()
        return time.perf_counter() - started

    rounds = [[step(first + k) for k in range(_TIMED_STEPS)] for _ in range(2)]
    return min(map(sum, rounds)) / _TIMED_STEPS * config.steps


class _Steps(IterableDataset[int]):
    """Nothing, endlessly: a step draws what it needs itself."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 0


class _Descending(lightning.LightningModule):
    def __init__(self, model: Transformer, loss: Loss, config: Descent, seed: int, last: Path):
        super().__init__()
        self.model = model
        self.loss = loss
        self.config = config
        self.seed = seed
        self.last = last

    def train_dataloader(self) -> DataLoader[int]:
        return DataLoader(_Steps(), batch_size=None)

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        generator = torch.Generator(self.model.W_E.device)
        generator.manual_seed(self.seed * _STEPS_PER_SEED + self.global_step)
        return self.loss(self.model, self.global_step, generator)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        config, weights = self.config, self.model.parameters()
        optimizer = torch.optim.AdamW(
            weights, lr=config.learning_rate, betas=config.betas, weight_decay=0.0
        )
        schedule = LambdaLR(optimizer, lambda step: config.rate_factor(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["loss"] = self.loss.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.loss.restore(checkpoint["loss"])
