"""Evaluate equivalence against how many neurons may be wrong: the whole curve from one measurement.

Source: PAPER.md section 2, variants.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Shaped
from torch import Tensor

from mechval import tables
from mechval.axioms import Estimate


@dataclass(frozen=True, kw_only=True)
class ToleranceRow(Estimate):
    """One point of the curve of one interpretation, whose residual plays no part."""

    tags: Mapping[str, str] = tables.told()
    tolerance: int = tables.told("wrong neurons tolerated")
    n_neurons: int = tables.told("neurons")


TOLERANCE = tables.Table("axioms/tolerance.csv", ToleranceRow)


def tolerance_curve(
    distances: Shaped[Tensor, " sample"],
    n_neurons: int,
    *,
    tags: Mapping[str, str],
    confidence: float,
) -> list[ToleranceRow]:
    """ε for every tolerance from 0 to all neurons.

    Args:
        distances: in how many neurons the two sides differ, for each sample.
    """
    within = distances.long().bincount(minlength=n_neurons + 1).cumsum(0)
    return [
        ToleranceRow(
            **vars(Estimate.of(count, len(distances), confidence)),
            tags=tags,
            tolerance=tolerance,
            n_neurons=n_neurons,
        )
        for tolerance, count in enumerate((len(distances) - within).tolist())
    ]
