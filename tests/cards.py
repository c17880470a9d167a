"""A graphics card that is none: what is asked of CUDA is done by the CPU, and noted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import lightning
import pytest
import torch
from torch.overrides import TorchFunctionMode

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@dataclass
class Card:
    """What was asked of it: Lightning's trainers, and how many torch calls named the device."""

    trainers: list[dict[str, Any]] = field(default_factory=list)
    n_calls: int = 0


class _OnTheCpu(TorchFunctionMode):
    def __init__(self, card: Card) -> None:
        super().__init__()
        self._card = card

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = {name: self._moved(value) for name, value in (kwargs or {}).items()}
        return func(*map(self._moved, args), **named)

    def _moved(self, value: Any) -> Any:
        if not (isinstance(value, torch.device) and value.type == "cuda"):
            return value
        self._card.n_calls += 1
        return CPU


@contextmanager
def cuda_on_the_cpu() -> Iterator[Card]:
    """For the block, ``torch.device("cuda")`` works, and multiplies in bfloat16."""
    card, made = Card(), lightning.Trainer
    was_deterministic = torch.are_deterministic_algorithms_enabled()

    def trainer(**settings: Any) -> lightning.Trainer:
        card.trainers.append(settings)
        return made(**{**settings, "accelerator": "cpu"})

    with pytest.MonkeyPatch.context() as patch, _OnTheCpu(card):
        patch.setattr("mechval.training.resumable_fit.lightning.Trainer", trainer)
        patch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: True)
        # Lightning sets it beside the deterministic algorithms.
        patch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        yield card
    torch.use_deterministic_algorithms(was_deterministic)
