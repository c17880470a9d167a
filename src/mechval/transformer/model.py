"""The network: embeddings, causal attention, ReLU MLP, unembedding; no LayerNorm.

Maps act as ``x @ W``. Attention matrices are stored with the heads side by side, so that a
matrix optimizer sees them as the linear maps they are; ``W_Q`` and its siblings are views under
the TransformerLens names and shapes.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.transformer.architecture import Architecture


class Attention(nn.Module):
    """Causal multi-head attention without biases; softmax scale 1/sqrt(d_head)."""

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.d_head = d_model // n_heads
        self.query = _matrix(d_model, d_model)
        self.key = _matrix(d_model, d_model)
        self.value = _matrix(d_model, d_model)
        self.output = _matrix(d_model, d_model)

    @property
    def W_Q(self) -> Float[Tensor, "head_index d_model d_head"]:
        return self._per_head(self.query)

    @property
    def W_K(self) -> Float[Tensor, "head_index d_model d_head"]:
        return self._per_head(self.key)

    @property
    def W_V(self) -> Float[Tensor, "head_index d_model d_head"]:
        return self._per_head(self.value)

    @property
    def W_O(self) -> Float[Tensor, "head_index d_head d_model"]:
        return self.output.unflatten(0, (self.n_heads, self.d_head))

    def pattern(
        self,
        resid_pre: Float[Tensor, "batch pos d_model"],
        query_positions: Int[Tensor, " query_pos"] | None = None,
    ) -> Float[Tensor, "batch head_index query_pos key_pos"]:
        """Post-softmax attention, from all positions or from those asked for."""
        n_ctx = resid_pre.shape[1]
        if query_positions is None:
            query_positions = torch.arange(n_ctx, device=resid_pre.device)
        queries = self._split(resid_pre[:, query_positions] @ self.query)
        keys = self._split(resid_pre @ self.key)
        scores = queries @ keys.transpose(-1, -2) / math.sqrt(self.d_head)
        key_positions = torch.arange(n_ctx, device=resid_pre.device)
        future = key_positions[None, :] > query_positions[:, None]
        return scores.masked_fill(future, -torch.inf).softmax(dim=-1)

    def forward(
        self,
        resid_pre: Float[Tensor, "batch pos d_model"],
        query_positions: Int[Tensor, " query_pos"] | None = None,
    ) -> Float[Tensor, "batch query_pos d_model"]:
        """Attention output at all positions or at those asked for."""
        values = self._split(resid_pre @ self.value)
        mixed = self.pattern(resid_pre, query_positions) @ values
        return mixed.transpose(1, 2).flatten(2) @ self.output

    def _split(
        self, stacked: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch head_index pos d_head"]:
        return stacked.unflatten(-1, (self.n_heads, self.d_head)).transpose(1, 2)

    def _per_head(
        self, matrix: Float[Tensor, "d_model d_model"]
    ) -> Float[Tensor, "head_index d_model d_head"]:
        return matrix.unflatten(1, (self.n_heads, self.d_head)).transpose(0, 1)


class MLP(nn.Module):
    """One hidden layer of ReLU neurons, with biases."""

    def __init__(self, d_model: int, d_mlp: int):
        super().__init__()
        self.W_in = _matrix(d_model, d_mlp)
        self.b_in = nn.Parameter(torch.zeros(d_mlp))
        self.W_out = _matrix(d_mlp, d_model)
        self.b_out = nn.Parameter(torch.zeros(d_model))

    def hidden(self, resid_mid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_mlp"]:
        """Post-ReLU activations (TransformerLens ``mlp.hook_post``)."""
        return torch.relu(resid_mid @ self.W_in + self.b_in)

    def project(self, hidden: Float[Tensor, "*batch d_mlp"]) -> Float[Tensor, "*batch d_model"]:
        """What the hidden layer adds to the residual stream (``hook_mlp_out``)."""
        return hidden @ self.W_out + self.b_out


class Block(nn.Module):
    """Attention, then MLP, each added to the residual stream."""

    def __init__(self, d_model: int, d_mlp: int, n_heads: int):
        super().__init__()
        self.attn = Attention(d_model, n_heads)
        self.mlp = MLP(d_model, d_mlp)

    def forward(
        self, resid_pre: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
        resid_mid = resid_pre + self.attn(resid_pre)
        return resid_mid + self.mlp.project(self.mlp.hidden(resid_mid))


class Transformer(nn.Module):
    """Decoder-only transformer (paper: 2 blocks for 2-SAT, 1 block for modular addition)."""

    def __init__(self, architecture: Architecture, *, d_vocab: int, n_ctx: int):
        super().__init__()
        self.architecture = architecture
        self.d_vocab = d_vocab
        self.n_ctx = n_ctx
        d_model = architecture.d_model
        self.W_E = _matrix(d_vocab, d_model)
        self.W_pos = _matrix(n_ctx, d_model)
        self.blocks = nn.ModuleList(
            Block(d_model, architecture.d_mlp, heads) for heads in architecture.n_heads
        )
        self.W_U = _matrix(d_model, d_vocab)

    def block(self, index: int) -> Block:
        """The block with this index, typed."""
        block = self.blocks[index]
        assert isinstance(block, Block)
        return block

    def embed(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
        """Token plus position embedding (``blocks.0.hook_resid_pre``)."""
        return nn.functional.embedding(tokens, self.W_E) + self.W_pos[: tokens.shape[1]]

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        resid = self.embed(tokens)
        for block in self.blocks:
            resid = block(resid)
        return resid @ self.W_U

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights afresh: N(0, 1/d_model), the unembedding N(0, 1/d_vocab), biases 0.

        Source: PAPER.md section 2, published training run.
        """
        for name, parameter in self.named_parameters():
            variance = 1 / self.d_vocab if name == "W_U" else 1 / self.architecture.d_model
            with torch.no_grad():
                if parameter.ndim == 1:
                    parameter.zero_()
                else:
                    parameter.normal_(0, math.sqrt(variance), generator=generator)


def _matrix(rows: int, columns: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(rows, columns))
