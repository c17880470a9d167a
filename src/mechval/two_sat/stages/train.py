"""Stage ``train``: the network, from scratch or imported, with what training it looked like."""

import shutil
from pathlib import Path

import torch

from mechval import tables
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.transformer import Transformer, save_weights
from mechval.transformer.foreign_checkpoint import load_foreign_checkpoint
from mechval.two_sat.circuit.sparsity import SNAPSHOTS, snapshot_rows
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import Split, SplitName, load_split
from mechval.two_sat.network import training
from mechval.two_sat.network.components import Components

TEST_FORMULAS = 100_000
SNAPSHOT_FORMULAS = 4_096
READS = ("data",)
SETTINGS = ("problem", "architecture", "training", "finishing")
TABLES: tuple[tables.Declared, ...] = (training.ACCURACY, training.LEARNING_CURVE, SNAPSHOTS)

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Train, or resume training; write weights, curves, snapshots and the test accuracy."""
    settings, device = context.settings, torch.device(context.device)
    problem, selection = settings.problem, load_stage_split(context, "training.selection")
    model = training.untrained_network(problem, settings.architecture, context.seed)
    seen = (load_stage_split(context, "training.train"), selection)
    run = training.TrainingRun(
        model, problem, settings.training, *seen, context.seed, context.scratch, device
    )
    curve = training.train_phases(run, settings.phases)
    for phase in settings.phases:
        shutil.copytree(context.scratch / phase / "snapshots", context.bulk / "snapshots" / phase)
    save_weights(model, context.directory / training.WEIGHTS)
    training.LEARNING_CURVE.write(curve, context.directory)
    _write_accuracy(context, model)
    sample = selection.first(SNAPSHOT_FORMULAS)
    snapshots = snapshot_rows(context.bulk / "snapshots", model, problem, sample, device)
    SNAPSHOTS.write(snapshots, context.directory)


def import_published(context: Context) -> None:
    """Convert the authors' checkpoint, or copy weights; they stay untracked."""
    settings = context.settings
    model = training.make_network(settings.problem, settings.architecture)
    load_foreign_checkpoint(model, settings.model.checkpoint())
    save_weights(model, context.bulk / training.WEIGHTS)
    _write_accuracy(context, model)


def draw(context: Context) -> None:
    """Draw weights that stage ``consolidate`` starts from, and train nothing."""
    settings = context.settings
    model = training.untrained_network(settings.problem, settings.architecture, context.seed)
    save_weights(model, context.bulk / training.WEIGHTS)
    _write_accuracy(context, model)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the accuracy of finished weights."""
    finished = load_components(context, artifacts.directory / training.WEIGHTS)
    _write_accuracy(context, finished.model)


def estimate(context: Context) -> float:
    """Seconds that training would take on this machine."""
    settings, device = context.settings, torch.device(context.device)
    problem = settings.problem
    model = training.untrained_network(problem, settings.architecture, context.seed)
    train = load_stage_split(context, "training.train")
    seconds = training.estimate_training(model, problem, settings.training, train, device)
    if settings.finishing is not None:
        seconds += training.estimate_finishing(model, problem, settings.finishing, train, device)
    return seconds


def load_stage_network(context: Context) -> Components:
    """The network that this run is about: as consolidated where that is asked for, else trained."""
    return load_components(context, stage_weights(context))


def load_components(context: Context, path: Path) -> Components:
    """The network whose weights lie in ``path``, on the run's device."""
    settings = context.settings
    model = training.load_network(settings.problem, settings.architecture, path)
    return Components(model.to(context.device), settings.problem)


def load_stage_split(context: Context, name: SplitName) -> Split:
    """A split that the finished ``data`` stage of this run left."""
    return load_split(context.upstream["data"].bulk, context.settings.problem, name)


def stage_weights(context: Context) -> Path:
    if "consolidate" in context.upstream:
        return context.upstream["consolidate"].directory / training.WEIGHTS
    artifacts = context.upstream["train"]
    path = artifacts.directory / training.WEIGHTS
    return path if path.exists() else artifacts.bulk / training.WEIGHTS


def measure_on_test(context: Context, model: Transformer) -> training.Accuracy:
    """How many test formulas a network of this run answers wrongly."""
    split = load_stage_split(context, "training.test").first(TEST_FORMULAS)
    components = Components(model.to(context.device), context.settings.problem)
    return training.measure_accuracy(components, split)


def _write_accuracy(context: Context, model: Transformer) -> None:
    training.ACCURACY.write(measure_on_test(context, model), context.directory)
