"""Stage ``train``: the network, trained or imported, and what it answers."""

import copy
import shutil
from pathlib import Path

import torch

from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network.grokking import (
    Grokking,
    estimate_training,
    measure,
    train_network,
)
from mechval.modular_addition.network.training import (
    WEIGHTS,
    count_wrong,
    load_network,
    make_network,
)
from mechval.modular_addition.stages.data import load_stage_split
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.tables import write_csv, write_json
from mechval.transformer import Transformer, save_weights
from mechval.transformer.foreign import load_foreign_checkpoint

PHASE = "training"

Context = StageContext[ModularAdditionSettings]


def run(context: Context) -> None:
    """Train, or resume training; write weights, the curve, snapshots, and what is answered."""
    settings = context.settings
    model = _initial_network(context)
    found = train_network(
        model,
        settings.problem,
        settings.training,
        split=load_stage_split(context),
        seed=context.seed,
        directory=context.scratch / PHASE,
        device=torch.device(context.device),
    )
    save_weights(model, context.directory / WEIGHTS)
    write_csv(found.curve, context.directory / "learning_curve.csv")
    _write_grokking(found, context.directory)
    _write_metrics(context, model)
    shutil.copytree(context.scratch / PHASE / "snapshots", context.bulk / "snapshots" / PHASE)


def import_published(context: Context) -> None:
    """Convert a published checkpoint; the weights stay untracked.

    The file does not say which inputs it was trained on: ``train`` and ``test`` are the split of
    this run's seed (see :func:`mechval.modular_addition.network.dataset.draw_split`).
    """
    settings = context.settings
    model = make_network(settings.problem, settings.architecture)
    load_foreign_checkpoint(model, settings.model.checkpoint())
    save_weights(model, context.bulk / WEIGHTS)
    _write_metrics(context, model)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute what finished weights answer."""
    settings = context.settings
    path = artifacts.directory / WEIGHTS
    _write_metrics(context, load_network(settings.problem, settings.architecture, path))


def estimate(context: Context) -> float:
    """Seconds that ``max_steps`` would take on this machine; grokking ends it earlier."""
    settings = context.settings
    return estimate_training(
        _initial_network(context),
        settings.problem,
        settings.training,
        load_stage_split(context),
        torch.device(context.device),
    )


def load_stage_network(context: Context) -> Transformer:
    """The network that the finished ``train`` stage of this run left."""
    artifacts, settings = context.upstream["train"], context.settings
    is_own = settings.model.kind == "own"
    directory = artifacts.directory if is_own else artifacts.bulk
    return load_network(settings.problem, settings.architecture, directory / WEIGHTS)


def _initial_network(context: Context) -> Transformer:
    model = make_network(context.settings.problem, context.settings.architecture)
    model.initialise(torch.Generator().manual_seed(context.seed))
    return model


def _write_grokking(found: Grokking, directory: Path) -> None:
    """A training that ends without grokking or settling is written down like any other."""
    memorised = (point["step"] for point in found.curve if point["train_accuracy"] == 1)
    write_json(
        {
            "has_grokked": found.grokked_at is not None,
            "grokked_at_step": found.grokked_at,
            "has_settled": found.has_settled,
            "memorised_at_step": next(memorised, None),
            "steps": found.steps,
        },
        directory / "grokking.json",
    )


def _write_metrics(context: Context, model: Transformer) -> None:
    problem, device = context.settings.problem, torch.device(context.device)
    split = load_stage_split(context)
    wrong = count_wrong(problem, model, split, device)
    n_wrong = sum(wrong.values())
    # In float64 a loss of 1e-8 has digits that another machine finds again.
    losses = measure(problem, copy.deepcopy(model).double(), split, device)
    write_json(
        {
            "n": problem.n_pairs,
            "wrong_count": n_wrong,
            "accuracy": 1 - n_wrong / problem.n_pairs,
            "train": {
                "n": len(split.train),
                "wrong_count": wrong["train"],
                "loss": losses["train_loss"],
            },
            "test": {
                "n": len(split.test),
                "wrong_count": wrong["test"],
                "loss": losses["test_loss"],
            },
        },
        context.directory / "metrics.json",
    )
