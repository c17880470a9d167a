"""Block 1 at the answer position in float64: the functionals it takes of the residual stream."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from mechval.transformer import Transformer
from mechval.two_sat.certify.parsing.first_block import BlockWeights, as_float64, block_weights
from mechval.two_sat.formulas.tokens import Vocabulary

_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class SecondBlock(BlockWeights):
    """Block 1 and the unembedding, asked from a frozen answer position.

    A target is a functional of the residual stream before the MLP: s against each other token
    (rivals, ``u`` first), then the pre-activation of every neuron whose effect is not negligible.
    Names that end in ``size`` are products of absolute values. ``rivals`` are s minus each other
    token, in the unembedding; ``answer`` is the frozen residual stream at the answer position.
    """

    rivals: Float[np.ndarray, "d_model rival"]
    answer: Float[np.ndarray, " d_model"]

    @cached_property
    def W_VO(self) -> Float[np.ndarray, "head_index d_model d_model"]:  # noqa: N802
        """W_V, then W_O."""
        return np.einsum("hde,hef->hdf", self.W_V, self.W_O)

    @cached_property
    def W_VO_size(self) -> Float[np.ndarray, "head_index d_model d_model"]:  # noqa: N802
        """The same in absolute values."""
        return np.abs(self.W_V) @ np.abs(self.W_O)

    @cached_property
    def effect(self) -> Float[np.ndarray, "d_mlp rival"]:
        """Of each neuron on s against each rival."""
        return self.W_out @ self.rivals

    @cached_property
    def effect_size(self) -> Float[np.ndarray, "d_mlp rival"]:
        """The same in absolute values."""
        return np.abs(self.W_out) @ np.abs(self.rivals)

    @property
    def constant(self) -> Float[np.ndarray, " rival"]:
        """What the MLP's output bias adds to s against each rival."""
        return self.b_out @ self.rivals

    @cached_property
    def chosen(self) -> Int[np.ndarray, " neuron"]:
        """The neurons that are targets."""
        most = np.abs(self.effect).max(axis=1)
        return np.flatnonzero(most > _NEGLIGIBLE * most.max())

    @cached_property
    def targets(self) -> Float[np.ndarray, "d_model target"]:
        """Rivals, then chosen neurons."""
        return np.concatenate([self.rivals, self.W_in[:, self.chosen]], axis=1)

    @cached_property
    def functionals(self) -> Float[np.ndarray, "d_model functional"]:
        """Of any position, head by head: its score, its key's coordinates, its value's targets."""
        parts = []
        for key, ask, output in zip(self.W_K, self.W_Q, self.W_VO, strict=True):
            parts += [(key @ (self.answer @ ask))[:, None], key, output @ self.targets]
        return np.concatenate(parts, axis=1)

    def answer_functionals(
        self, keys: Float[np.ndarray, "pos d_model"]
    ) -> Float[np.ndarray, "d_model functional"]:
        """Those of any position, then the targets, the query's coordinates, its products with keys.

        The keys are those of this frozen residual stream.
        """
        products = np.einsum("hde,hfe,pf->dph", self.W_Q, self.W_K, keys, optimize=True)
        parts = [self.functionals, self.targets, np.concatenate(self.W_Q, axis=1)]
        return np.concatenate([*parts, products.reshape(len(products), -1)], axis=1)

    def split(
        self, values: Float[np.ndarray, "formula pos functional"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score, key coordinates and targets of each head, from `functionals`."""
        d_head = self.W_K.shape[2]
        by_head = values.reshape(*values.shape[:2], len(self.W_Q), -1)
        return by_head[..., 0], by_head[..., 1 : 1 + d_head], by_head[..., 1 + d_head :]

    def split_answer(
        self, values: Float[np.ndarray, "formula functional"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Functionals of any position, targets, query coordinates and products with keys."""
        n_any, n_targets = self.functionals.shape[1], self.targets.shape[1]
        n_heads, _, d_head = self.W_Q.shape
        sizes = np.cumsum([n_any, n_targets, n_heads * d_head])
        usual, target, query, product = np.split(values, sizes, axis=1)
        n = len(values)
        products = np.moveaxis(product.reshape(n, -1, n_heads), 2, 1)
        return usual, target, query.reshape(n, n_heads, d_head), products

    def looked_at(
        self, frozen: Float[np.ndarray, "pos clause d_model"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score, targets of the value, and attention output, of every frozen position."""
        asked = np.einsum("d,hde->he", self.answer, self.W_Q)
        score = np.einsum("pcd,hde,he->pch", frozen, self.W_K, asked, optimize=True)
        output = np.einsum("pcd,hdf->pchf", frozen, self.W_VO, optimize=True)
        return score, output @ self.targets, output

    def largest_mid(self, largest: Float[np.ndarray, " d_model"]) -> np.ndarray:
        """Bound of the residual stream before the MLP, given one of that after block 0."""
        return largest + (largest @ self.W_VO_size).sum(axis=0)

    def margins(
        self, resid_mid: Float[np.ndarray, "formula d_model"]
    ) -> Float[np.ndarray, "formula rival"]:
        """Logit of s minus that of each rival, by all neurons."""
        hidden = np.maximum(resid_mid @ self.W_in + self.b_in, 0)
        return resid_mid @ self.rivals + hidden @ self.effect + self.constant


def read_second_block(
    model: Transformer, vocabulary: Vocabulary, answer: Float[np.ndarray, " d_model"]
) -> SecondBlock:
    """Copy block 1 and the unembedding of ``model`` to float64."""
    s, u = vocabulary.satisfiable, vocabulary.unsatisfiable
    others = [token for token in range(vocabulary.d_vocab) if token not in (s, u)]
    unembed = as_float64(model.W_U)
    rivals = unembed[:, [s]] - unembed[:, [u, *others]]
    return SecondBlock(**block_weights(model.block(1)), rivals=rivals, answer=answer)
