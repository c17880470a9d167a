"""Linear translations between the network's states and waves, and what they can prove.

Every translation is an affine map fitted by least squares; where several fit equally well (more
features than points), the one of least norm. Such a map reproduces *any* targets on the points it
was fitted on, so an equivalence measured there cannot fail: it is vacuous (deviation D4).

Source: PAPER.md section 3.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from sklearn.linear_model import LinearRegression
from torch import Tensor

from mechval.modular_addition.network.components import AnswerState


@dataclass(frozen=True)
class Affine:
    """``x @ weight + bias`` in float64.

    Attributes:
        n_points: on how many points it was fitted.
        n_features: how many numbers a point had when the map was fitted; an intercept comes on top.
    """

    weight: Float64[Tensor, "features targets"]
    bias: Float64[Tensor, " targets"]
    n_points: int
    n_features: int

    def __call__(self, x: Float[Tensor, "*batch features"]) -> Float64[Tensor, "*batch targets"]:
        return x.double() @ self.weight + self.bias

    def to(self, device: torch.device) -> "Affine":
        """The same map on a device."""
        return Affine(self.weight.to(device), self.bias.to(device), self.n_points, self.n_features)

    @property
    def is_vacuous(self) -> bool:
        """Whether it reproduces any targets whatever (points in general position)."""
        return self.n_points <= self.n_features + 1

    @property
    def sizes(self) -> str:
        """On how much it was fitted."""
        return f"{self.n_points:,} points, {self.n_features} features"


def fit_affine(
    features: Float[Tensor, "point features"], targets: Float[Tensor, "point targets"]
) -> Affine:
    """Least squares with an intercept."""
    fitted = LinearRegression().fit(features.cpu().double().numpy(), targets.cpu().double().numpy())
    return Affine(
        weight=torch.from_numpy(np.ascontiguousarray(np.transpose(fitted.coef_))),
        bias=torch.from_numpy(np.asarray(fitted.intercept_)),
        n_points=len(features),
        n_features=features.shape[1],
    )


def pseudo_inverse(affine: Affine) -> Affine:
    """The map back: exact on what ``affine`` writes, a projection everywhere else.

    It inherits the points and the features of the map it inverts: it can only reproduce what that
    map can write.
    """
    weight = torch.linalg.pinv(affine.weight)
    return Affine(weight, -affine.bias @ weight, affine.n_points, affine.n_features)


@dataclass(frozen=True)
class EmbeddingTranslation:
    """Cut 1: the waves of ``a`` and ``b`` against the token embeddings.

    Attributes:
        read: α_1 of one number: embedding to waves (K pairs of cosine and sine, flattened).
        write: γ_1 of one number: waves to embedding.
        equals: the embedding of ``=``, which γ_1 puts at the last position.
    """

    read: Affine
    write: Affine
    equals: Float[Tensor, " d_model"]

    def alpha(
        self, embedded: Float[Tensor, "batch pos d_model"]
    ) -> Float64[Tensor, "batch number frequency 2"]:
        """The waves read off the embeddings of ``a`` and ``b`` (α_1)."""
        return self.read(embedded[:, :-1]).unflatten(-1, (-1, 2))

    def gamma(
        self, numbers: Float64[Tensor, "batch number frequency 2"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Embeddings made of waves alone, and that of ``=`` (γ_1)."""
        written = self.write(numbers.flatten(2)).to(self.equals.dtype)
        return torch.cat([written, self.equals.expand(len(written), 1, -1)], dim=1)


@dataclass(frozen=True)
class SumTranslation:
    """Cut 2: the waves of ``a + b`` against the hidden layer at ``=``.

    Attributes:
        read: α_2: hidden activations to waves.
        write: γ_2: waves to hidden activations.
        mean_resid_mid: the train mean of the residual stream, which γ_2 puts in.
    """

    read: Affine
    write: Affine
    mean_resid_mid: Float[Tensor, " d_model"]

    def alpha(self, state: AnswerState) -> Float64[Tensor, "batch frequency 2"]:
        """The waves read off the hidden activations; the residual stream is not read (α_2)."""
        return self.read(state.hidden).unflatten(-1, (-1, 2))

    def gamma(self, total: Float64[Tensor, "batch frequency 2"]) -> AnswerState:
        """Hidden activations made of waves alone, beside the mean residual stream (γ_2)."""
        dtype = self.mean_resid_mid.dtype
        return AnswerState(
            self.write(total.flatten(1)).to(dtype),
            self.mean_resid_mid.expand(len(total), -1),
        )

    def to(self, device: torch.device) -> "SumTranslation":
        """The same maps on a device."""
        return SumTranslation(
            self.read.to(device), self.write.to(device), self.mean_resid_mid.to(device)
        )


def fit_embedding_writer(
    embedding: Float[Tensor, "p d_model"], waves: Float64[Tensor, "p frequency 2"]
) -> Affine:
    """γ_1 of one number, fitted on all p of them."""
    return fit_affine(waves.flatten(1), embedding)


def read_by_regression(
    embedding: Float[Tensor, "p d_model"],
    waves: Float64[Tensor, "p frequency 2"],
    tokens: Int[Tensor, " token"],
) -> Affine:
    """α_1 of one number by regression on the given tokens (the paper's, if they are all)."""
    return fit_affine(embedding[tokens], waves[tokens].flatten(1))


def read_by_inversion(
    embedding: Float[Tensor, "p d_model"],
    waves: Float64[Tensor, "p frequency 2"],
    tokens: Int[Tensor, " token"],
) -> Affine:
    """α_1 of one number as the pseudo-inverse of γ_1 on the given tokens."""
    return pseudo_inverse(fit_affine(waves[tokens].flatten(1), embedding[tokens]))


def fit_sum_translation(
    hidden: Float[Tensor, "pair d_mlp"],
    resid_mid: Float[Tensor, "pair d_model"],
    total: Float64[Tensor, "pair frequency 2"],
) -> SumTranslation:
    """α_2, γ_2 and the mean residual stream, fitted on the given (train) inputs."""
    targets = total.flatten(1)
    return SumTranslation(
        read=fit_affine(hidden, targets),
        write=fit_affine(targets, hidden),
        mean_resid_mid=resid_mid.double().mean(dim=0).to(resid_mid.dtype),
    )
