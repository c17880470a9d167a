"""How the loss depends on the key frequencies: restricted to them, and with them excluded.

Source: Nanda et al., ICLR 2023 (progress measures of that paper).
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechval.modular_addition.circuit.extract import keep_sum_waves
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition
from mechval.reporting.tables import Row


def parts_of_inputs(problem: ModularAddition, split: Split) -> dict[str, Int[Tensor, " part"]]:
    """The inputs that losses are means over: ``all``, and the two parts of the split."""
    return {
        "all": torch.arange(problem.n_pairs),
        "train": torch.from_numpy(split.train),
        "held-out": torch.from_numpy(split.test),
    }


def loss_rows(
    problem: ModularAddition,
    logits: Float[Tensor, "pair d_vocab"],
    frequencies: Int[Tensor, " frequency"],
    parts: Mapping[str, Int[Tensor, " part"]],
) -> list[Row]:
    """Cross-entropy and accuracy of the network and of its ablations, per part of the inputs.

    ``restricted`` keeps of each logit its mean over all inputs and the waves of ``a + b`` at the
    key frequencies; ``excluded`` takes those waves away and keeps the rest; ``excluded k`` takes
    away those of one key frequency.

    Args:
        parts: names sets of inputs, by index.
    """
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
    answers = problem.answers(problem.all_pairs())
    return [
        {
            "logits": name,
            "inputs": part,
            "n": len(indices),
            "loss": float(functional.cross_entropy(kept[indices], answers[indices])),
            "accuracy": float((kept[indices].argmax(dim=1) == answers[indices]).double().mean()),
        }
        for name, kept in variants.items()
        for part, indices in parts.items()
    ]
