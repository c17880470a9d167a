"""The network of a finished run."""

from collections.abc import Callable
from pathlib import Path

from mechval.pipeline.run import FinishedRun
from mechval.transformer.architecture import Architecture
from mechval.transformer.foreign_checkpoint import load_foreign_checkpoint
from mechval.transformer.model import Transformer
from mechval.transformer.weights import WEIGHTS, load_weights


def load_finished(
    run: FinishedRun, make_network: Callable[[Architecture], Transformer], checkpoint: Path | None
) -> Transformer:
    """The network that a run is about, from ``checkpoint`` if that is given.

    Raises MechvalError if something is missing or altered, or the checkpoint, a published file, is
    not the one that the run is about.
    """
    model = make_network(Architecture.model_validate(run.manifest("train").config["architecture"]))
    if checkpoint is not None:
        load_foreign_checkpoint(model, run.checkpoint(checkpoint))
    else:
        load_weights(model, run.file(network_stage(run), WEIGHTS))
    return model


def network_stage(run: FinishedRun) -> str:
    """The stage whose weights the later ones read."""
    is_consolidated = (run.directory / "consolidate" / "manifest.json").is_file()
    return "consolidate" if is_consolidated else "train"
