"""Evaluate equivalence against how many neurons may be wrong: the whole curve from one measurement.

Source: PAPER.md section 2, variants.
"""

from dataclasses import dataclass

from jaxtyping import Shaped
from torch import Tensor

from mechval.axioms import EvidenceKind, clopper_pearson_upper


@dataclass(frozen=True)
class ToleranceRow:
    """One point of the curve of one interpretation.

    Attributes:
        tolerance: how many neurons may be wrong.
        n_neurons: how many there are.
    """

    variant: str
    version: str
    reading: str
    tolerance: int
    n_neurons: int
    n: int
    disagreements: int
    rate: float
    epsilon: float
    kind: EvidenceKind


def disagreements_by_tolerance(distances: Shaped[Tensor, " sample"], n_parts: int) -> list[int]:
    """On how many samples more than 0, 1, … ``n_parts`` parts differ.

    >>> import torch
    >>> disagreements_by_tolerance(torch.tensor([0, 2, 2, 3]), 3)
    [3, 3, 1, 0]
    """
    counts = distances.long().bincount(minlength=n_parts + 1)
    return (len(distances) - counts.cumsum(0)).tolist()


def tolerance_curve(
    distances: Shaped[Tensor, " sample"],
    n_neurons: int,
    *,
    variant: str,
    version: str,
    reading: str,
    confidence: float,
) -> list[ToleranceRow]:
    """ε for every tolerance from 0 to all neurons.

    Args:
        distances: in how many neurons the two sides differ, for each sample.
    """
    n = len(distances)
    return [
        ToleranceRow(
            variant=variant,
            version=version,
            reading=reading,
            tolerance=tolerance,
            n_neurons=n_neurons,
            n=n,
            disagreements=count,
            rate=count / n,
            epsilon=clopper_pearson_upper(count, n, confidence),
            kind=EvidenceKind.SAMPLED,
        )
        for tolerance, count in enumerate(disagreements_by_tolerance(distances, n_neurons))
    ]
