"""Loss terms: each is zero once what a proof needs holds with room to spare."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.consolidate.second_block import (
    SecondBlockTables,
    answer_margins,
    answer_pushes,
)
from mechval.two_sat.formulas.tokens import FormulaLayout, encode_formulas
from mechval.two_sat.problem import Problem

GAP = 20.0
"""Log-odds that attention is trained to: e^-20 of it is left for everything else."""

LEAD = 2.0
"""Logits by which the right answer is trained to lead."""


def shortfall(found: Float[Tensor, "*shape"], wanted: float) -> Float[Tensor, ""]:
    """Mean of what is missing to ``wanted``."""
    return (wanted - found).relu().mean()


def unread_gap(
    model: Transformer, problem: Problem, clause_ids: Int[Tensor, "batch clause_position"]
) -> Float[Tensor, "batch head_index"]:
    """Log-odds of block 1 at ``:``: second literals and ``:`` against all other positions.

    What block 0 writes there depends on the whole prefix, so this one is a sample of formulas.
    """
    resid = model.block(0)(model.embed(encode_formulas(problem, clause_ids)))
    attn = model.block(1).attn
    query = torch.einsum("bd,hde->bhe", resid[:, -1], attn.W_Q) / math.sqrt(attn.d_head)
    scores = torch.einsum("bhe,hde->bhd", query, attn.W_K) @ resid.transpose(1, 2)
    is_read = torch.zeros(scores.shape[-1], dtype=torch.bool, device=scores.device)
    layout = FormulaLayout(problem)
    is_read[[*layout.second_literal_positions, layout.answer_position]] = True
    return scores[..., is_read].logsumexp(-1) - scores[..., ~is_read].logsumexp(-1)


def answer_shortfall(
    problem: Problem, block: SecondBlockTables, levels: Float[Tensor, " neuron"]
) -> Float[Tensor, ""]:
    """What is missing for the argmax over all tokens to be right.

    ``u`` has to lead with all neurons off, ``s`` with any single one at its level, and no neuron
    may take from the lead of ``s``: then further neurons only help.
    """
    off, single = answer_margins(problem, block, levels)
    pushes = answer_pushes(problem, block)
    return shortfall(off, LEAD) + shortfall(single, LEAD) + (-pushes).relu().mean()
