"""Causal multi-head attention.

Its matrices are stored with the heads side by side, so that a matrix optimizer sees them as the
linear maps they are; ``W_Q`` and its siblings are views under the TransformerLens names and shapes.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.transformer.hooks import HookPoint


class Attention(nn.Module):
    """Causal multi-head attention without biases; softmax scale 1/sqrt(d_head)."""

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.d_head = d_model // n_heads
        self.query = zero_matrix(d_model, d_model)
        self.key = zero_matrix(d_model, d_model)
        self.value = zero_matrix(d_model, d_model)
        self.output = zero_matrix(d_model, d_model)
        self.hook_q, self.hook_k, self.hook_v = HookPoint(), HookPoint(), HookPoint()
        self.hook_attn_scores, self.hook_pattern = HookPoint(), HookPoint()
        self.hook_z = HookPoint()

    @property
    def W_Q(self) -> Float[Tensor, "head_index d_model d_head"]:  # noqa: N802
        return self._per_head(self.query)

    @property
    def W_K(self) -> Float[Tensor, "head_index d_model d_head"]:  # noqa: N802
        return self._per_head(self.key)

    @property
    def W_V(self) -> Float[Tensor, "head_index d_model d_head"]:  # noqa: N802
        return self._per_head(self.value)

    @property
    def W_O(self) -> Float[Tensor, "head_index d_head d_model"]:  # noqa: N802
        return self.output.unflatten(0, (self.n_heads, self.d_head))

    def pattern(
        self,
        resid_pre: Float[Tensor, "batch pos d_model"],
        query_positions: Int[Tensor, " query_pos"] | None = None,
    ) -> Float[Tensor, "batch head_index query_pos key_pos"]:
        """Post-softmax attention, from all positions or from those asked for."""
        positions = _or_all(query_positions, resid_pre)
        return self._softmax(*self._queries_and_keys(resid_pre, positions), positions)

    def forward(
        self,
        resid_pre: Float[Tensor, "batch pos d_model"],
        query_positions: Int[Tensor, " query_pos"] | None = None,
    ) -> Float[Tensor, "batch query_pos d_model"]:
        """Attention output at all positions or at those asked for."""
        positions = _or_all(query_positions, resid_pre)
        queries, keys = self._queries_and_keys(resid_pre, positions)
        values = self.hook_v(self._split(resid_pre @ self.value))
        mixed = self._softmax(queries, keys, positions) @ values.transpose(1, 2)
        return self.hook_z(mixed.transpose(1, 2)).flatten(2) @ self.output

    def _queries_and_keys(
        self, resid_pre: Float[Tensor, "batch pos d_model"], positions: Int[Tensor, " query_pos"]
    ) -> tuple[
        Float[Tensor, "batch query_pos head_index d_head"],
        Float[Tensor, "batch pos head_index d_head"],
    ]:
        queries = self.hook_q(self._split(resid_pre[:, positions] @ self.query))
        return queries, self.hook_k(self._split(resid_pre @ self.key))

    def _softmax(
        self,
        queries: Float[Tensor, "batch query_pos head_index d_head"],
        keys: Float[Tensor, "batch key_pos head_index d_head"],
        positions: Int[Tensor, " query_pos"],
    ) -> Float[Tensor, "batch head_index query_pos key_pos"]:
        scores = queries.transpose(1, 2) @ keys.permute(0, 2, 3, 1) / math.sqrt(self.d_head)
        key_positions = torch.arange(keys.shape[1], device=keys.device)
        future = key_positions[None, :] > positions[:, None]
        masked = self.hook_attn_scores(scores.masked_fill(future, -torch.inf))
        return self.hook_pattern(masked.softmax(dim=-1))

    def _split(
        self, stacked: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos head_index d_head"]:
        return stacked.unflatten(-1, (self.n_heads, self.d_head))

    def _per_head(
        self, matrix: Float[Tensor, "d_model d_model"]
    ) -> Float[Tensor, "head_index d_model d_head"]:
        return matrix.unflatten(1, (self.n_heads, self.d_head)).transpose(0, 1)


def zero_matrix(rows: int, columns: int) -> nn.Parameter:
    """A matrix of weights that are not drawn yet."""
    return nn.Parameter(torch.zeros(rows, columns))


def _or_all(
    positions: Int[Tensor, " query_pos"] | None, resid: Float[Tensor, "batch pos d_model"]
) -> Int[Tensor, " query_pos"]:
    return torch.arange(resid.shape[1], device=resid.device) if positions is None else positions
