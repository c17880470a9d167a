"""A training of a tiny network that can stop itself in the middle, run here or as a subprocess.

``python -m tests.unit.training.tiny DIRECTORY STEP`` kills itself (SIGKILL) in the given step.
"""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.training.module import Task
from mechval.training.recipe import Recipe
from mechval.training.resumable_fit import Fit, fit
from mechval.transformer import Transformer, answer_logits
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.training import labelled_inputs
from tests.killing import fork_for_each
from tests.networks import CPU, SMALL_PROBLEM, random_network, small_corpora
from tests.settings import PLAIN_RECIPE, changed

RECIPE = changed(
    PLAIN_RECIPE,
    examples=16 * 30,
    batch_size=16,
    optimizer="muon",
    warmup_steps=3,
    decay_from=0.5,
    neuron_decay=0.5,
    neuron_decay_until=0.8,
    evaluate_every_steps=8,
    evaluation_examples=60,
    precision="float32",
    n_snapshots=4,
)


def train_tiny(
    model: Transformer,
    directory: Path,
    *,
    recipe: Recipe = RECIPE,
    seed: int = 0,
    stop: Callable[[], None] | None = None,
    stop_at: int = 0,
) -> Fit:
    """Train ``model`` in place; ``stop`` is called in the middle of step ``stop_at`` (1-based)."""
    splits = small_corpora(SMALL_PROBLEM, 40, training=400).splits
    n_calls = 0

    def logits(
        network: Transformer, tokens: Tensor, dtype: torch.dtype
    ) -> Float[Tensor, "batch d_vocab"]:
        nonlocal n_calls
        n_calls += torch.is_grad_enabled()
        if stop is not None and n_calls == stop_at:
            stop()
        return answer_logits(network, tokens, dtype)

    return fit(
        model,
        recipe,
        Task(logits, partial(encode_formulas, SMALL_PROBLEM)),
        train=labelled_inputs(SMALL_PROBLEM, splits["training.train"]),
        selection=labelled_inputs(SMALL_PROBLEM, splits["training.test"]),
        seed=seed,
        directory=directory,
        device=CPU,
    )


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def be_killed(directory: Path, step: int) -> None:
    train_tiny(random_network(SMALL_PROBLEM), directory, stop=kill, stop_at=step)


if __name__ == "__main__":
    fork_for_each(be_killed)
