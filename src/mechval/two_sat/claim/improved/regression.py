"""The evaluate component's γ as a regression: the state at cut 2 as a linear function of the bits.

The paper's γ_2 puts every neuron at one of two constants and all else at its mean. Here the
hidden layer and the residual stream beside it are what least squares says that they are on
average, given the bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.two_sat.network.components import AnswerState


@dataclass(frozen=True)
class RegressedState:
    """γ_2 by regression.

    Attributes:
        hidden: hidden layer where no neuron is on, then what each neuron that is on adds.
        resid_mid: the same for the residual stream after block 1's attention.
    """

    hidden: Float[Tensor, "coefficient d_mlp"]
    resid_mid: Float[Tensor, "coefficient d_model"]

    def gamma(self, bits: Bool[Tensor, "batch neuron"]) -> AnswerState:
        """The state that the bits predict; activations below 0 do not exist and are raised to 0."""
        known = _with_constant(bits)
        return AnswerState((known @ self.hidden).clamp(min=0), known @ self.resid_mid)

    def to(self, device: torch.device) -> "RegressedState":
        """The same on another device."""
        return RegressedState(self.hidden.to(device), self.resid_mid.to(device))


def fit_regression(bits: Bool[Tensor, "formula neuron"], states: AnswerState) -> RegressedState:
    """Least squares of the state on the network's own bits, over the fitting split, in float64.

    Where bits determine each other the shortest of all solutions is taken.
    """
    return RegressedState(*least_squares(_with_constant(bits), states.hidden, states.resid_mid))


def least_squares(
    known: Float[Tensor, "formula coefficient"], *values: Float[Tensor, "formula _"]
) -> Iterator[Float[Tensor, "coefficient _"]]:
    """The shortest of the best linear predictions of each of the values, fitted in float64."""
    known = known.double()
    inverse = torch.linalg.pinv(known.T @ known, hermitian=True)
    for value in values:
        yield (inverse @ (known.T @ value.double())).float()


def _with_constant(bits: Bool[Tensor, "batch neuron"]) -> Float[Tensor, "batch coefficient"]:
    return torch.nn.functional.pad(bits.float(), (1, 0), value=1.0)
