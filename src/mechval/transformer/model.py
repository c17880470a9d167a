"""The network: embeddings, attention, ReLU MLP, unembedding; no LayerNorm; ``x @ W``."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.transformer.architecture import Architecture
from mechval.transformer.attention import Attention, zero_matrix
from mechval.transformer.hooks import HookedModule, HookPoint, hook_names


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

    def forward(
        self, resid_pre: Float[Tensor, "batch pos d_model"]
    ) -> Float[Tensor, "batch pos d_model"]:
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
        self.architecture = architecture
        self.d_vocab = d_vocab
        self.n_ctx = n_ctx
        d_model = architecture.d_model
        self.W_E = zero_matrix(d_vocab, d_model)
        self.W_pos = zero_matrix(n_ctx, d_model)
        self.blocks = nn.ModuleList(
            Block(d_model, architecture.d_mlp, heads) for heads in architecture.n_heads
        )
        self.W_U = zero_matrix(d_model, d_vocab)
        self.hook_embed, self.hook_pos_embed = HookPoint(), HookPoint()
        self._name_hook_points()

    @property
    def hook_names(self) -> tuple[str, ...]:
        """All hook names, in the order in which a forward pass reaches them."""
        return hook_names(len(self.blocks))

    def block(self, index: int) -> Block:
        """The block with this index, typed."""
        block = self.blocks[index]
        assert isinstance(block, Block)
        return block

    def embed(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_model"]:
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
        Source: PAPER.md section 2, published training run."""
        for name, parameter in self.named_parameters():
            variance = 1 / self.d_vocab if name == "W_U" else 1 / self.architecture.d_model
            with torch.no_grad():
                if parameter.ndim == 1:
                    parameter.zero_()
                else:
                    parameter.normal_(0, math.sqrt(variance), generator=generator)
