"""Stage ``train``: the network, from scratch or imported, with what training it looked like."""

import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from mechval.axioms import clopper_pearson_upper
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.progress import track
from mechval.reporting.tables import Row, write_csv, write_json
from mechval.transformer import Transformer, load_weights, save_weights
from mechval.transformer.foreign import load_foreign_checkpoint
from mechval.two_sat.circuit.neurons import neuron_effects
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import Split, SplitName, load_split
from mechval.two_sat.network.activations import accuracy_by_class, record_answer_states
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import (
    WEIGHTS,
    estimate_finishing,
    estimate_training,
    finish_network,
    labelled_inputs,
    load_network,
    make_network,
    train_network,
)

TEST_FORMULAS = 100_000
SNAPSHOT_FORMULAS = 4_096
ACCURACY_CONFIDENCE = 0.95

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Train, or resume training; write weights, curves, snapshots and the test accuracy."""
    problem, device = context.settings.problem, torch.device(context.device)
    model = make_network(problem, context.settings.architecture)
    model.initialise(torch.Generator().manual_seed(context.seed))
    curve = _fit_phases(context, model, device)
    save_weights(model, context.directory / WEIGHTS)
    write_csv(curve, context.directory / "learning_curve.csv")
    _write_accuracy(context, model, device)
    write_csv(_snapshots(context, model, device), context.directory / "snapshots.csv")


def import_published(context: Context) -> None:
    """Convert the authors' checkpoint; the weights stay untracked."""
    settings = context.settings
    model = make_network(settings.problem, settings.architecture)
    load_foreign_checkpoint(model, settings.model.checkpoint())
    save_weights(model, context.bulk / WEIGHTS)
    _write_accuracy(context, model, torch.device(context.device))


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the accuracy of finished weights."""
    settings = context.settings
    model = load_network(settings.problem, settings.architecture, artifacts.directory / WEIGHTS)
    _write_accuracy(context, model, torch.device(context.device))


def estimate(context: Context) -> float:
    """Seconds that training would take on this machine."""
    settings, device = context.settings, torch.device(context.device)
    model = make_network(settings.problem, settings.architecture)
    model.initialise(torch.Generator().manual_seed(context.seed))
    train = _load(context, "training.train")
    seconds = estimate_training(model, settings.problem, settings.training, train, device)
    if settings.finishing is not None:
        seconds += estimate_finishing(model, settings.problem, settings.finishing, train, device)
    return seconds


def load_stage_network(context: Context) -> Transformer:
    """The network that the finished ``train`` stage of this run left."""
    settings = context.settings
    return load_network(settings.problem, settings.architecture, stage_weights(context))


def stage_weights(context: Context) -> Path:
    """Where its weights lie."""
    artifacts = context.upstream["train"]
    is_own = context.settings.model.kind == "own"
    return (artifacts.directory if is_own else artifacts.bulk) / WEIGHTS


def _fit_phases(context: Context, model: Transformer, device: torch.device) -> list[Row]:
    settings = context.settings
    train, selection = _load(context, "training.train"), _load(context, "training.selection")
    curve: list[Row] = []
    for name, recipe, fit_phase in (
        ("training", settings.training, train_network),
        ("finishing", settings.finishing, finish_network),
    ):
        if recipe is None:
            continue
        result = fit_phase(
            model,
            settings.problem,
            recipe,
            train=train,
            selection=selection,
            seed=context.seed,
            directory=context.scratch / name,
            device=device,
        )
        curve += [{"phase": name, **asdict(point)} for point in result.curve]
        shutil.copytree(context.scratch / name / "snapshots", context.bulk / "snapshots" / name)
    return curve


@torch.inference_mode()
def _snapshots(context: Context, model: Transformer, device: torch.device) -> list[Row]:
    """Accuracy and sparsity of every snapshot, on selection formulas."""
    problem = context.settings.problem
    split = _load(context, "training.selection").first(SNAPSHOT_FORMULAS)
    answers = labelled_inputs(problem, split).answers
    rows: list[Row] = []
    for path in track(sorted((context.bulk / "snapshots").glob("*/*")), "snapshots"):
        load_weights(model, path)
        state = record_answer_states(model, problem, split, device)
        model.cpu()
        effects = neuron_effects(model, problem, state.hidden)
        logits = Components(model, problem).answer_logits(state)
        rows.append(
            {
                "phase": path.parent.name,
                "step": int(path.stem.removeprefix("step-")),
                "accuracy": float((logits.argmax(dim=-1) == answers).float().mean()),
                "n": len(split),
                "carrying_neurons": len(effects.carrying()),
                "largest_coefficient": float(effects.coefficient.abs().max()),
            }
        )
    return sorted(rows, key=lambda row: (row["phase"] != "training", row["step"]))


def _write_accuracy(context: Context, model: Transformer, device: torch.device) -> None:
    split = _load(context, "training.test").first(TEST_FORMULAS)
    counts = accuracy_by_class(model.to(device), context.settings.problem, split, device)
    n, n_wrong = sum(count.n for count in counts), sum(count.n_wrong for count in counts)
    write_json(
        {
            "n": n,
            "wrong_count": n_wrong,
            "accuracy": 1 - n_wrong / n,
            "accuracy_lower": 1 - clopper_pearson_upper(n_wrong, n, ACCURACY_CONFIDENCE),
            "confidence": ACCURACY_CONFIDENCE,
            "classes": {
                count.name: {"n": count.n, "wrong_count": count.n_wrong} for count in counts
            },
        },
        context.directory / "metrics.json",
    )


def _load(context: Context, name: SplitName) -> Split:
    return load_split(context.upstream["data"].bulk, context.settings.problem, name)
