"""Stage ``progress``: the axioms on every training snapshot, and the losses that go with them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mechval import tables
from mechval.axioms import progress
from mechval.axioms.progress import FINAL, Snapshot
from mechval.modular_addition.circuit.losses import LOSS_POINTS, losses_over_training
from mechval.modular_addition.claim.assess import SNAPSHOTS, AssessedSnapshot, assess_network
from mechval.modular_addition.network.model import load_network
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.modular_addition.stages.train import PHASE, load_stage_network
from mechval.pipeline.stage import StageArtifacts
from mechval.training.callbacks import saved_snapshots
from mechval.transformer import Transformer

READS = ("data", "train")
# The recipe is not among them: another one makes other weights, an input.
SETTINGS = ("problem", "architecture", "circuit", "axioms")
TABLES: tuple[tables.Table[Any], ...] = (progress.CELLS, SNAPSHOTS, LOSS_POINTS)


def run(context: Context, finished: StageArtifacts | None = None) -> None:
    """Validate the snapshots that are still there and the final network, which always is; of what
    is finished, the rows of other snapshots stay."""
    for table, rows in zip(TABLES, _measure(context), strict=True):
        kept = table.read(finished.directory) if finished else ()
        table.write(progress.merge_snapshots(kept, rows), context.directory)


reverify = run


def _measure(context: Context) -> tuple[Sequence[Any], ...]:
    """The rows of each of TABLES."""
    settings, split = context.settings, load_stage_split(context)
    problem, circuit = settings.problem, settings.circuit
    # Full batch: a step sees all train inputs.
    batch_sizes = {PHASE: len(split.train)}
    paths = saved_snapshots(context.upstream["train"].bulk / "snapshots", batch_sizes)

    def load(path: Path) -> Transformer:
        return load_network(problem, settings.architecture, path).to(context.device)

    networks: dict[Snapshot, Callable[[], Transformer]] = {
        **{snapshot: partial(load, path) for snapshot, path in paths.items()},
        FINAL: partial(load_stage_network, context),
    }
    losses = losses_over_training(networks, problem, split, circuit)
    assess = partial(
        assess_network, problem=problem, split=split, circuit=circuit, axioms=settings.axioms
    )
    found = progress.measure_snapshots(networks, assess, AssessedSnapshot)
    return found.cells, found.snapshots, losses
