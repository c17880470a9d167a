"""Stage ``progress``: the axioms on every training snapshot, drawn below the learning curve."""

from collections.abc import Callable
from functools import partial

import torch

from mechval.axioms.progress import FINAL, ProgressTables, Snapshot, measure_progress
from mechval.modular_addition.assess import assess_network
from mechval.modular_addition.network import load_network
from mechval.modular_addition.settings import ModularAdditionSettings
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
    n_train = len(load_stage_split(context).train)
    write_progress(
        _measure(context),
        context.directory,
        measures=MEASURES,
        unit=f"inputs seen ({n_train:,} in each step)",
    )


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the rows of every snapshot that is still there; the final network always is."""
    rewrite_progress(_measure(context), artifacts.directory, context.directory)


def _measure(context: Context) -> ProgressTables:
    settings, split = context.settings, load_stage_split(context)
    # Full batch: a step sees all train inputs.
    batch_sizes = {PHASE: len(split.train)}
    paths = saved_snapshots(context.upstream["train"].bulk / "snapshots", batch_sizes)
    assess = partial(
        assess_network,
        problem=settings.problem,
        split=split,
        circuit=settings.circuit,
        axioms=settings.axioms,
        device=torch.device(context.device),
    )

    load = partial(load_network, settings.problem, settings.architecture)
    networks: dict[Snapshot, Callable[[], Transformer]] = {
        snapshot: partial(load, path) for snapshot, path in paths.items()
    }
    networks[FINAL] = partial(load_stage_network, context)
    return measure_progress(networks, assess)
