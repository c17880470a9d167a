"""The network: embeddings, attention, ReLU MLP, unembedding; no LayerNorm; ``x @ W``."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.transformer.architecture import Architecture
from mechval.transformer.hooks import HookedModule, HookPoint, hook_names

Resid = Float[Tensor, "batch pos d_model"]
Heads = Float[Tensor, "batch pos head_index d_head"]
Queries = Float[Tensor, "batch query_pos head_index d_head"]
Pattern = Float[Tensor, "batch head_index query_pos key_pos"]
QueryPositions = Int[Tensor, " query_pos"]


def zero_matrix(rows: int, columns: int) -> nn.Parameter:
    """A matrix of weights that are not drawn yet."""
    return nn.Parameter(torch.zeros(rows, columns))


class Attended(NamedTuple):
    """Attention from some positions: scores before the softmax, scaled and masked; what it adds to
    the residual stream there."""

    scores: Pattern
    pattern: Pattern
    out: Float[Tensor, "batch query_pos d_model"]


class Attention(nn.Module):
    """Causal multi-head attention without biases; softmax scale 1/sqrt(d_head).

    Its matrices are stored with the heads side by side, so that a matrix optimizer sees them as the
    linear maps they are; ``W_Q`` and its siblings are views of TransformerLens shape.
    """

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.d_head = d_model // n_heads
        self.query, self.key = zero_matrix(d_model, d_model), zero_matrix(d_model, d_model)
        self.value, self.output = zero_matrix(d_model, d_model), zero_matrix(d_model, d_model)
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

    def pattern(self, resid_pre: Resid, query_positions: QueryPositions | None = None) -> Pattern:
        """Post-softmax attention, from all positions or from those asked for."""
        return self._softmax(*self._queries_and_keys(resid_pre, query_positions))

    def forward(
        self, resid_pre: Resid, query_positions: QueryPositions | None = None
    ) -> Float[Tensor, "batch query_pos d_model"]:
        """Attention output at all positions or at those asked for."""
        queries, keys, positions = self._queries_and_keys(resid_pre, query_positions)
        values = self._values(resid_pre)
        mixed = self._softmax(queries, keys, positions) @ values.transpose(1, 2)
        return self.hook_z(mixed.transpose(1, 2)).flatten(2) @ self.output

    def attend_from(self, resid_pre: Resid, query_positions: QueryPositions) -> Attended:
        """What `forward` gives at a few positions, up to rounding, in a fraction of its time.

        W_K is applied to the queries and W_V after the weighted mean, so that no key or value of
        another position is computed unless a function is set on its hook.
        """
        queries = self.hook_q(self._split(resid_pre[:, query_positions] @ self.query))
        scores = self._scores(self._products(queries, resid_pre), query_positions)
        pattern = self.hook_pattern(scores.softmax(dim=-1))
        mixed = self.hook_z(self._mixed(pattern, resid_pre))
        return Attended(scores, pattern, mixed.flatten(2) @ self.output)

    def _products(self, queries: Queries, resid_pre: Resid) -> Pattern:
        if self.hook_k.functions:
            return queries.transpose(1, 2) @ self._keys(resid_pre).permute(0, 2, 3, 1)
        sought = torch.einsum("bqhe,hde->bhqd", queries, self.W_K)
        products = sought.flatten(1, 2) @ resid_pre.transpose(1, 2)
        return products.unflatten(1, (self.n_heads, -1))

    def _mixed(self, pattern: Pattern, resid_pre: Resid) -> Queries:
        if self.hook_v.functions:
            return (pattern @ self._values(resid_pre).transpose(1, 2)).transpose(1, 2)
        pooled = (pattern.flatten(1, 2) @ resid_pre).unflatten(1, (self.n_heads, -1))
        return torch.einsum("bhqd,hde->bqhe", pooled, self.W_V)

    def _queries_and_keys(
        self, resid_pre: Resid, positions: QueryPositions | None
    ) -> tuple[Queries, Heads, QueryPositions]:
        """Of every head; the queries' positions, all where none are asked for, come third."""
        if positions is None:
            positions = torch.arange(resid_pre.shape[1], device=resid_pre.device)
        queries = self.hook_q(self._split(resid_pre[:, positions] @ self.query))
        return queries, self._keys(resid_pre), positions

    def _softmax(self, queries: Queries, keys: Heads, positions: QueryPositions) -> Pattern:
        products = queries.transpose(1, 2) @ keys.permute(0, 2, 3, 1)
        return self.hook_pattern(self._scores(products, positions).softmax(dim=-1))

    def _scores(self, products: Pattern, positions: QueryPositions) -> Pattern:
        scores = products / math.sqrt(self.d_head)
        future = torch.arange(scores.shape[-1], device=scores.device) > positions[:, None]
        return self.hook_attn_scores(scores.masked_fill(future, -torch.inf))

    def _keys(self, resid_pre: Resid) -> Heads:
        return self.hook_k(self._split(resid_pre @ self.key))

    def _values(self, resid_pre: Resid) -> Heads:
        return self.hook_v(self._split(resid_pre @ self.value))

    def _split(self, stacked: Resid) -> Heads:
        return stacked.unflatten(-1, (self.n_heads, self.d_head))

    def _per_head(
        self, matrix: Float[Tensor, "d_model d_model"]
    ) -> Float[Tensor, "head_index d_model d_head"]:
        return matrix.unflatten(1, (self.n_heads, self.d_head)).transpose(0, 1)


class MLP(nn.Module):
    """One hidden layer of ReLU neurons, with biases."""

    def __init__(self, d_model: int, d_mlp: int):
        super().__init__()
        self.W_in = zero_matrix(d_model, d_mlp)
        self.b_in = nn.Parameter(torch.zeros(d_mlp))
        self.W_out = zero_matrix(d_mlp, d_model)
        self.b_out = nn.Parameter(torch.zeros(d_model))
        self.hook_pre, self.hook_post = HookPoint(), HookPoint()

    def hidden(self, resid_mid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_mlp"]:
        """Post-ReLU activations (TransformerLens ``mlp.hook_post``)."""
        return self.hook_post(torch.relu(self.hook_pre(resid_mid @ self.W_in + self.b_in)))

    def project(self, hidden: Float[Tensor, "*batch d_mlp"]) -> Float[Tensor, "*batch d_model"]:
        """What the hidden layer adds to the residual stream (``hook_mlp_out``)."""
        return hidden @ self.W_out + self.b_out


class Block(nn.Module):
    """Attention, then MLP, each added to the residual stream."""

    def __init__(self, d_model: int, d_mlp: int, n_heads: int):
        super().__init__()
        self.attn = Attention(d_model, n_heads)
        self.mlp = MLP(d_model, d_mlp)
        self.hook_resid_pre, self.hook_attn_out = HookPoint(), HookPoint()
        self.hook_resid_mid, self.hook_mlp_out = HookPoint(), HookPoint()
        self.hook_resid_post = HookPoint()

    def forward(self, resid_pre: Resid) -> Resid:
        resid_pre = self.hook_resid_pre(resid_pre)
        resid_mid = self.hook_resid_mid(resid_pre + self.hook_attn_out(self.attn(resid_pre)))
        mlp_out = self.hook_mlp_out(self.mlp.project(self.mlp.hidden(resid_mid)))
        return self.hook_resid_post(resid_mid + mlp_out)


class Transformer(HookedModule):
    """Decoder-only transformer (paper: 2 blocks for 2-SAT, 1 block for modular addition). Hook
    functions act wherever the tensor they are set on is computed: in the forward pass, and in the
    part of it that a case study runs by itself. ``answer_logits`` refuses a hooked network."""

    def __init__(self, architecture: Architecture, *, d_vocab: int, n_ctx: int):
        super().__init__()
        self.architecture, self.d_vocab, self.n_ctx = architecture, d_vocab, n_ctx
        d_model = architecture.d_model
        self.W_E, self.W_pos = zero_matrix(d_vocab, d_model), zero_matrix(n_ctx, d_model)
        self.blocks = nn.ModuleList(
            Block(d_model, architecture.d_mlp, heads) for heads in architecture.n_heads
        )
        self.W_U = zero_matrix(d_model, d_vocab)
        self.hook_embed, self.hook_pos_embed = HookPoint(), HookPoint()
        self.hook_names = hook_names(len(self.blocks))
        self._name_hook_points()

    def block(self, index: int) -> Block:
        """The block with this index, typed."""
        block = self.blocks[index]
        assert isinstance(block, Block)
        return block

    def embed(self, tokens: Int[Tensor, "batch pos"]) -> Resid:
        """Token plus position embedding (``blocks.0.hook_resid_pre``)."""
        embedded = self.hook_embed(nn.functional.embedding(tokens, self.W_E))
        positions = self.W_pos[: tokens.shape[1]].expand(len(tokens), -1, -1)
        return embedded + self.hook_pos_embed(positions)

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        resid = self.embed(tokens)
        for block in self.blocks:
            resid = block(resid)
        return resid @ self.W_U

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights afresh: N(0, 1/d_model), the unembedding N(0, 1/d_vocab), biases 0.
        Source: paper section 4 (training) and the authors' code."""
        for name, parameter in self.named_parameters():
            variance = 1 / self.d_vocab if name == "W_U" else 1 / self.architecture.d_model
            with torch.no_grad():
                if parameter.ndim == 1:
                    parameter.zero_()
                else:
                    parameter.normal_(0, math.sqrt(variance), generator=generator)
