"""How the loss depends on the key frequencies: restricted to them, and with them excluded.

Source: Nanda et al., ICLR 2023 (figure 7: the progress measures of that paper).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechval import tables
from mechval.axioms.progress import FINAL, Snapshot
from mechval.modular_addition.circuit.extract import extract_circuit, keep_sum_waves
from mechval.modular_addition.configs import CircuitConfig
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition
from mechval.progress import track
from mechval.transformer import Transformer


@dataclass(frozen=True)
class Loss:
    """Cross-entropy and accuracy of some logits, over some of the inputs.

    Attributes:
        logits: ``full``; ``restricted``: of each logit its mean over all inputs and the waves of
            ``a + b`` at the key frequencies; ``excluded``: without those waves; ``excluded k``:
            without those of one key frequency.
        inputs: ``all``, ``train`` or ``held-out``.
    """

    logits: str
    inputs: str
    n: int = tables.told("N")
    loss: float = tables.number(unit="nats")
    accuracy: float = tables.rate()


@dataclass(frozen=True, kw_only=True)
class LossPoint(Snapshot):
    """The network's own losses, the restricted and the excluded one, at one snapshot.

    Each stands beside the number of inputs it is a mean over: ``restricted`` all of them,
    ``excluded`` those trained on.
    """

    key_frequencies: tuple[int, ...]
    train_loss: float
    test_loss: float
    restricted_loss: float
    excluded_loss: float
    train_n: int
    test_n: int
    restricted_n: int
    excluded_n: int


LOSSES = tables.Table("circuit/losses.csv", Loss)
LOSS_POINTS = tables.Table("progress/losses.csv", LossPoint)


def losses_of(
    problem: ModularAddition,
    logits: Float[Tensor, "pair d_vocab"],
    frequencies: Int[Tensor, " frequency"],
    split: Split,
) -> list[Loss]:
    """The losses of one network's logits and of their ablations, on each part of the inputs."""
    logits = logits.double()
    key = keep_sum_waves(problem, logits, frequencies)
    variants = {
        "full": logits,
        "restricted": logits.mean(dim=0) + key,
        "excluded": logits - key,
    }
    for number in frequencies:
        one = keep_sum_waves(problem, logits, number[None])
        variants[f"excluded {int(number)}"] = logits - one
    parts = {
        "all": torch.arange(problem.n_pairs),
        "train": torch.from_numpy(split.train),
        "held-out": torch.from_numpy(split.test),
    }
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
    *,
    circuit: CircuitConfig,
    device: torch.device,
) -> list[LossPoint]:
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
    points: list[LossPoint] = []
    for snapshot, load in track(networks.items(), "losses", len(networks)):
        logits = record_activations(load().double(), problem, device).logits
        points.append(loss_point(snapshot, problem, logits, key, split))
    return points


def loss_point(
    snapshot: Snapshot,
    problem: ModularAddition,
    logits: Float[Tensor, "pair d_vocab"],
    frequencies: Int[Tensor, " frequency"],
    split: Split,
) -> LossPoint:
    """The four losses that are followed over a training, of one network."""
    rows = losses_of(problem, logits, frequencies, split)
    found = {(row.logits, row.inputs): row for row in rows}
    train, test = found["full", "train"], found["full", "held-out"]
    restricted, excluded = found["restricted", "all"], found["excluded", "train"]
    return LossPoint(
        **asdict(snapshot),
        key_frequencies=tuple(frequencies.tolist()),
        train_loss=train.loss,
        test_loss=test.loss,
        restricted_loss=restricted.loss,
        excluded_loss=excluded.loss,
        train_n=train.n,
        test_n=test.n,
        restricted_n=restricted.n,
        excluded_n=excluded.n,
    )
