"""Batches as a function of the step alone, so that a resumed run sees what it would have seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import lightning
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from mechval.training.recipe import Recipe


@dataclass(frozen=True)
class LabelledInputs:
    """Inputs in a study's compact form and the answer token of each, row by row. ``inputs``:
    ``[example ...]``; the study's ``encode`` turns rows into tokens. ``answers``: ``[example]``
    answer token ids."""

    inputs: Tensor
    answers: Int[Tensor, " example"]

    def to(self, device: torch.device) -> "LabelledInputs":
        return LabelledInputs(self.inputs.to(device), self.answers.to(device))

    def __len__(self) -> int:
        return len(self.answers)


class ShuffledBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of batches: a fresh seeded permutation per pass, cut into batches."""

    def __init__(self, data: LabelledInputs, batch_size: int, seed: int, first_step: int):
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.first_step = first_step

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, start = divmod(self.first_step * self.batch_size, len(self.data))
        order = self._order(epoch)
        while True:
            rows = order[start : start + self.batch_size]
            start += self.batch_size
            while start >= len(self.data):
                epoch, start = epoch + 1, start - len(self.data)
                order = self._order(epoch)
                missing = self.batch_size - len(rows)
                rows = torch.cat([rows, order[:missing]])
            yield self.data.inputs[rows], self.data.answers[rows]

    def _order(self, epoch: int) -> Int[Tensor, " example"]:
        generator = torch.Generator().manual_seed((self.seed << 20) + epoch)
        order = torch.randperm(len(self.data), generator=generator)
        return order.to(self.data.answers.device)


class WholeBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """An endless stream of the same batch: all the data, in their order."""

    def __init__(self, data: LabelledInputs):
        self.data = data

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield self.data.inputs, self.data.answers


class AnswerData(lightning.LightningDataModule):
    """Train and selection splits; training resumes at the step the checkpoint was written."""

    def __init__(
        self, train: LabelledInputs, selection: LabelledInputs, *, recipe: Recipe, seed: int
    ):
        super().__init__()
        self.train = train
        self.selection = selection
        self.recipe = recipe
        self.seed = seed
        self.first_step = 0

    def setup(self, stage: str) -> None:
        """Keep the data on the device of the model: they fit, and copying batches would not pay."""
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self.train = self.train.to(device)
            self.selection = self.selection.to(device)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        size = self.recipe.batch_size
        if size == len(self.train):
            return DataLoader(WholeBatches(self.train), batch_size=None)
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
