"""Attention scores from the weights alone: block 0's of tokens and positions, block 1's of clauses.

Block 0 sees token plus position embeddings, so each score is a sum of four table entries: from the
token or the position asking to the token or the position asked. Block 1's scores are unscaled, and
the answer token's query assumes uniform attention in block 0. Source: paper section 4 and
appendix (circuit evidence); blocks counted from 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals


@dataclass(frozen=True)
class ScoreTables:
    """Scores of block 0 before the softmax, scaled by 1/sqrt(d_head), in float64; query first."""

    token_token: Float[Tensor, "head_index token token"]
    token_position: Float[Tensor, "head_index token pos"]
    position_token: Float[Tensor, "head_index pos token"]
    position_position: Float[Tensor, "head_index pos pos"]

    @property
    def n_heads(self) -> int:
        return len(self.token_token)

    def from_position(self, position: int) -> Float[Tensor, "head_index token key_pos token"]:
        """Score from each token at ``position`` to each token at the positions it sees."""
        seen = slice(0, position + 1)
        return (
            self.token_token[:, :, None]
            + self.token_position[:, :, seen, None]
            + self.position_token[:, position, None, None]
            + self.position_position[:, position, seen][:, None, :, None]
        )


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one head of block 0 from a token or position; None for positions not seen. Tokens
    are named by their symbols, positions ``p0``, ``p1``, ..."""

    head: int = tables.told()
    query: str = tables.told()
    score: Mapping[str, float | None] = tables.number()


@dataclass(frozen=True)
class PatternRow:
    """Attention of one head from one position, by the position asked; None for later ones."""

    block: int = tables.told()
    head: int = tables.told()
    position: int = tables.told()
    token: str = tables.told()
    attention: Mapping[str, float | None] = tables.number()


@dataclass(frozen=True)
class ClauseScoreRow:
    """Unscaled score of an ordered literal pair in a head of block 1."""

    head: int = tables.told()
    first: str = tables.told()
    second: str = tables.told()
    score: float = tables.number()


SCORES = tables.Table("circuit/evidence/block0_scores.csv", ScoreRow)
EXPECTED_ATTENTION = tables.Table("circuit/evidence/block0_expected_attention.csv", PatternRow)
CLAUSE_SCORES = tables.Table("circuit/evidence/block1_clause_scores.csv", ClauseScoreRow)


@torch.inference_mode()
def first_block_scores(model: Transformer) -> ScoreTables:
    """Decompose block 0's query-key products into the four tables."""
    attn, d_vocab = model.block(0).attn, model.d_vocab
    embeddings = torch.cat([model.W_E, model.W_pos]).double().cpu()
    queries = embeddings @ attn.W_Q.double().cpu() / math.sqrt(attn.d_head)
    scores = queries @ (embeddings @ attn.W_K.double().cpu()).transpose(-1, -2)
    token, position = slice(0, d_vocab), slice(d_vocab, None)
    return ScoreTables(
        token_token=scores[:, token, token],
        token_position=scores[:, token, position],
        position_token=scores[:, position, token],
        position_position=scores[:, position, position],
    )


def token_shares(problem: Problem) -> Float[Tensor, "pos token"]:
    """How often each token stands at each position, clauses drawn uniformly."""
    vocabulary, layout = Vocabulary(problem), FormulaLayout(problem)
    shares = torch.zeros(layout.n_ctx, vocabulary.d_vocab, dtype=torch.float64)
    clause = _clause_shares(problem)
    for second in layout.second_literal_positions:
        shares[second - 2, vocabulary.left_parenthesis] = 1
        shares[second - 1] = clause.sum(dim=1)
        shares[second] = clause.sum(dim=0)
        shares[second + 1, vocabulary.right_parenthesis] = 1
    shares[layout.answer_position, vocabulary.colon] = 1
    return shares


def expected_pattern(
    scores: ScoreTables, problem: Problem
) -> Float[Tensor, "head_index query_pos key_pos"]:
    """Softmax of the mean scores, clauses drawn uniformly and independently. A position's own
    token, and the two literals of one clause, are not independent: their scores are averaged over
    the tokens that occur together."""
    shares = token_shares(problem)
    mean = shares @ scores.token_token @ shares.T
    own = scores.token_token.diagonal(dim1=-2, dim2=-1) @ shares.T
    mean.diagonal(dim1=-2, dim2=-1).copy_(own)
    second = torch.tensor(FormulaLayout(problem).second_literal_positions)
    within = (scores.token_token * _clause_shares(problem).T).sum(dim=(-2, -1))
    mean[:, second, second - 1] = within[:, None]
    mean = mean + shares @ scores.token_position + scores.position_token @ shares.T
    mean = mean + scores.position_position
    future = torch.ones(mean.shape[-2:], dtype=torch.bool).triu(1)
    return mean.masked_fill(future, -torch.inf).softmax(dim=-1)


def score_rows(scores: ScoreTables, problem: Problem) -> list[ScoreRow]:
    """One row per head and asking token or position."""
    n_ctx = scores.position_position.shape[-1]
    names = [*Vocabulary(problem).symbols, *(f"p{position}" for position in range(n_ctx))]
    future = torch.ones(n_ctx, n_ctx, dtype=torch.bool).triu(1)
    seen = scores.position_position.masked_fill(future, torch.nan)
    top = torch.cat([scores.token_token, scores.token_position], dim=-1)
    bottom = torch.cat([scores.position_token, seen], dim=-1)
    return [
        ScoreRow(head, name, _by_name(names, row))
        for head, rows in enumerate(torch.cat([top, bottom], dim=1))
        for name, row in zip(names, rows, strict=True)
    ]


def expected_pattern_rows(scores: ScoreTables, problem: Problem) -> list[PatternRow]:
    """The expected pattern from every second literal."""
    second = FormulaLayout(problem).second_literal_positions
    patterns = expected_pattern(scores, problem)
    return pattern_rows(patterns, 0, {position: "literal" for position in second})


def pattern_rows(
    patterns: Float[Tensor, "head_index query_pos key_pos"], block: int, asking: Mapping[int, str]
) -> list[PatternRow]:
    """One row per head and asking position, of which ``asking`` says the tokens."""
    names = [str(position) for position in range(patterns.shape[-1])]
    future = torch.ones(patterns.shape[-2:], dtype=torch.bool).triu(1)
    return [
        PatternRow(block, head, position, token, _by_name(names, pattern[position]))
        for head, pattern in enumerate(patterns.masked_fill(future, torch.nan))
        for position, token in asking.items()
    ]


@torch.inference_mode()
def analytic_answer_resid(model: Transformer, problem: Problem) -> Float[Tensor, " d_model"]:
    """Residual stream at ``:`` after block 0 if every head attended uniformly to a mean formula.
    The mean is over literals drawn uniformly, wherever in a clause they are (the paper's rule)."""
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
def clause_score_rows(model: Transformer, problem: Problem) -> list[ClauseScoreRow]:
    """Score of each ordered literal pair in every head of block 1. Unscaled: the softmax sees it
    divided by sqrt(d_head)."""
    attn = model.block(1).attn
    query = torch.einsum("d,hde->he", analytic_answer_resid(model, problem), attn.W_Q)
    keys = torch.einsum("pd,hde->hpe", clause_prototypes(model, problem), attn.W_K)
    literals = Vocabulary(problem).symbols[: problem.n_literals]
    return [
        ClauseScoreRow(head, first, second, score)
        for head, scores in enumerate(torch.einsum("he,hpe->hp", query, keys).tolist())
        for (first, second), score in zip(product(literals, repeat=2), scores, strict=True)
    ]


def _by_name(names: Sequence[str], values: Float[Tensor, " name"]) -> dict[str, float | None]:
    """The values by name; NaN stands for what is not seen."""
    plain = [None if math.isnan(value) else value for value in values.tolist()]
    return dict(zip(names, plain, strict=True))


def _clause_shares(problem: Problem) -> Float[Tensor, "token token"]:
    """How often a clause is written as this first and this second literal."""
    d_vocab = Vocabulary(problem).d_vocab
    shares = torch.zeros(d_vocab, d_vocab, dtype=torch.float64)
    first, second = torch.as_tensor(clause_literals(problem)).T
    shares[first, second] = 1 / problem.n_distinct_clauses
    return shares
