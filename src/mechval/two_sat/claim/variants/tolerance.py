"""Evaluate equivalence for every number of wrong neurons that may be tolerated, from one pass.

Source: paper section 4 (tolerances of 1, 2 and 4).
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
    """ε of evaluate equivalence for every number of neurons that may be wrong. ``distances`` say in
    how many neurons the two sides differ, for each sample."""
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
