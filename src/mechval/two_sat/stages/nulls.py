"""Stage ``nulls``: the axiom table of networks about which every claim is false."""

from typing import Any

import torch

from mechval.axioms.progress import validation_rows
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.tables import Row, write_csv, write_json
from mechval.transformer import Transformer, save_weights
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import Split, load_split
from mechval.two_sat.network.accuracy import measure_accuracy
from mechval.two_sat.network.nulls import (
    shuffled_labels,
    train_on_shuffled_labels,
    untrained_network,
)
from mechval.two_sat.network.training import load_network
from mechval.two_sat.stages.sampling import make_assessor

WEIGHTS = "shuffled.safetensors"

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Train on shuffled labels; write those weights and the tables of both networks."""
    settings = context.settings
    true = _true_labels(context)
    model = train_on_shuffled_labels(
        settings.problem,
        settings.architecture,
        settings.nulls.training,
        shuffled_labels(true, len(true), context.seed),
        seed=context.seed,
        directory=context.scratch / "shuffled",
        device=torch.device(context.device),
    )
    save_weights(model, context.directory / WEIGHTS)
    _write_tables(context, model)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the tables of finished weights."""
    settings = context.settings
    path = artifacts.directory / WEIGHTS
    _write_tables(context, load_network(settings.problem, settings.architecture, path))


def _write_tables(context: Context, shuffled: Transformer) -> None:
    settings = context.settings
    networks = {
        "untrained": untrained_network(settings.problem, settings.architecture, context.seed),
        "shuffled": shuffled,
    }
    assess = make_assessor(
        context, settings.nulls.formulas, settings.circuit, settings.axioms.residuals
    )
    rows: list[Row] = []
    metrics: dict[str, Any] = {}
    for name, model in networks.items():
        validation = assess(model)
        rows += [{"network": name, **row} for row in validation_rows(validation)]
        metrics[name] = {
            **validation.facts,
            "n_labels": max((report.n_labels for report in validation.reports), default=None),
            **_accuracies(context, model),
        }
    write_csv(rows, context.directory / "nulls.csv")
    write_json(metrics, context.directory / "metrics.json")


def _accuracies(context: Context, model: Transformer) -> dict[str, Any]:
    """Accuracy on the formulas whose labels were permuted: on those labels, and on the true."""
    true = _true_labels(context)
    labelled = {
        "shuffled_labels": shuffled_labels(true, len(true), context.seed),
        "true_labels": true,
    }
    return {name: _accuracy(context, model, split) for name, split in labelled.items()}


def _accuracy(context: Context, model: Transformer, split: Split) -> dict[str, int | float]:
    device = torch.device(context.device)
    found = measure_accuracy(model, context.settings.problem, split, device)
    return {"n": found.n, "wrong_count": found.wrong_count, "accuracy": found.accuracy}


def _true_labels(context: Context) -> Split:
    settings = context.settings
    split = load_split(context.upstream["data"].bulk, settings.problem, "training.train")
    return split.first(settings.nulls.shuffled_formulas)
