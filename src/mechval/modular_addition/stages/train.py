"""Stage ``train``: the network, trained or imported, and what it answers."""

import shutil

import torch

from mechval.modular_addition.network import training
from mechval.modular_addition.network.model import WEIGHTS, load_network, make_network
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.pipeline.stage import StageArtifacts
from mechval.transformer import Transformer, save_weights
from mechval.transformer.foreign_checkpoint import load_foreign_checkpoint

PHASE = "training"
READS = ("data",)
SETTINGS = ("problem", "architecture", "training")
TABLES = (training.CURVE, training.GROKKING, training.ANSWERS)


def run(context: Context) -> None:
    """Train, or resume training; write weights, the curve, snapshots, and what is answered."""
    model = _initial_network(context)
    found, curve = training.train_network(
        model,
        context.settings.problem,
        context.settings.training,
        split=load_stage_split(context),
        seed=context.seed,
        directory=context.scratch / PHASE,
        device=torch.device(context.device),
    )
    save_weights(model, context.directory / WEIGHTS)
    training.CURVE.write(curve, context.directory)
    training.GROKKING.write(found, context.directory)
    _write_answers(context, model)
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
    _write_answers(context, model)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute what finished weights answer."""
    settings = context.settings
    path = artifacts.directory / WEIGHTS
    _write_answers(context, load_network(settings.problem, settings.architecture, path))


def estimate(context: Context) -> float:
    """Seconds that ``max_steps`` would take on this machine; grokking ends it earlier."""
    return training.estimate_training(
        _initial_network(context),
        context.settings.problem,
        context.settings.training,
        load_stage_split(context),
        torch.device(context.device),
    )


def load_stage_network(context: Context) -> Transformer:
    """The network that the finished ``train`` stage of this run left, on the run's device."""
    artifacts, settings = context.upstream["train"], context.settings
    is_own = settings.model.kind == "own"
    directory = artifacts.directory if is_own else artifacts.bulk
    model = load_network(settings.problem, settings.architecture, directory / WEIGHTS)
    return model.to(context.device)


def _initial_network(context: Context) -> Transformer:
    model = make_network(context.settings.problem, context.settings.architecture)
    model.initialise(torch.Generator().manual_seed(context.seed))
    return model


def _write_answers(context: Context, model: Transformer) -> None:
    split, model = load_stage_split(context), model.to(context.device)
    answers = training.judge_answers(context.settings.problem, model, split)
    training.ANSWERS.write(answers, context.directory)
