"""Linear translations between the network's states and waves, fitted to it, and what they prove.

Every translation is an affine map fitted by least squares; where several fit equally well (more
features than points), the one of least norm. Such a map reproduces *any* targets on the points it
was fitted on, so an equivalence measured there cannot fail: it is vacuous (deviation D4). The α_2
that carries the claim is fitted with a penalty (deviation U17).

Source: paper section 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from sklearn.linear_model import LinearRegression, RidgeCV
from torch import Tensor

from mechval.errors import MechvalError
from mechval.modular_addition.circuit.fourier import round_waves, waves
from mechval.modular_addition.circuit.program_waves import Selection
from mechval.modular_addition.network.components import Activations, AnswerState
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer

NO_CLAIM = (
    "The claim cannot be stated: there are no key frequencies, since none stands out of what the "
    "neurons write into the logits (a network that has not grokked may have none)."
)
HALF_TOKENS = "half_tokens"
"""α_1 by regression on half of the numbers, to be judged on the others."""
PENALTIES = np.logspace(-6, 6, 49)
"""Those of ridge regression among which cross-validation chooses, for every network."""


@dataclass(frozen=True)
class Affine:
    """``x @ weight + bias`` in float64, on the device of ``x``.

    It was fitted on so many points of so many features each; an intercept comes on top.
    """

    weight: Float64[Tensor, "features targets"]
    bias: Float64[Tensor, " targets"]
    n_points: int
    n_features: int

    def __call__(self, x: Float[Tensor, "*batch features"]) -> Float64[Tensor, "*batch targets"]:
        return x.double() @ self.weight.to(x.device) + self.bias.to(x.device)

    @property
    def is_vacuous(self) -> bool:
        """Whether it reproduces any targets whatever (points in general position)."""
        return self.n_points <= self.n_features + 1


def fit_affine(
    features: Float[Tensor, "point features"], targets: Float[Tensor, "point targets"]
) -> Affine:
    """Least squares with an intercept."""
    return _fit(LinearRegression(), features, targets)


def fit_ridge(
    features: Float[Tensor, "point features"], targets: Float[Tensor, "point targets"]
) -> Affine:
    """Least squares with an intercept and the penalty that predicts best each point left out."""
    return _fit(RidgeCV(alphas=PENALTIES), features, targets)


def _fit(
    regression: LinearRegression | RidgeCV,
    features: Float[Tensor, "point features"],
    targets: Float[Tensor, "point targets"],
) -> Affine:
    fitted = regression.fit(features.cpu().double().numpy(), targets.cpu().double().numpy())
    return Affine(
        weight=torch.from_numpy(np.ascontiguousarray(np.asarray(fitted.coef_).T)),
        bias=torch.from_numpy(np.asarray(fitted.intercept_)),
        n_points=len(features),
        n_features=features.shape[1],
    )


def pseudo_inverse(affine: Affine) -> Affine:
    """The map back: exact on what ``affine`` writes, a projection everywhere else.

    It inherits the points and the features of the map it inverts: it can only reproduce what that
    map can write.
    """
    # Embeddings are float32: what lies below its rounding is no wave that could be read off.
    rounding = torch.finfo(torch.float32).eps * max(affine.weight.shape)
    weight = torch.linalg.pinv(affine.weight, rtol=rounding)
    return replace(affine, weight=weight, bias=-affine.bias @ weight)


@dataclass(frozen=True)
class Translations:
    """Everything fitted to one network: α_1 and α_2 by each reading, γ_1, γ_2.

    ``readers`` map the embedding of one number to the waves that the program holds (pairs of cosine
    and sine, flattened, in the order of ``selection.held``), by how they were had: ``all_tokens``
    (regression on all numbers, the paper's), ``pseudo_inverse`` (of ``writer``, the way back),
    ``half_tokens`` if it was asked for. γ_1 puts ``equals``, the embedding of ``=``, at the last
    position. ``sum_readers`` map hidden activations to the added waves of ``a + b``, beside
    ``all_tokens`` by plain regression (the paper's), beside the others by ridge regression;
    ``sum_writer`` maps back; γ_2 puts in the train mean of the residual stream. ``constant_label``
    is the most frequent label on fitting inputs.
    """

    selection: Selection
    readers: Mapping[str, Affine]
    writer: Affine
    equals: Float[Tensor, " d_model"]
    sum_readers: Mapping[str, Affine]
    sum_writer: Affine
    mean_resid_mid: Float[Tensor, " d_model"]
    constant_label: int

    def alpha_1(
        self,
        embedded: Float[Tensor, "batch pos d_model"],
        reading: str,
        decimals: int | None = None,
    ) -> Float64[Tensor, "batch number frequency 2"]:
        """The waves of ``a`` and ``b``, read off their embeddings, rounded to ``decimals``."""
        read = self.readers[reading](embedded[:, :-1]).unflatten(-1, (-1, 2))
        return round_waves(read, decimals)

    def gamma_1(
        self, numbers: Float64[Tensor, "batch number frequency 2"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Embeddings made of waves alone, and that of ``=``."""
        written = self.writer(numbers.flatten(2)).to(self.equals.dtype)
        equals = self.equals.to(written.device).expand(len(written), 1, -1)
        return torch.cat([written, equals], dim=1)

    def alpha_2(self, state: AnswerState, reading: str) -> Float64[Tensor, "batch frequency 2"]:
        """The waves of ``a + b``, read off the hidden activations; nothing else is read."""
        return self.sum_readers[reading](state.hidden).unflatten(-1, (-1, 2))

    def gamma_2(self, total: Float64[Tensor, "batch frequency 2"]) -> AnswerState:
        """Hidden activations made of waves alone, beside the mean residual stream."""
        hidden = self.sum_writer(total.flatten(1)).to(self.mean_resid_mid.dtype)
        return AnswerState(hidden, self.mean_resid_mid.to(total.device).expand(len(total), -1))


def fit_translations(
    model: Transformer,
    problem: ModularAddition,
    selection: Selection,
    activations: Activations,
    train: Int[Tensor, " train"],
    *,
    half: Int[Tensor, " token"] | None = None,
) -> Translations:
    """Fit those of cut 1 on all numbers, as in the paper, those of cut 2 on the train inputs.

    On the numbers ``half`` a third α_1, named ``half_tokens``, is fitted by regression. Raises
    MechvalError if there are no frequencies to translate to.
    """
    if len(selection.held) == 0:
        raise MechvalError(NO_CLAIM)
    embedding = model.W_E.detach().cpu()
    numbers, table = embedding[: problem.p], waves(problem.p, selection.held)
    writer = fit_affine(table.flatten(1), numbers)
    readers = {
        "all_tokens": fit_affine(numbers, table.flatten(1)),
        "pseudo_inverse": pseudo_inverse(writer),
    }
    if half is not None:
        readers[HALF_TOKENS] = fit_affine(numbers[half], table[half].flatten(1))
    added = table[:, : len(selection.added)]
    sums = added[problem.answers(problem.pairs(train))].flatten(1)
    hidden, resid_mid = activations.hidden[train], activations.resid_mid[train]
    plain, ridge = fit_affine(hidden, sums), fit_ridge(hidden, sums)
    return Translations(
        selection=selection,
        readers=readers,
        writer=writer,
        equals=embedding[problem.equals_token],
        sum_readers={name: plain if name == "all_tokens" else ridge for name in readers},
        sum_writer=fit_affine(sums, hidden),
        mean_resid_mid=resid_mid.double().mean(dim=0).to(resid_mid.dtype),
        constant_label=int(activations.labels[train].mode().values),
    )
