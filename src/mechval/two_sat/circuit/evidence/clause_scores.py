"""Block 1's attention score of every clause, from the weights alone.

Source: PAPER.md section 2, circuit evidence: unscaled scores; the answer token's query assumes
uniform attention in block 0.
"""

from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.scores import token_shares
from mechval.two_sat.circuit.prototypes import clause_prototypes
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class ClauseScoreRow:
    """Unscaled score of an ordered literal pair in a head of block 1."""

    head: int = tables.told()
    first: str = tables.told()
    second: str = tables.told()
    score: float = tables.number()


CLAUSE_SCORES = tables.Table("circuit/evidence/block1_clause_scores.csv", ClauseScoreRow)


@torch.inference_mode()
def analytic_answer_resid(model: Transformer, problem: Problem) -> Float[Tensor, " d_model"]:
    """Residual stream at ``:`` after block 0 if every head attended uniformly to a mean formula.
    The mean is over literals drawn uniformly (published rule), whatever their place in a clause."""
    vocabulary, layout = Vocabulary(problem), FormulaLayout(problem)
    shares = token_shares(problem).mean(dim=0).to(model.W_E)
    literals = slice(0, problem.n_literals)
    shares[literals] = shares[literals].mean()
    attn, mlp = model.block(0).attn, model.block(0).mlp
    mean_embedding = shares @ model.W_E + model.W_pos.mean(dim=0)
    resid = model.W_E[vocabulary.colon] + model.W_pos[layout.answer_position]
    resid = resid + mean_embedding @ attn.value @ attn.output
    return resid + mlp.project(mlp.hidden(resid))


@torch.inference_mode()
def clause_scores(model: Transformer, problem: Problem) -> Float[Tensor, "head_index pair"]:
    """Score of each ordered literal pair ``first * n_literals + second`` in every head of block 1.
    Unscaled: the softmax sees it divided by sqrt(d_head)."""
    attn = model.block(1).attn
    query = torch.einsum("d,hde->he", analytic_answer_resid(model, problem), attn.W_Q)
    keys = torch.einsum("pd,hde->hpe", clause_prototypes(model, problem), attn.W_K)
    return torch.einsum("he,hpe->hp", query, keys).cpu()


def clause_score_rows(model: Transformer, problem: Problem) -> list[ClauseScoreRow]:
    """One row per head and ordered literal pair."""
    literals = Vocabulary(problem).symbols[: problem.n_literals]
    return [
        ClauseScoreRow(head, first, second, score)
        for head, scores in enumerate(clause_scores(model, problem).tolist())
        for (first, second), score in zip(product(literals, repeat=2), scores, strict=True)
    ]
