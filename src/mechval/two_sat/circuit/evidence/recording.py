"""What the network does at the answer token on every formula of a split, in one pass."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.network.activations import token_batches
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class AnswerRecord:
    """Per formula, at the answer position; mean attention over the split. On the CPU.

    ``resid_pre``: residual stream before block 1's attention (``blocks.1.hook_resid_pre``).
    ``attn_out``: what block 1's attention adds (``blocks.1.hook_attn_out``). ``hidden``: post-ReLU
    activations of block 1 (``blocks.1.mlp.hook_post``). ``mean_pattern``: mean attention of block 1
    from the answer position.
    """

    resid_pre: Float[Tensor, "formula d_model"]
    attn_out: Float[Tensor, "formula d_model"]
    hidden: Float[Tensor, "formula d_mlp"]
    mean_pattern: Float[Tensor, "head_index pos"]

    @property
    def resid_mid(self) -> Float[Tensor, "formula d_model"]:
        """Residual stream after block 1's attention (``blocks.1.hook_resid_mid``)."""
        return self.resid_pre + self.attn_out


@dataclass(frozen=True)
class AnswerAttention:
    """Block 1's attention from the answer position, on one batch. ``scores``: before the softmax,
    scaled by 1/sqrt(d_head). ``attn_out``: what the attention adds to the residual stream."""

    scores: Float[Tensor, "batch head_index pos"]
    attn_out: Float[Tensor, "batch d_model"]

    @property
    def pattern(self) -> Float[Tensor, "batch head_index pos"]:
        return self.scores.softmax(dim=-1)


def answer_attention(
    model: Transformer, resid: Float[Tensor, "batch pos d_model"]
) -> AnswerAttention:
    """Block 1's attention at the last position. With one query W_K is applied to the query and W_V
    after the weighted mean: the same values up to rounding, without keys and values of every
    position."""
    attn = model.block(1).attn
    query = (resid[:, -1] @ attn.query).unflatten(-1, (attn.n_heads, attn.d_head))
    sought = torch.einsum("bhe,hde->bhd", query, attn.W_K) / math.sqrt(attn.d_head)
    scores = torch.bmm(sought, resid.transpose(1, 2))
    pooled = torch.bmm(scores.softmax(dim=-1), resid)
    mixed = torch.einsum("bhd,hde->bhe", pooled, attn.W_V)
    return AnswerAttention(scores, mixed.flatten(1) @ attn.output)


@torch.inference_mode()
def record_answers(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> AnswerRecord:
    """Run the network over ``split``; sums are accumulated in float64."""
    resid_pre, attn_out, hidden = [], [], []
    attn = model.block(1).attn
    total = torch.zeros(attn.n_heads, FormulaLayout(problem).n_ctx, dtype=torch.float64)
    components = Components(model, problem)
    for tokens, _ in token_batches(problem, split, device, "evidence at ':'"):
        resid = components.parse(tokens)
        attended = answer_attention(model, resid)
        # A copy: a view would keep the stream of every position alive.
        resid_pre.append(resid[:, -1].clone().cpu())
        attn_out.append(attended.attn_out.cpu())
        hidden.append(model.block(1).mlp.hidden(resid[:, -1] + attended.attn_out).cpu())
        total += attended.pattern.sum(dim=0, dtype=torch.float64).cpu()
    return AnswerRecord(
        resid_pre=torch.cat(resid_pre),
        attn_out=torch.cat(attn_out),
        hidden=torch.cat(hidden),
        mean_pattern=(total / len(split)).float(),
    )


@torch.inference_mode()
def mean_first_pattern(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> Float[Tensor, "head_index clause_position pos"]:
    """Mean attention of block 0 from every second literal, on the CPU."""
    second = torch.tensor(FormulaLayout(problem).second_literal_positions, device=device)
    totals = [
        model.block(0).attn.pattern(model.embed(tokens), second).sum(dim=0, dtype=torch.float64)
        for tokens, _ in token_batches(problem, split, device, "attention of block 0")
    ]
    return (sum(totals, start=torch.zeros(())) / len(split)).float().cpu()
