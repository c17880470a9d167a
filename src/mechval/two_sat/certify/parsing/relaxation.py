"""The MLP between two linear maps: each neuron replaced by one linear function below its effect.

Over a range that does not cross 0 a ReLU neuron is linear. Over one that does, a functional that
it pushes up is bounded from below by 0 or by the pre-activation itself, whichever loses less area;
one that it pushes down, by the chord (the ReLU is convex).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mechval.two_sat.certify.parsing.first_block import FirstBlock


@dataclass(frozen=True, eq=False)
class Ranges:
    """Of every neuron's pre-activation."""

    lower: Float[np.ndarray, " d_mlp"]
    upper: Float[np.ndarray, " d_mlp"]

    @property
    def is_unstable(self) -> Bool[np.ndarray, " d_mlp"]:
        """Which neurons may be on or off."""
        return (self.lower < 0) & (self.upper > 0)


@dataclass(frozen=True, eq=False)
class LinearBound:
    """``functional`` of the residual stream before the MLP plus ``constant``: below the target."""

    functional: Float[np.ndarray, "d_model target"]
    constant: Float[np.ndarray, " target"]


def bound_after_mlp(
    block: FirstBlock, ranges: Ranges, targets: Float[np.ndarray, "d_model target"]
) -> LinearBound:
    """Bound functionals of the residual stream after the MLP from below."""
    always_on, unstable = ranges.lower >= 0, ranges.is_unstable
    effect = block.W_out @ targets
    slope, offset = _below_relu(
        effect[unstable], ranges.lower[unstable, None], ranges.upper[unstable, None]
    )
    functional = targets + block.W_in[:, always_on] @ effect[always_on]
    constant = block.b_in[always_on] @ effect[always_on] + block.b_in[unstable] @ slope
    return LinearBound(
        functional + block.W_in[:, unstable] @ slope,
        constant + offset.sum(axis=0) + block.b_out @ targets,
    )


def _below_relu(
    effect: Float[np.ndarray, "neuron target"],
    lower: Float[np.ndarray, "neuron 1"],
    upper: Float[np.ndarray, "neuron 1"],
) -> tuple[Float[np.ndarray, "neuron target"], Float[np.ndarray, "neuron target"]]:
    """Slope and offset of a line at or below ``effect * relu(z)`` from lower < 0 to upper > 0."""
    slope = effect * np.where(effect < 0, upper / (upper - lower), upper > -lower)
    # At both ends of the chord; what rounding the slope costs is part of the numerical error.
    ends = np.minimum(-slope * lower, effect * upper - slope * upper)
    return slope, np.where(effect < 0, ends, 0.0)
