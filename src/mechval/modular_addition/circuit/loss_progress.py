"""Restricted and excluded loss along a training, by the key frequencies of its final network.

Source: Nanda et al., ICLR 2023 (figure 7: the progress measures of that paper).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms.progress import FINAL, Snapshot
from mechval.modular_addition.circuit.extract import extract_circuit
from mechval.modular_addition.circuit.losses import losses_of
from mechval.modular_addition.configs import CircuitConfig
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition
from mechval.progress import track
from mechval.transformer import Transformer

FOLLOWED = {
    "train": ("full", "train"),
    "test": ("full", "held-out"),
    "restricted": ("restricted", "all"),
    "excluded": ("excluded", "train"),
}
"""The losses that are followed over a training: of which logits, on which inputs."""


@dataclass(frozen=True, kw_only=True)
class LossPoint(Snapshot):
    """The losses (nats) of one snapshot, by the names of FOLLOWED, over so many inputs each."""

    key_frequencies: tuple[int, ...]
    loss: Mapping[str, float]
    n: Mapping[str, int]


LOSS_POINTS = tables.Table("progress/losses.csv", LossPoint)


def losses_over_training(
    networks: Mapping[Snapshot, Callable[[], Transformer]],
    problem: ModularAddition,
    split: Split,
    circuit: CircuitConfig,
) -> list[LossPoint]:
    """One row per snapshot, in the given order; none if no frequency of the final network is key.

    Computed in float64, as in stage ``circuit``.

    Args:
        networks: loads each snapshot's network; ``FINAL`` is one of them.
    """
    final = networks[FINAL]().double()
    activations = record_activations(final, problem)
    key = extract_circuit(final, problem, activations, circuit).key.frequencies
    points: list[LossPoint] = []
    for snapshot, load in track(networks.items(), "losses", len(networks)) if len(key) else ():
        logits = record_activations(load().double(), problem).logits
        points.append(loss_point(snapshot, problem, logits, key, split))
    return points


def loss_point(
    snapshot: Snapshot,
    problem: ModularAddition,
    logits: Float[Tensor, "pair d_vocab"],
    frequencies: Int[Tensor, " frequency"],
    split: Split,
) -> LossPoint:
    """The losses of one network that are followed."""
    rows = losses_of(problem, logits, frequencies, split)
    found = {(row.logits, row.inputs): row for row in rows}
    return LossPoint(
        **vars(snapshot),
        key_frequencies=tuple(frequencies.tolist()),
        loss={name: found[where].loss for name, where in FOLLOWED.items()},
        n={name: found[where].n for name, where in FOLLOWED.items()},
    )
