"""How few neurons carry the effect on the answer, at every weight snapshot of the training."""

from dataclasses import dataclass
from pathlib import Path

import torch

from mechval import tables
from mechval.progress import track
from mechval.transformer import Transformer, load_weights
from mechval.two_sat.circuit.neurons import neuron_effects
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.answer import answers
from mechval.two_sat.network.components import Components, record_answer_states
from mechval.two_sat.network.training import labelled_inputs
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class SparsityRow:
    """A snapshot on ``n`` selection formulas."""

    phase: str = tables.told()
    step: int = tables.told()
    accuracy: float = tables.rate()
    n: int = tables.told("N")
    carrying_neurons: int = tables.told()
    largest_coefficient: float = tables.number()


SNAPSHOTS = tables.Table("train/snapshots.csv", SparsityRow)


@torch.inference_mode()
def snapshot_rows(
    folder: Path, model: Transformer, problem: Problem, split: Split, device: torch.device
) -> list[SparsityRow]:
    """Accuracy and sparsity of ``<folder>/<phase>/step-<step>.*``; ``model`` gets their weights."""
    expected = labelled_inputs(problem, split).answers
    rows = []
    for path in track(sorted(folder.glob("*/*")), "snapshots"):
        load_weights(model, path)
        state = record_answer_states(Components(model.to(device), problem), split)
        model.cpu()
        effects = neuron_effects(model, problem, state.hidden)
        logits = Components(model, problem).answer_logits(state)
        rows.append(
            SparsityRow(
                phase=path.parent.name,
                step=int(path.stem.removeprefix("step-")),
                accuracy=float((answers(logits) == expected).float().mean()),
                n=len(split),
                carrying_neurons=len(effects.carrying()),
                largest_coefficient=float(effects.coefficient.abs().max()),
            )
        )
    return sorted(rows, key=lambda row: (row.phase != "training", row.step))
