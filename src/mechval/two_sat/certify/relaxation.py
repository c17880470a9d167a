"""The MLP between two linear maps: each neuron replaced by one linear function below its effect.

Over a range that does not cross 0 a ReLU neuron is linear. Over one that does, a functional that
it pushes up is bounded from below by 0 or by the pre-activation itself, whichever loses less area;
one that it pushes down, by the chord (the ReLU is convex).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mechval.two_sat.certify.first_block import FirstBlock


@dataclass(frozen=True, eq=False)
class Ranges:
    """Of every neuron's pre-activation, per case."""

    lower: Float[np.ndarray, "case d_mlp"]
    upper: Float[np.ndarray, "case d_mlp"]

    @property
    def n_unstable(self) -> Int[np.ndarray, " case"]:
        """How many neurons may be on or off."""
        return ((self.lower < 0) & (self.upper > 0)).sum(axis=1)


@dataclass(frozen=True, eq=False)
class LinearBound:
    """``functional`` of the residual stream before the MLP plus ``constant``: below the target."""

    functional: Float[np.ndarray, "case d_model target"]
    constant: Float[np.ndarray, "case target"]


def bound_after_mlp(
    block: FirstBlock, ranges: Ranges, targets: Float[np.ndarray, "d_model target"]
) -> LinearBound:
    """Bound functionals of the residual stream after the MLP from below, for every case."""
    effect = block.W_out @ targets
    slope, offset = _below_relu(effect[None], ranges.lower[:, :, None], ranges.upper[:, :, None])
    constant = offset.sum(axis=1) + np.einsum("n,cnt->ct", block.b_in, slope)
    return LinearBound(targets + block.W_in @ slope, constant + block.b_out @ targets)


def _below_relu(
    effect: Float[np.ndarray, "1 d_mlp target"],
    lower: Float[np.ndarray, "case d_mlp 1"],
    upper: Float[np.ndarray, "case d_mlp 1"],
) -> tuple[Float[np.ndarray, "case d_mlp target"], Float[np.ndarray, "case d_mlp target"]]:
    """Slope and offset of a line at or below ``effect * relu(z)`` for z from lower to upper."""
    is_unstable = (lower < 0) & (upper > 0)
    width = np.where(is_unstable, upper - lower, 1.0)
    chord = np.where(is_unstable, upper / width, lower >= 0)
    tangent = np.where(is_unstable, upper > -lower, lower >= 0)
    slope = effect * np.where(effect < 0, chord, tangent)
    # At both ends of the chord; what rounding the slope costs is part of the numerical error.
    ends = np.minimum(-slope * lower, effect * upper - slope * upper)
    return slope, np.where(is_unstable & (effect < 0), ends, 0.0)
