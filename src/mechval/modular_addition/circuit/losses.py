"""How the loss depends on the key frequencies, restricted to them and with them excluded: of one
network, and along a training by the key frequencies of its final network.

Source: Nanda et al., ICLR 2023 (figure 7: the progress measures of that paper).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

from mechval import tables
from mechval.axioms.progress import FINAL, Snapshot
from mechval.modular_addition.circuit.extract import extract_circuit, keep_sum_waves
from mechval.modular_addition.circuit.fourier import Frequencies
from mechval.modular_addition.configs import CircuitConfig
from mechval.modular_addition.network.components import Logits, record_activations
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition
from mechval.progress import track
from mechval.transformer import Transformer


@dataclass(frozen=True)
class Loss:
    """Cross-entropy and accuracy of some logits, over ``all``, ``train`` or ``held-out`` inputs.

    Logits are ``full``; ``restricted``: of each its mean over all inputs and the waves of
    ``a + b`` at the key frequencies; ``excluded``: without those waves; ``excluded k``: without
    those of one key frequency.
    """

    logits: str
    inputs: str
    n: int = tables.told("N")
    loss: float = tables.number(unit="nats")
    accuracy: float = tables.rate()


LOSSES = tables.Table("circuit/losses.csv", Loss)

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


def losses_of(
    problem: ModularAddition, logits: Logits, frequencies: Frequencies, split: Split
) -> list[Loss]:
    """The losses of one network's logits and of their ablations, on each part of the inputs."""
    logits = logits.double()
    key = keep_sum_waves(problem, logits, frequencies)
    variants = {"full": logits, "restricted": logits.mean(dim=0) + key, "excluded": logits - key}
    for number in frequencies:
        one = keep_sum_waves(problem, logits, number[None])
        variants[f"excluded {int(number)}"] = logits - one
    everything = torch.arange(problem.n_pairs)
    parts = {"all": everything, "train": split.train, "held-out": split.test}
    answers = problem.answers(problem.all_pairs())
    return [
        Loss(
            logits=name,
            inputs=part,
            n=len(indices),
            loss=float(functional.cross_entropy(kept[indices], answers[indices])),
            accuracy=float((kept[indices].argmax(dim=1) == answers[indices]).double().mean()),
        )
        for name, kept in variants.items()
        for part, indices in parts.items()
    ]


def losses_over_training(
    networks: Mapping[Snapshot, Callable[[], Transformer]],
    problem: ModularAddition,
    split: Split,
    circuit: CircuitConfig,
) -> list[LossPoint]:
    """One row per snapshot, in the given order; none if no frequency of the final network is key.

    ``networks`` loads each snapshot's network, ``FINAL``'s too. Computed in float64, as in stage
    ``circuit``.
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
    logits: Logits,
    frequencies: Frequencies,
    split: Split,
) -> LossPoint:
    """The losses of one network that are followed."""
    rows = losses_of(problem, logits, frequencies, split)
    by_name = {(row.logits, row.inputs): row for row in rows}
    found = {name: by_name[where] for name, where in FOLLOWED.items()}
    return LossPoint(
        **vars(snapshot),
        key_frequencies=tuple(frequencies.tolist()),
        loss={name: row.loss for name, row in found.items()},
        n={name: row.n for name, row in found.items()},
    )
