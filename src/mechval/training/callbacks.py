"""What is recorded while training: the learning curve and log-spaced weight snapshots."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from mechval.progress import progress_bar
from mechval.training.module import AnswerTraining
from mechval.transformer import save_weights


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
    """Collects a :class:`CurvePoint` per evaluation; survives a resume."""

    def __init__(self) -> None:
        self.points: list[CurvePoint] = []
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any, **more: Any
    ) -> None:
        self._losses.append(outputs["loss"].detach())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or not isinstance(pl_module, AnswerTraining):
            return
        metrics = trainer.callback_metrics
        step = trainer.global_step
        self.points.append(
            CurvePoint(
                step=step,
                examples=step * pl_module.recipe.batch_size,
                train_loss=float(sum(float(loss) for loss in self._losses) / len(self._losses)),
                selection_loss=float(metrics["selection_loss"]),
                selection_accuracy=float(metrics["selection_accuracy"]),
                learning_rate=float(trainer.optimizers[0].param_groups[-1]["lr"]),
            )
        )
        self._losses.clear()

    def state_dict(self) -> dict[str, Any]:
        return {
            "points": [asdict(point) for point in self.points],
            "losses": [float(loss) for loss in self._losses],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.points = [CurvePoint(**point) for point in state_dict["points"]]
        self._losses = [Tensor([loss])[0] for loss in state_dict["losses"]]


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
        save_weights(
            pl_module.model, self.directory / f"step-{trainer.global_step:07d}.safetensors"
        )


def snapshot_steps(n_snapshots: int, n_steps: int) -> list[int]:
    """Step numbers to keep: 0, then log-spaced up to the last step; fewer where they coincide.

    >>> snapshot_steps(5, 1000)
    [0, 1, 10, 100, 1000]
    """
    if n_snapshots < 2:
        return [n_steps][:n_snapshots]
    spaced = np.geomspace(1, n_steps, n_snapshots - 1).round().astype(int)
    return sorted({0, *spaced.tolist()})
