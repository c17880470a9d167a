"""A study's own measurements at every evaluation, which may end the training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from mechval.training.module import AnswerTraining
from mechval.transformer import Transformer

Measure = Callable[[Transformer, torch.device], Mapping[str, float]]
Measured = Mapping[str, int | float]


class Watch(Callback):
    """Measures the network before training and at every evaluation; survives a resume. ``measure``:
    named numbers of the network as it is. ``is_done``: whether the training shall end, given all
    measurements so far, oldest first. ``measured``: what ``measure`` gave, each with its
    ``step``."""

    def __init__(self, measure: Measure, is_done: Callable[[Sequence[Measured]], bool]):
        self.measure = measure
        self.is_done = is_done
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
