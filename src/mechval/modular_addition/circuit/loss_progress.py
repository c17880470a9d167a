"""Restricted and excluded loss along a training, by the key frequencies of its final network.

Source: Nanda et al., ICLR 2023 (figure 7: the progress measures of that paper).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.axioms.progress import FINAL, Snapshot
from mechval.modular_addition.circuit.extract import extract_circuit
from mechval.modular_addition.circuit.losses import loss_rows, parts_of_inputs
from mechval.modular_addition.configs import CircuitConfig
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition
from mechval.modular_addition.report.figures.circuit import draw_loss_progress
from mechval.modular_addition.report.report_tables import LOSS_POINTS, LossPoint
from mechval.progress import track
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.progress_files import merge_snapshots
from mechval.reporting.records import read_records
from mechval.reporting.tables import Row, read_csv, write_csv
from mechval.transformer import Transformer

# Not the name of the circuit's figure of one network: pages and trackers show both.
FIGURE = "losses-over-training"

_SHOWN = {
    "train": ("full", "train"),
    "test": ("full", "held-out"),
    "restricted": ("restricted", "all"),
    "excluded": ("excluded", "train"),
}
"""Which logits each loss is of, and on which inputs: names of ``loss_rows``."""


def measure_losses(
    networks: Mapping[Snapshot, Callable[[], Transformer]],
    problem: ModularAddition,
    split: Split,
    *,
    circuit: CircuitConfig,
    device: torch.device,
) -> list[Row]:
    """One row per snapshot, in the given order; none if no frequency of the final network is key.

    Computed in float64, as in stage ``circuit``.

    Args:
        networks: loads each snapshot's network; ``FINAL`` is one of them.
    """
    final = networks[FINAL]().double()
    activations = record_activations(final, problem, device)
    key = extract_circuit(final, problem, activations, circuit).key.frequencies
    if not len(key):
        return []
    names = " ".join(map(str, key.tolist()))
    rows: list[Row] = []
    for snapshot, load in track(networks.items(), "losses", len(networks)):
        logits = record_activations(load().double(), problem, device).logits
        losses = shown_losses(problem, logits, key, split)
        rows.append({**asdict(snapshot), "key_frequencies": names, **losses})
    return rows


def shown_losses(
    problem: ModularAddition,
    logits: Float[Tensor, "pair d_vocab"],
    frequencies: Int[Tensor, " frequency"],
    split: Split,
) -> Row:
    """The four losses of one network (nats), each beside the number of inputs it is a mean over.

    ``train`` and ``test`` are the network's own; ``restricted`` is on all inputs, ``excluded`` on
    those trained on, both as
    :func:`mechval.modular_addition.circuit.losses.loss_rows` defines them.
    """
    rows = loss_rows(problem, logits, frequencies, parts_of_inputs(problem, split))
    found = {(row["logits"], row["inputs"]): row for row in rows}
    losses = {f"{name}_loss": found[where]["loss"] for name, where in _SHOWN.items()}
    return losses | {f"{name}_n": found[where]["n"] for name, where in _SHOWN.items()}


def write_losses(rows: Sequence[Row], directory: Path, unit: str) -> None:
    """Write the table, if there are rows, and draw it if it has snapshots of known examples.

    Args:
        unit: what an example is, such as ``inputs seen``.
    """
    if not rows:
        return
    write_csv(rows, directory / LOSS_POINTS)
    points = read_records(directory / LOSS_POINTS, LossPoint)
    if any(point.examples for point in points):
        figures = directory / "figures"
        figures.mkdir(exist_ok=True)
        with figure_style():
            save_figure(draw_loss_progress(points, unit), figures, FIGURE)


def rewrite_losses(rows: Sequence[Row], finished: Path, directory: Path, unit: str) -> None:
    """Write and draw the table in ``finished``, if it has one, with the rows measured anew."""
    table = finished / LOSS_POINTS
    if table.exists():
        write_losses(merge_snapshots(read_csv(table), rows), directory, unit)
