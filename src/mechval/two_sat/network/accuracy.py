"""How often the network is right, in all and by class."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from mechval import tables
from mechval.axioms import clopper_pearson_upper
from mechval.transformer import Transformer
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.activations import token_batches
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem

CONFIDENCE = 0.95


@dataclass(frozen=True)
class ClassCount:
    """Formulas of one class, and how many get another answer."""

    n: int = tables.told("N")
    wrong_count: int = tables.count("wrong")


@dataclass(frozen=True)
class Accuracy:
    """Accuracy over all classes, with a one-sided bound (Clopper-Pearson)."""

    n: int = tables.told("N")
    wrong_count: int = tables.count("wrong")
    accuracy: float = tables.rate()
    accuracy_lower: float = tables.rate("lower bound")
    confidence: float = tables.told(unit="%")
    classes: Mapping[str, ClassCount] = tables.told()


ACCURACY = tables.Record("train/metrics.json", Accuracy)


@torch.inference_mode()
def measure_accuracy(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> Accuracy:
    """Count wrong answers, the answer being the argmax over all tokens."""
    components = Components(model.to(device), problem)
    vocabulary = components.vocabulary
    wrong = []
    for tokens, satisfiable in token_batches(problem, split, device, "accuracy"):
        logits = components.answer_logits(components.evaluate(components.parse(tokens)))
        answers = torch.where(satisfiable, vocabulary.satisfiable, vocabulary.unsatisfiable)
        wrong.append((logits.argmax(dim=-1) != answers).cpu().numpy())
    is_wrong, n = np.concatenate(wrong), len(split)
    n_wrong = int(is_wrong.sum())
    masks = {"satisfiable": split.satisfiable, "unsatisfiable": ~split.satisfiable}
    return Accuracy(
        n=n,
        wrong_count=n_wrong,
        accuracy=1 - n_wrong / n,
        accuracy_lower=1 - clopper_pearson_upper(n_wrong, n, CONFIDENCE),
        confidence=CONFIDENCE,
        classes={
            name: ClassCount(int(mask.sum()), int(is_wrong[mask].sum()))
            for name, mask in masks.items()
        },
    )
