"""How the loss depends on the key frequencies: restricted to them, and with them excluded.

Source: Nanda et al., ICLR 2023 (the progress measures of that paper).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechval import tables
from mechval.modular_addition.circuit.extract import keep_sum_waves
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition


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


LOSSES = tables.Table("circuit/losses.csv", Loss)


def losses_of(
    problem: ModularAddition,
    logits: Float[Tensor, "pair d_vocab"],
    frequencies: Int[Tensor, " frequency"],
    split: Split,
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
