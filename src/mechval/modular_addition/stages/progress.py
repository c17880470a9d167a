"""Stage ``progress``: the axioms on every training snapshot, drawn below the learning curve.

Beside them the losses without and with only the key frequencies, over the same snapshots.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch

from mechval.axioms.progress import FINAL, ProgressTables, Snapshot, measure_progress
from mechval.modular_addition.circuit.losses import LOSS_POINTS, LossPoint, losses_over_training
from mechval.modular_addition.claim.assess import assess_network
from mechval.modular_addition.network.model import load_network
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.modular_addition.stages.train import PHASE, load_stage_network
from mechval.pipeline.stage import StageArtifacts
from mechval.reporting.progress_files import (
    Measures,
    error_of,
    rewrite_progress,
    value_of,
    write_progress,
)
from mechval.training.snapshots import saved_snapshots
from mechval.transformer import Transformer

MEASURES: Measures = {
    "cross-entropy, train": value_of("train_loss"),
    "cross-entropy, held out": value_of("test_loss"),
    "1 − accuracy, held out": error_of("test_accuracy"),
}

TABLES = (LOSS_POINTS,)


def run(context: Context) -> None:
    """Validate the snapshots that there are and the final network; write tables and figures."""
    tables, losses = _measure(context)
    write_progress(tables, context.directory, measures=MEASURES, unit=_unit(context))
    LOSS_POINTS.write(losses, context.directory)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the rows of every snapshot that is still there; the final network always is."""
    tables, losses = _measure(context)
    rewrite_progress(tables, artifacts.directory, context.directory)
    finished = LOSS_POINTS.read(artifacts.directory)
    merged = {(row.phase, row.step): row for row in (*finished, *losses)}
    LOSS_POINTS.write(merged.values(), context.directory)


def _unit(context: Context) -> str:
    return f"inputs seen ({len(load_stage_split(context).train):,} in each step)"


def _measure(context: Context) -> tuple[ProgressTables, list[LossPoint]]:
    settings, split = context.settings, load_stage_split(context)
    networks, device = _networks(context), torch.device(context.device)
    assess = partial(
        assess_network,
        problem=settings.problem,
        split=split,
        circuit=settings.circuit,
        axioms=settings.axioms,
        device=device,
    )
    losses = losses_over_training(
        networks, settings.problem, split, circuit=settings.circuit, device=device
    )
    return measure_progress(networks, assess), losses


def _networks(context: Context) -> Mapping[Snapshot, Callable[[], Transformer]]:
    settings = context.settings
    # Full batch: a step sees all train inputs.
    batch_sizes = {PHASE: len(load_stage_split(context).train)}
    paths = saved_snapshots(context.upstream["train"].bulk / "snapshots", batch_sizes)
    load = partial(load_network, settings.problem, settings.architecture)
    networks: dict[Snapshot, Callable[[], Transformer]] = {
        snapshot: partial(load, path) for snapshot, path in paths.items()
    }
    networks[FINAL] = partial(load_stage_network, context)
    return networks
