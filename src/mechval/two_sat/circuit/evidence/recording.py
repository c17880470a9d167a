"""What the network does at the answer token on every formula of a split, and how it attends."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.two_sat.circuit.evidence.scores import PatternRow, pattern_rows
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import Components

FIRST_BLOCK_FORMULAS = 10_000
"""Enough for block 0's means: weights lie in [0, 1], so their standard errors are below 0.005."""


@dataclass(frozen=True)
class AnswerRecord:
    """Per formula, at the answer position; mean attention over the split. On the CPU.
    ``resid_pre``: residual stream before block 1's attention (``blocks.1.hook_resid_pre``).
    ``attn_out``: what block 1's attention adds (``blocks.1.hook_attn_out``). ``hidden``: post-ReLU
    activations of block 1 (``blocks.1.mlp.hook_post``). ``mean_pattern``: mean attention of block 1
    from the answer position."""

    resid_pre: Float[Tensor, "formula d_model"]
    attn_out: Float[Tensor, "formula d_model"]
    hidden: Float[Tensor, "formula d_mlp"]
    mean_pattern: Float[Tensor, "head_index pos"]

    @property
    def resid_mid(self) -> Float[Tensor, "formula d_model"]:
        """Residual stream after block 1's attention (``blocks.1.hook_resid_mid``)."""
        return self.resid_pre + self.attn_out


@torch.inference_mode()
def record_answers(components: Components, split: Split) -> AnswerRecord:
    """Run the network over ``split``; sums are accumulated in float64."""
    resid_pre, attn_outs, hidden = [], [], []
    model, attn = components.model, components.model.block(1).attn
    total = torch.zeros(attn.n_heads, components.layout.n_ctx, dtype=torch.float64)
    for tokens, _ in components.batches(split, "evidence at ':'"):
        resid = components.parse(tokens)
        attended = components.attend_from_answer(resid)
        attn_out = attended.out[:, 0]
        # A copy: a view would keep the stream of every position alive.
        resid_pre.append(resid[:, -1].clone().cpu())
        attn_outs.append(attn_out.cpu())
        hidden.append(model.block(1).mlp.hidden(resid[:, -1] + attn_out).cpu())
        total += attended.pattern[:, :, 0].sum(dim=0, dtype=torch.float64).cpu()
    return AnswerRecord(
        resid_pre=torch.cat(resid_pre),
        attn_out=torch.cat(attn_outs),
        hidden=torch.cat(hidden),
        mean_pattern=(total / len(split)).float(),
    )


@torch.inference_mode()
def mean_first_pattern(
    components: Components, split: Split
) -> Float[Tensor, "head_index clause_position pos"]:
    """Mean attention of block 0 from every second literal, on the CPU."""
    model, second = components.model, components.layout.second_literal_positions
    asking = torch.tensor(second, device=components.device)
    totals = [
        model.block(0).attn.pattern(model.embed(tokens), asking).sum(dim=0, dtype=torch.float64)
        for tokens, _ in components.batches(split, "attention of block 0")
    ]
    return (sum(totals, start=torch.zeros(())) / len(split)).float().cpu()


@dataclass(frozen=True)
class MeanAttentionRow:
    """Mean attention of a head to a position, over ``n`` formulas. Block 0 is asked from the second
    literals, and averaged over them; block 1 from ``:``."""

    block: int = tables.told()
    head: int = tables.told()
    position: int = tables.told()
    attention: float = tables.number()
    n: int = tables.told("N")


@dataclass(frozen=True)
class OwnClauseRow:
    """Block 0's mean attention from a second literal to the two literals of its clause."""

    head: int = tables.told()
    clause: int = tables.told()
    own_clause_attention: float = tables.number()


FORMULA_ATTENTION = tables.Table("circuit/evidence/formula_attention.csv", PatternRow)
MEAN_ATTENTION = tables.Table("circuit/evidence/mean_attention.csv", MeanAttentionRow)
OWN_CLAUSE_ATTENTION = tables.Table("circuit/attention.csv", OwnClauseRow)


@torch.inference_mode()
def formula_attention_rows(components: Components, split: Split) -> list[PatternRow]:
    """Attention of every head of both blocks, from every position, on the split's first formula."""
    ((tokens, _),) = components.batches(split.first(1), "one formula")
    model, symbols = components.model, components.vocabulary.symbols
    asking = {place: symbols[token] for place, token in enumerate(tokens[0].tolist())}
    streams = (model.embed(tokens), components.parse(tokens))
    return [
        row
        for block, stream in enumerate(streams)
        for row in pattern_rows(model.block(block).attn.pattern(stream)[0].cpu(), block, asking)
    ]


def mean_attention_rows(
    components: Components, split: Split, record: AnswerRecord
) -> list[MeanAttentionRow]:
    """Mean attention by position asked. Block 0 over the first ``FIRST_BLOCK_FORMULAS`` of the
    split, block 1 over all of it."""
    sample = split.first(FIRST_BLOCK_FORMULAS)
    first = mean_first_pattern(components, sample).mean(dim=1)
    return [
        MeanAttentionRow(block, head, position, attention, n)
        for block, patterns, n in ((0, first, len(sample)), (1, record.mean_pattern, len(split)))
        for head, pattern in enumerate(patterns)
        for position, attention in enumerate(pattern.tolist())
    ]


def own_clause_rows(circuit: Circuit) -> list[OwnClauseRow]:
    """Per head and clause position, on the fitting split."""
    return [
        OwnClauseRow(head, clause, value)
        for head, values in enumerate(circuit.own_clause_attention.tolist())
        for clause, value in enumerate(values)
    ]
