"""Clause prototypes: what block 0 writes for a pair of literals, from the weights alone."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.problem import Problem


@torch.inference_mode()
def clause_prototypes(model: Transformer, problem: Problem) -> Float[Tensor, "pair d_model"]:
    """Residual stream after block 0 at a clause's second literal, for every literal pair. Block 0
    is evaluated at the second literal with attention to the two literals of its own clause only,
    and averaged over the clause positions. Pair ``first * n_literals + second``. Source: paper
    section 4 (clause parsing)."""
    return prototypes_by_position(model, problem).mean(dim=0)


@torch.inference_mode()
def prototypes_by_position(
    model: Transformer, problem: Problem
) -> Float[Tensor, "clause_position pair d_model"]:
    """The same, but not averaged: one prototype for each pair at each clause position."""
    layout = FormulaLayout(problem)
    return torch.stack(
        [
            _at_clause(model, problem.n_literals, first, second)
            for first, second in zip(
                layout.first_literal_positions, layout.second_literal_positions, strict=True
            )
        ]
    )


def _at_clause(
    model: Transformer, n_literals: int, first_position: int, second_position: int
) -> Float[Tensor, "pair d_model"]:
    attn, mlp = model.block(0).attn, model.block(0).mlp
    literals = model.W_E[:n_literals]
    first = (literals + model.W_pos[first_position])[:, None].expand(-1, n_literals, -1)
    second = (literals + model.W_pos[second_position])[None].expand(n_literals, -1, -1)
    sources = torch.stack([first, second], dim=2).flatten(0, 1)
    queries = torch.einsum("pd,hde->phe", second.flatten(0, 1), attn.W_Q)
    keys = torch.einsum("psd,hde->phse", sources, attn.W_K)
    values = torch.einsum("psd,hde->phse", sources, attn.W_V)
    scores = torch.einsum("phe,phse->phs", queries, keys) / math.sqrt(attn.d_head)
    mixed = torch.einsum("phs,phse->phe", scores.softmax(dim=-1), values)
    resid_mid = second.flatten(0, 1) + mixed.flatten(1) @ attn.output
    return resid_mid + mlp.project(mlp.hidden(resid_mid))
