"""Block 0's attention scores, from the weights alone.

Block 0 sees token plus position embeddings, so each score is a sum of four table entries: from
the token or the position asking to the token or the position asked.

Source: PAPER.md section 2, circuit evidence; blocks counted from 0.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.reporting.tables import Row
from mechval.transformer import Transformer
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
        """Heads of block 0."""
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
    tables: ScoreTables, problem: Problem
) -> Float[Tensor, "head_index query_pos key_pos"]:
    """Softmax of the mean scores, clauses drawn uniformly and independently.

    A position's own token, and the two literals of one clause, are not independent: their scores
    are averaged over the tokens that occur together.
    """
    shares = token_shares(problem)
    mean = shares @ tables.token_token @ shares.T
    own = tables.token_token.diagonal(dim1=-2, dim2=-1) @ shares.T
    mean.diagonal(dim1=-2, dim2=-1).copy_(own)
    second = torch.tensor(FormulaLayout(problem).second_literal_positions)
    within = (tables.token_token * _clause_shares(problem).T).sum(dim=(-2, -1))
    mean[:, second, second - 1] = within[:, None]
    mean = mean + shares @ tables.token_position + tables.position_token @ shares.T
    mean = mean + tables.position_position
    future = torch.ones(mean.shape[-2:], dtype=torch.bool).triu(1)
    return mean.masked_fill(future, -torch.inf).softmax(dim=-1)


def score_rows(tables: ScoreTables, problem: Problem) -> list[Row]:
    """One row per head and asking token or position; a column per token or position asked."""
    names = _entry_names(problem, tables.position_position.shape[-1])
    top = torch.cat([tables.token_token, tables.token_position], dim=-1)
    bottom = torch.cat([tables.position_token, tables.position_position], dim=-1)
    scores = torch.cat([top, bottom], dim=1)
    return [
        {"head": head, "query": name, **dict(zip(names, row.tolist(), strict=True))}
        for head, rows in enumerate(scores)
        for name, row in zip(names, rows, strict=True)
    ]


def pattern_rows(
    patterns: Float[Tensor, "head_index query_pos key_pos"], block: int, symbols: list[str]
) -> list[Row]:
    """One row per head and asking position; a column per position asked, named ``p<position>``."""
    return [
        {
            "block": block,
            "head": head,
            "position": position,
            "token": symbols[position],
            **{f"p{source}": value for source, value in enumerate(row.tolist())},
        }
        for head, pattern in enumerate(patterns)
        for position, row in enumerate(pattern)
    ]


def _clause_shares(problem: Problem) -> Float[Tensor, "token token"]:
    """How often a clause is written as this first and this second literal."""
    d_vocab = Vocabulary(problem).d_vocab
    shares = torch.zeros(d_vocab, d_vocab, dtype=torch.float64)
    first, second = torch.as_tensor(clause_literals(problem)).T
    shares[first, second] = 1 / problem.n_distinct_clauses
    return shares


def _entry_names(problem: Problem, n_ctx: int) -> list[str]:
    return [*Vocabulary(problem).symbols, *(f"p{position}" for position in range(n_ctx))]
