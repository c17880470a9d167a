"""Stage ``progress``: the axioms on every training snapshot, drawn below the learning curve."""

from functools import partial

import torch

from mechval.axioms.progress import FINAL, ProgressTables, Snapshot, Validation, measure_progress
from mechval.modular_addition.assess import assess_network
from mechval.modular_addition.network import load_network
from mechval.modular_addition.settings import ModularAdditionSettings
from mechval.modular_addition.stages.data import load_stage_split
from mechval.modular_addition.stages.train import PHASE, load_stage_network
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.progress_files import Measures, rewrite_progress, write_progress
from mechval.reporting.tables import Row
from mechval.training.snapshots import saved_snapshots

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

    def validate(snapshot: Snapshot) -> Validation:
        if snapshot == FINAL:
            return assess(load_stage_network(context))
        path = paths[snapshot]
        return assess(load_network(settings.problem, settings.architecture, path))

    return measure_progress([*paths, FINAL], validate)


def _train_loss(row: Row) -> float:
    return _number(row["train_loss"])


def _test_loss(row: Row) -> float:
    return _number(row["test_loss"])


def _test_error(row: Row) -> float:
    # An error of zero has no place on a log axis: it is drawn at half an error.
    return max(1 - _number(row["test_accuracy"]), 0.5 / _number(row["n"]))


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


MEASURES: Measures = {
    "cross-entropy, train": _train_loss,
    "cross-entropy, held out": _test_loss,
    "1 − accuracy, held out": _test_error,
}
