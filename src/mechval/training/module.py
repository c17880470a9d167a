"""What Lightning trains: the answer token at the last position, and the batches of examples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import lightning
import torch
from jaxtyping import Float, Int
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, IterableDataset

from mechval.training.optimizers import make_optimizer, shrink_neurons
from mechval.training.recipe import Recipe
from mechval.transformer import Transformer

Encode = Callable[[Tensor], Tensor]
AnswerLogits = Callable[[Transformer, Tensor, torch.dtype], Float[Tensor, "batch d_vocab"]]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Task:
    """What is trained: ``encode`` turns a study's compact inputs into what ``answer_logits`` reads,
    which gives the logits at the last position in a given precision; ``loss`` is the mean loss of
    logits and answers, for training and evaluation."""

    answer_logits: AnswerLogits
    encode: Encode = lambda inputs: inputs
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


@dataclass(frozen=True)
class LabelledInputs:
    """Inputs ``[example ...]`` in a study's compact form, and the answer token id of each.

    The study's ``encode`` turns rows into tokens.
    """

    inputs: Tensor
    answers: Int[Tensor, " example"]

    def to(self, device: torch.device) -> "LabelledInputs":
        return LabelledInputs(self.inputs.to(device), self.answers.to(device))

    def __len__(self) -> int:
        return len(self.answers)


class ShuffledBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of batches: a fresh seeded permutation per pass, cut into batches.

    A function of the step alone, so that a resumed run sees what it would have seen. A batch of all
    the data has them in their order.
    """

    def __init__(self, data: LabelledInputs, batch_size: int, seed: int, first_step: int):
        self.data, self.batch_size = data, batch_size
        self.seed, self.first_step = seed, first_step

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while self.batch_size == len(self.data):
            yield self.data.inputs, self.data.answers
        epoch, start = divmod(self.first_step * self.batch_size, len(self.data))
        order = self._order(epoch)
        while True:
            rows = order[start : start + self.batch_size]
            start += self.batch_size
            while start >= len(self.data):
                epoch, start = epoch + 1, start - len(self.data)
                order = self._order(epoch)
                rows = torch.cat([rows, order[: self.batch_size - len(rows)]])
            yield self.data.inputs[rows], self.data.answers[rows]

    def _order(self, epoch: int) -> Int[Tensor, " example"]:
        generator = torch.Generator().manual_seed((self.seed << 20) + epoch)
        order = torch.randperm(len(self.data), generator=generator)
        return order.to(self.data.answers.device)


class AnswerData(lightning.LightningDataModule):
    """Train and selection splits; training resumes at the step the checkpoint was written."""

    def __init__(
        self, train: LabelledInputs, selection: LabelledInputs, *, recipe: Recipe, seed: int
    ):
        super().__init__()
        self.train, self.selection = train, selection
        self.recipe, self.seed, self.first_step = recipe, seed, 0

    def setup(self, stage: str) -> None:
        """Keep the data on the device of the model: they fit, and copying batches would not pay."""
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self.train, self.selection = self.train.to(device), self.selection.to(device)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        size = self.recipe.batch_size
        batches = ShuffledBatches(self.train, size, self.seed, self.first_step)
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        stop = min(len(self.selection), self.recipe.evaluation_examples)
        rows = [slice(first, min(first + 2048, stop)) for first in range(0, stop, 2048)]
        batches = [(self.selection.inputs[part], self.selection.answers[part]) for part in rows]
        return DataLoader(cast("Dataset[tuple[Tensor, Tensor]]", batches), batch_size=None)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.trainer.global_step if self.trainer else 0}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.first_step = int(state_dict["step"])
