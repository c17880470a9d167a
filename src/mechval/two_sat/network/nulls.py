"""Networks about which every claim is false: one never trained, one that learned shuffled labels.

The axiom table of such a network says what ε looks like when there is nothing to interpret.
"""

from pathlib import Path

import numpy as np
import torch

from mechval.training.recipe import Recipe
from mechval.transformer import Architecture, Transformer
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.training import make_network, train_network
from mechval.two_sat.problem import Problem


def untrained_network(problem: Problem, architecture: Architecture, seed: int) -> Transformer:
    """The network that a training with this seed starts from."""
    model = make_network(problem, architecture)
    model.initialise(torch.Generator().manual_seed(seed))
    return model


def shuffled_labels(split: Split, n_formulas: int, seed: int) -> Split:
    """The first formulas of ``split`` with their labels permuted among them."""
    chosen = split.first(n_formulas)
    order = np.random.default_rng(seed).permutation(len(chosen))
    return Split(chosen.clause_ids, chosen.satisfiable[order])


def train_on_shuffled_labels(
    problem: Problem,
    architecture: Architecture,
    recipe: Recipe,
    shuffled: Split,
    *,
    seed: int,
    directory: Path,
    device: torch.device,
) -> Transformer:
    """Train on labels that say nothing about their formulas, resuming from ``directory``. There is
    nothing to generalise to, so the training is watched on the same formulas."""
    model = untrained_network(problem, architecture, seed)
    train_network(
        model,
        problem,
        recipe,
        train=shuffled,
        selection=shuffled,
        seed=seed,
        directory=directory,
        device=device,
    )
    return model
