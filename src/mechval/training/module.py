"""The LightningModule: cross-entropy of the answer token at the last position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from jaxtyping import Float
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mechval.training.optimizers import make_optimizer, shrink_neurons
from mechval.training.recipe import Recipe
from mechval.transformer import Transformer

Encode = Callable[[Tensor], Tensor]
AnswerLogits = Callable[[Transformer, Tensor, torch.dtype], Float[Tensor, "batch d_vocab"]]
Loss = Callable[[Tensor, Tensor], Tensor]


def _as_they_are(inputs: Tensor) -> Tensor:
    return inputs


@dataclass(frozen=True)
class Task:
    """What is trained: ``encode`` turns a study's compact inputs into what ``answer_logits`` reads,
    which gives the logits at the last position in a given precision; ``loss`` is the mean loss of
    logits and answers, for training and evaluation."""

    answer_logits: AnswerLogits
    encode: Encode = _as_they_are
    loss: Loss = functional.cross_entropy


class AnswerTraining(lightning.LightningModule):
    """Train a transformer to give the answer token at the last position. ``train_dtype``: precision
    of the large products in training; evaluation is in float32."""

    def __init__(self, model: Transformer, recipe: Recipe, task: Task, train_dtype: torch.dtype):
        super().__init__()
        self.model, self.recipe, self.task = model, recipe, task
        self.train_dtype = train_dtype

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Float[Tensor, ""]:
        inputs, answers = batch
        return self.task.loss(self._logits(inputs, self.train_dtype), answers)

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        inputs, answers = batch
        logits = self._logits(inputs, torch.float32)
        correct = (logits.argmax(dim=-1) == answers).float().mean()
        self.log("selection_accuracy", correct, batch_size=len(answers))
        self.log("selection_loss", self.task.loss(logits, answers), batch_size=len(answers))

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        decay = self.recipe.neuron_decay_at(self.global_step)
        rate = optimizer.param_groups[-1]["lr"]
        optimizer.step(closure=optimizer_closure)
        if decay:
            shrink_neurons(self.model.block(len(self.model.blocks) - 1).mlp, decay * rate)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = make_optimizer(self.model, self.recipe)
        # A plain function: of anything else LambdaLR puts the attributes into the checkpoint.
        schedule = LambdaLR(optimizer, lambda step: self.recipe.rate_factor(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _logits(self, inputs: Tensor, dtype: torch.dtype) -> Float[Tensor, "batch d_vocab"]:
        return self.task.answer_logits(self.model, self.task.encode(inputs), dtype)
