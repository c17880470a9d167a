"""Stage ``progress``: the axioms on every training snapshot, and the losses that go with them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mechval import tables
from mechval.axioms import progress
from mechval.axioms.progress import FINAL, Progress, Snapshot
from mechval.modular_addition.circuit.loss_progress import (
    LOSS_POINTS,
    LossPoint,
    losses_over_training,
)
from mechval.modular_addition.claim.assess import SNAPSHOTS, AssessedSnapshot, assess_network
from mechval.modular_addition.network.model import load_network
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.modular_addition.stages.train import PHASE, load_stage_network
from mechval.pipeline.stage import StageArtifacts
from mechval.training.snapshots import saved_snapshots
from mechval.transformer import Transformer

TABLES: tuple[tables.Table[Any], ...] = (progress.CELLS, SNAPSHOTS, LOSS_POINTS)


def run(context: Context) -> None:
    """Validate the snapshots that there are and the final network; write the tables."""
    found, losses = _measure(context)
    progress.CELLS.write(found.cells, context.directory)
    SNAPSHOTS.write(found.snapshots, context.directory)
    LOSS_POINTS.write(losses, context.directory)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the rows of every snapshot that is still there; the final network always is."""
    found, losses = _measure(context)
    measured: tuple[Sequence[Any], ...] = (found.cells, found.snapshots, losses)
    for table, rows in zip(TABLES, measured, strict=True):
        merged = progress.merge_snapshots(table.read(artifacts.directory), rows)
        table.write(merged, context.directory)


def _measure(context: Context) -> tuple[Progress[AssessedSnapshot], list[LossPoint]]:
    settings, split, networks = context.settings, load_stage_split(context), _networks(context)
    problem, circuit = settings.problem, settings.circuit
    losses = losses_over_training(networks, problem, split, circuit)
    assess = partial(
        assess_network, problem=problem, split=split, circuit=circuit, axioms=settings.axioms
    )
    return progress.measure_snapshots(networks, assess, AssessedSnapshot), losses


def _networks(context: Context) -> dict[Snapshot, Callable[[], Transformer]]:
    settings = context.settings
    # Full batch: a step sees all train inputs.
    batch_sizes = {PHASE: len(load_stage_split(context).train)}
    paths = saved_snapshots(context.upstream["train"].bulk / "snapshots", batch_sizes)

    def load(path: Path) -> Transformer:
        return load_network(settings.problem, settings.architecture, path).to(context.device)

    return {
        **{snapshot: partial(load, path) for snapshot, path in paths.items()},
        FINAL: partial(load_stage_network, context),
    }
