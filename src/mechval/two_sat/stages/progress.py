"""Stage ``progress``: the axioms on every training snapshot, drawn below the learning curve."""

from collections.abc import Callable
from functools import partial

from mechval.axioms.progress import FINAL, ProgressTables, Snapshot, measure_progress
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
from mechval.two_sat.configs import CircuitConfig, TwoSatSettings
from mechval.two_sat.network.training import load_network
from mechval.two_sat.stages.sampling import make_assessor
from mechval.two_sat.stages.train import load_stage_network

# The paper's constants belong to the weights of one finished network, and its γ_2 has slip D1.
CIRCUIT = CircuitConfig(readings=("calibrated",))
MEASURES: Measures = {
    "cross-entropy, held out": value_of("loss"),
    "1 − accuracy, held out": error_of("accuracy"),
}

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Validate the snapshots that there are and the final network; write tables and figures."""
    write_progress(
        _measure(context), context.directory, measures=MEASURES, unit="formulas seen in the phase"
    )


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Recompute the rows of every snapshot that is still there; the final network always is."""
    rewrite_progress(_measure(context), artifacts.directory, context.directory)


def _measure(context: Context) -> ProgressTables:
    settings = context.settings
    recipes = {"training": settings.training, "finishing": settings.finishing}
    batch_sizes = {phase: recipe.batch_size for phase, recipe in recipes.items() if recipe}
    paths = saved_snapshots(context.upstream["train"].bulk / "snapshots", batch_sizes)
    circuit = CIRCUIT.model_copy(update={"max_leaves": settings.circuit.max_leaves})
    assess = make_assessor(context, settings.progress.formulas, circuit, ("resid_mid",))
    load = partial(load_network, settings.problem, settings.architecture)
    networks: dict[Snapshot, Callable[[], Transformer]] = {
        snapshot: partial(load, path) for snapshot, path in paths.items()
    }
    networks[FINAL] = partial(load_stage_network, context)
    return measure_progress(networks, assess)
