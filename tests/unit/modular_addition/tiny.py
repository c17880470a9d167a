"""A training of a tiny network that can kill itself in the middle, run here or as a subprocess.

``python -m tests.unit.modular_addition.tiny DIRECTORY STEP`` kills itself (SIGKILL) there.
"""

import os
import signal
from pathlib import Path

import torch
from torch import Tensor

from mechval.modular_addition.configs import GrokkingRecipe
from mechval.modular_addition.network import training
from mechval.modular_addition.network.dataset import Split, draw_split
from mechval.modular_addition.network.model import make_network
from mechval.modular_addition.network.training import CurvePoint, Grokking, train_network
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer
from tests.killing import fork_for_each
from tests.settings import MODULAR_ADDITION, changed

CPU = torch.device("cpu")
PROBLEM = ModularAddition(p=5)
ARCHITECTURE = Architecture(d_model=16, d_mlp=24, n_heads=(4,))
DATA = changed(MODULAR_ADDITION.data, train_fraction=0.8)
RECIPE = changed(
    MODULAR_ADDITION.training,
    max_steps=60,
    epsilon=None,
    evaluate_every_steps=8,
    grokked_evaluations=2,
    settled_within=None,
    n_snapshots=5,
)


def tiny_split() -> Split:
    return draw_split(PROBLEM, DATA, 0)


def tiny_network(seed: int = 0) -> Transformer:
    model = make_network(PROBLEM, ARCHITECTURE)
    model.initialise(torch.Generator().manual_seed(seed))
    return model


def train_tiny(
    model: Transformer, directory: Path, recipe: GrokkingRecipe, split: Split
) -> tuple[Grokking, tuple[CurvePoint, ...]]:
    return train_network(
        model, PROBLEM, recipe, split=split, seed=0, directory=directory, device=CPU
    )


def kill_in_step(step: int) -> None:
    """Make the loss of the given step (1-based) the last thing this process computes."""
    n_calls = 0
    compute = training.precise_cross_entropy

    def loss(logits: Tensor, answers: Tensor) -> Tensor:
        nonlocal n_calls
        n_calls += torch.is_grad_enabled()
        if n_calls == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return compute(logits, answers)

    training.precise_cross_entropy = loss


def be_killed(directory: Path, step: int) -> None:
    kill_in_step(step)
    train_tiny(tiny_network(), directory, RECIPE, tiny_split())


if __name__ == "__main__":
    fork_for_each(be_killed)
