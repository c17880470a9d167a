"""Stage ``progress``: the axioms on every training snapshot, drawn below the learning curve.

Beside them the losses without and with only the key frequencies, over the same snapshots.
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch

from mechval.axioms.progress import FINAL, ProgressTables, Snapshot, measure_progress
from mechval.modular_addition.circuit.loss_progress import (
    measure_losses,
    rewrite_losses,
    write_losses,
)
from mechval.modular_addition.claim.assess import assess_network
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network.training import load_network
from mechval.modular_addition.stages.data import load_stage_split
from mechval.modular_addition.stages.train import PHASE, load_stage_network
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.progress_files import (
    Measures,
    error_of,
    rewrite_progress,
    value_of,
    write_progress,
)
from mechval.reporting.tables import Row
from mechval.training.snapshots import saved_snapshots
from mechval.transformer import Transformer

MEASURES: Measures = {
    "cross-entropy, train": value_of("train_loss"),
    "cross-entropy, held out": value_of("test_loss"),
    "1 − accuracy, held out": error_of("test_accuracy"),
}

Context = StageContext[ModularAdditionSettings]


def run(context: Context) -> None:
    """Validate the snapshots that there are and the final network; write tables and figures."""
    tables, losses = _measure(context)
    unit = _unit(context)
    write_progress(tables, context.directory, measures=MEASURES, unit=unit)
    write_losses(losses, context.directory, unit)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the rows of every snapshot that is still there; the final network always is."""
    tables, losses = _measure(context)
    rewrite_progress(tables, artifacts.directory, context.directory)
    rewrite_losses(losses, artifacts.directory, context.directory, _unit(context))


def _unit(context: Context) -> str:
    return f"inputs seen ({len(load_stage_split(context).train):,} in each step)"


def _measure(context: Context) -> tuple[ProgressTables, list[Row]]:
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
    losses = measure_losses(
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
