"""Stage ``progress``: the axioms on every training snapshot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mechval import tables
from mechval.axioms import progress
from mechval.axioms.progress import FINAL, Snapshot
from mechval.pipeline.stage import StageArtifacts
from mechval.training.callbacks import saved_snapshots
from mechval.two_sat.claim.assess import NetworkFacts
from mechval.two_sat.network.components import Components
from mechval.two_sat.stages.sampling import make_assessor
from mechval.two_sat.stages.train import Context, load_components, load_stage_network


@dataclass(frozen=True, kw_only=True)
class SnapshotFacts(NetworkFacts, progress.SnapshotRow):
    """What is told of the network of one snapshot."""


SNAPSHOTS = tables.Table("progress/snapshots.csv", SnapshotFacts)
READS = ("data", "train", "consolidate")
SETTINGS = ("problem", "architecture", "circuit", "axioms", "progress")
TABLES: tuple[tables.Table[Any], ...] = (progress.CELLS, SNAPSHOTS)


def run(context: Context, finished: StageArtifacts | None = None) -> None:
    """Validate the snapshots that are still there and the final network, which always is; of what
    is finished, the rows of other snapshots stay."""
    for table, rows in zip(TABLES, _measure(context), strict=True):
        kept = table.read(finished.directory) if finished else ()
        table.write(progress.merge_snapshots(kept, rows), context.directory)


reverify = run


def _measure(context: Context) -> tuple[Sequence[Any], ...]:
    """The rows of each of TABLES."""
    settings = context.settings
    batch_sizes = {phase: recipe.batch_size for phase, recipe in settings.phases.items()}
    paths = saved_snapshots(context.upstream["train"].bulk / "snapshots", batch_sizes)
    # The paper's constants belong to the weights of one finished network, and its γ_2 has slip D1.
    circuit = settings.circuit.model_copy(update={"readings": ("calibrated",)})
    axioms = settings.axioms.model_copy(update={"residuals": ("resid_mid",)})
    assess = make_assessor(context, settings.progress.formulas, circuit, axioms)
    networks: dict[Snapshot, Callable[[], Components]] = {
        snapshot: partial(load_components, context, path) for snapshot, path in paths.items()
    }
    networks[FINAL] = partial(load_stage_network, context)
    found = progress.measure_snapshots(networks, assess, SnapshotFacts)
    return found.cells, found.snapshots
