"""γ_2 by regression on the bits; the paper's puts neurons at constants and all else at its mean."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from mechval.two_sat.network.components import AnswerState


@dataclass(frozen=True)
class RegressedState:
    """γ_2 by regression: the state at cut 2 as a linear function of the bits. The first row is the
    state where no neuron is on, then comes what each one that is on adds."""

    hidden: Float[Tensor, "coefficient d_mlp"]
    resid_mid: Float[Tensor, "coefficient d_model"]

    def gamma(self, bits: Bool[Tensor, "batch neuron"]) -> AnswerState:
        """The state that the bits predict; activations below 0 do not exist and are raised to 0."""
        known = with_constant(bits)
        return AnswerState((known @ self.hidden).clamp(min=0), known @ self.resid_mid)

    def to(self, device: torch.device) -> "RegressedState":
        return RegressedState(self.hidden.to(device), self.resid_mid.to(device))


def fit_regression(bits: Bool[Tensor, "formula neuron"], states: AnswerState) -> RegressedState:
    """Regress the state on the network's own bits, over the fitting split."""
    return RegressedState(*least_squares(bits, states.hidden, states.resid_mid))


def least_squares(
    known: Bool[Tensor, "formula _"] | Int[Tensor, "formula _"], *values: Float[Tensor, "formula _"]
) -> Iterator[Float[Tensor, "coefficient _"]]:
    """The shortest of the best linear predictions of each of the values, fitted in float64."""
    given = with_constant(known).double()
    inverse = torch.linalg.pinv(given.T @ given, hermitian=True)
    for value in values:
        yield (inverse @ (given.T @ value.double())).float()


def with_constant(known: Tensor) -> Float[Tensor, "batch coefficient"]:
    return pad(known.float(), (1, 0), value=1.0)
