"""The logits at the last position of a two-block network, computed with fewer operations.

Only the last position reaches the loss, so most of the full forward pass is not needed:

- block 0 sees token plus position embeddings, so its attention scores and its OV outputs are
  sums of table entries (token or position against token or position);
- block 1 has one query, so W_K is applied to the query and W_V after the attention-weighted
  mean instead of at every position;
- both only need block 0's MLP output through linear maps, so W_out is applied after them too.

The function is the full forward pass reassociated: equal up to rounding (tested).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from mechval.transformer.model import Attention, Block, Transformer


def answer_logits(
    model: Transformer, tokens: Int[Tensor, "batch pos"], dtype: torch.dtype = torch.float32
) -> Float[Tensor, "batch d_vocab"]:
    """Logits at the last position. ``model``: a network with exactly two blocks. ``tokens``: inputs
    that fill the context. ``dtype``: precision of the large products (tables and the last MLP's
    output stay float32). Raises ValueError if the network does not have two blocks, or hook
    functions are set: most hook points are not reached here."""
    if len(model.blocks) != 2:
        raise ValueError(f"answer_logits needs a network of 2 blocks, not {len(model.blocks)}")
    if model.is_hooked:
        raise ValueError("answer_logits needs a network without hook functions; call the network")
    first, last = model.block(0), model.block(1)
    resid_mid = _first_resid_mid(model, tokens, dtype)
    hidden = functional.linear(
        resid_mid.flatten(0, 1), first.mlp.W_in.T.to(dtype), first.mlp.b_in.to(dtype)
    )
    hidden = hidden.relu_().unflatten(0, resid_mid.shape[:2])
    answer = resid_mid[:, -1].to(model.W_E.dtype)
    answer = answer + first.mlp.project(first.mlp.hidden(answer))
    answer = answer + _pooled_attention(last.attn, first, answer, resid_mid, hidden)
    answer = answer + last.mlp.project(last.mlp.hidden(answer))
    return answer @ model.W_U


def _first_resid_mid(
    model: Transformer, tokens: Int[Tensor, "batch pos"], dtype: torch.dtype
) -> Float[Tensor, "batch pos d_model"]:
    attn, d_vocab = model.block(0).attn, model.d_vocab
    embeddings = torch.cat([model.W_E, model.W_pos])
    queries = embeddings @ attn.W_Q / math.sqrt(attn.d_head)
    score_table = (queries @ (embeddings @ attn.W_K).transpose(-1, -2)).to(dtype)
    output_table = embeddings @ attn.W_V @ attn.W_O
    one_hot = functional.one_hot(tokens, d_vocab).to(dtype)
    by_token = functional.embedding(tokens, score_table[:, :d_vocab].transpose(0, 1).flatten(1))
    rows = by_token.unflatten(-1, (attn.n_heads, -1)).transpose(1, 2) + score_table[:, d_vocab:]
    scores = rows[..., d_vocab:] + rows[..., :d_vocab] @ one_hot[:, None].transpose(-1, -2)
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=tokens.device).triu(1)
    pattern = scores.to(model.W_E.dtype).masked_fill(future, -torch.inf).softmax(dim=-1).to(dtype)
    sources = torch.cat([pattern @ one_hot[:, None], pattern], dim=-1)
    features = torch.cat([sources.transpose(1, 2).flatten(2), one_hot], dim=-1)
    tables = torch.cat([output_table.flatten(0, 1), model.W_E]).to(dtype)
    mixed = functional.linear(features.flatten(0, 1), tables.T)
    return mixed.unflatten(0, tokens.shape) + model.W_pos.to(dtype)


def _pooled_attention(
    attn: Attention,
    below: Block,
    answer: Float[Tensor, "batch d_model"],
    resid_mid: Float[Tensor, "batch pos d_model"],
    hidden: Float[Tensor, "batch pos d_mlp"],
) -> Float[Tensor, "batch d_model"]:
    """Attention from the last position over ``resid_mid + hidden @ W_out + b_out``. The score of
    ``b_out`` is the same at every position, so the softmax does not see it."""
    dtype = resid_mid.dtype
    query = (answer @ attn.query).unflatten(-1, (attn.n_heads, attn.d_head))
    sought = torch.einsum("bhe,hde->bhd", query, attn.W_K) / math.sqrt(attn.d_head)
    scores = torch.bmm(sought.to(dtype), resid_mid.transpose(1, 2)) + torch.bmm(
        (sought @ below.mlp.W_out.T).to(dtype), hidden.transpose(1, 2)
    )
    pattern = scores.to(answer.dtype).softmax(dim=-1).to(dtype)
    pooled_hidden = torch.bmm(pattern, hidden).to(answer.dtype)
    pooled = torch.bmm(pattern, resid_mid).to(answer.dtype) + below.mlp.project(pooled_hidden)
    return torch.einsum("bhd,hde->bhe", pooled, attn.W_V).flatten(1) @ attn.output
