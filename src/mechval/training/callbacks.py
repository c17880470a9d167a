"""What is recorded while training: curves, a study's own measurements, weight snapshots."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from mechval.axioms.progress import Snapshot
from mechval.errors import MechvalError
from mechval.progress import progress_bar, stream
from mechval.training.module import AnswerTraining
from mechval.transformer import Transformer, save_weights

Measure = Callable[[Transformer, torch.device], Mapping[str, float]]
Measured = Mapping[str, int | float]


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation: examples seen, mean training loss since the last one, selection metrics."""

    step: int
    examples: int
    train_loss: float
    selection_loss: float
    selection_accuracy: float
    learning_rate: float


class LearningCurve(Callback):
    """Collects and streams a :class:`CurvePoint` per evaluation; survives a resume."""

    def __init__(self, series: str) -> None:
        self.series = series
        self.points: list[CurvePoint] = []
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any, **more: Any
    ) -> None:
        self._losses.append(outputs["loss"].detach())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or not isinstance(pl_module, AnswerTraining):
            return
        metrics, step = trainer.callback_metrics, trainer.global_step
        point = CurvePoint(
            step=step,
            examples=step * pl_module.recipe.batch_size,
            train_loss=sum(map(float, self._losses)) / len(self._losses),
            selection_loss=float(metrics["selection_loss"]),
            selection_accuracy=float(metrics["selection_accuracy"]),
            learning_rate=float(trainer.optimizers[0].param_groups[-1]["lr"]),
        )
        require_finite(point.train_loss + point.selection_loss, step)
        self.points.append(point)
        stream(self.series, asdict(point))
        self._losses.clear()

    def state_dict(self) -> dict[str, Any]:
        return {
            "points": [asdict(point) for point in self.points],
            "losses": [float(loss) for loss in self._losses],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.points = [CurvePoint(**point) for point in state_dict["points"]]
        self._losses = [Tensor([loss])[0] for loss in state_dict["losses"]]


def require_finite(loss: float, step: int) -> None:
    """Raise MechvalError where a training has lost its way: nothing after it means anything."""
    if not math.isfinite(loss):
        raise MechvalError(
            f"the loss is {loss} at step {step}; allowed: a recipe that keeps it finite, such as "
            "one with a smaller learning_rate."
        )


class Watch(Callback):
    """Measures the network before training and at every evaluation; survives a resume.

    ``is_done`` says of all measurements so far, oldest first, each with its ``step``, whether the
    training shall end.
    """

    def __init__(self, measure: Measure, is_done: Callable[[Sequence[Measured]], bool]):
        self.measure, self.is_done = measure, is_done
        self.measured: list[Measured] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.measured:
            self._add(trainer, pl_module)
        # A resumed training that was done stops at once.
        trainer.should_stop = self.is_done(self.measured)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._add(trainer, pl_module)
        trainer.should_stop = self.is_done(self.measured)

    def state_dict(self) -> dict[str, Any]:
        return {"measured": [dict(point) for point in self.measured]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.measured = list(state_dict["measured"])

    def _add(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, AnswerTraining)
        found = self.measure(pl_module.model, pl_module.device)
        self.measured.append({"step": trainer.global_step, **found})


class StepProgress(Callback):
    """A bar over all steps of the run, with the time left and the latest selection accuracy.
    Lightning's own bar counts an epoch, and a stream of batches has none."""

    def __init__(self, description: str, n_steps: int) -> None:
        self._bar = progress_bar(None, description, total=n_steps)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any, **more: Any
    ) -> None:
        self._bar.update(trainer.global_step - self._bar.n)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        accuracy = float(trainer.callback_metrics["selection_accuracy"])
        self._bar.set_postfix(selection_accuracy=f"{accuracy:.4f}", refresh=False)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._bar.close()


class Snapshots(Callback):
    """Saves the weights at log-spaced steps, the first and the last included."""

    def __init__(self, directory: Path, n_snapshots: int, n_steps: int) -> None:
        self.directory = directory
        self.steps = set(snapshot_steps(n_snapshots, n_steps))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any, **more: Any
    ) -> None:
        self._save(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that stops early has its last weights here only.
        self.steps.add(trainer.global_step)
        self._save(trainer, pl_module)

    def _save(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step not in self.steps or not isinstance(pl_module, AnswerTraining):
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"step-{trainer.global_step:07d}.safetensors"
        save_weights(pl_module.model, path)


def snapshot_steps(n_snapshots: int, n_steps: int) -> list[int]:
    """Step numbers to keep: 0, then log-spaced up to the last step; fewer where they coincide.

    >>> snapshot_steps(5, 1000)
    [0, 1, 10, 100, 1000]
    """
    if n_snapshots < 2:
        return [n_steps][:n_snapshots]
    spaced = np.geomspace(1, n_steps, n_snapshots - 1).round().astype(int)
    return sorted({0, *spaced.tolist()})


def saved_snapshots(directory: Path, batch_sizes: Mapping[str, int]) -> dict[Snapshot, Path]:
    """What :class:`Snapshots` saved, one folder per phase below ``directory``, in training order.

    None are found where it does not exist, as in a fresh clone. ``batch_sizes``: examples per step
    of each phase, in their order. Raises MechvalError for a folder that is none of the phases.
    """
    for folder in sorted(directory.glob("*")):
        if folder.name not in batch_sizes:
            raise MechvalError(
                f"{folder} is not a phase of the training; allowed: {[*batch_sizes]}."
            )
    found: dict[Snapshot, Path] = {}
    for phase, batch_size in batch_sizes.items():
        for path in sorted((directory / phase).glob("step-*.safetensors")):
            step = int(path.stem.removeprefix("step-"))
            found[Snapshot(phase, step, step * batch_size)] = path
    return found
