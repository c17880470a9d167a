"""How far from uniform the answer token's attention in block 0 can be.

Deviation D2: the authors' score from ``:`` to a token adds, where the token-to-token entry belongs,
the token-to-position entry at the position whose number is the token's id. Source: PAPER.md section
2, circuit evidence.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.two_sat.circuit.evidence.scores import ScoreTables
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals

Version = Literal["paper", "corrected", "admissible"]


@dataclass(frozen=True)
class AnswerExtremeRow:
    """Extreme attention weights of ``:`` in one head of block 0. ``paper`` and ``corrected``: every
    token of a formula at every position, one position at its extreme score and all others at the
    opposite one, with and without D2. ``admissible``: exact over all formulas: no other token,
    clauses of two different variables, the smaller first."""

    version: Version = tables.told()
    head: int = tables.told()
    smallest: float = tables.number()
    largest: float = tables.number()


ANSWER_EXTREMES = tables.Table("circuit/evidence/answer_attention_extremes.csv", AnswerExtremeRow)


def answer_extreme_rows(scores: ScoreTables, problem: Problem) -> list[AnswerExtremeRow]:
    """Smallest and largest attention weight of ``:`` per version and head. ``paper`` is left out
    where the context is so short that its mistaken index does not exist."""
    versions: list[Version] = ["corrected", "admissible"]
    if Vocabulary(problem).colon < FormulaLayout(problem).n_ctx:
        versions.insert(0, "paper")
    return [
        AnswerExtremeRow(version, head, *_extremes(scores, problem, version, head))
        for version in versions
        for head in range(scores.n_heads)
    ]


def _extremes(
    scores: ScoreTables, problem: Problem, version: Version, head: int
) -> tuple[float, float]:
    of_answer = _from_answer(scores, problem, head)
    if version == "admissible":
        return _exact(of_answer, problem)
    if version == "paper":
        of_answer = of_answer + _misread(scores, problem, head)
    of_answer = of_answer[:, : Vocabulary(problem).colon + 1]
    spread = float(of_answer.max() - of_answer.min())
    others = len(of_answer) - 1
    return 1 / (1 + others * math.exp(spread)), 1 / (1 + others * math.exp(-spread))


def _from_answer(scores: ScoreTables, problem: Problem, head: int) -> Float[Tensor, "pos token"]:
    """Score from ``:`` at its position to each token at each position."""
    position = FormulaLayout(problem).answer_position
    return scores.from_position(position)[head, Vocabulary(problem).colon]


def _misread(scores: ScoreTables, problem: Problem, head: int) -> Float[Tensor, " token"]:
    """What D2 adds to the score of each token that has a position of the same number."""
    colon, d_vocab = Vocabulary(problem).colon, scores.token_token.shape[-1]
    by_number = scores.token_position[head, colon, :d_vocab]
    by_number = torch.nn.functional.pad(by_number, (0, d_vocab - len(by_number)))
    return by_number - scores.token_token[head, colon]


def _exact(scores: Float[Tensor, "pos token"], problem: Problem) -> tuple[float, float]:
    """Extreme weights over all formulas. Clauses are independent, so from one position's point of
    view every other clause adds its largest or its smallest pair of exponentials, and only the own
    clause is tried out."""
    weights, layout = scores.exp(), FormulaLayout(problem)
    first, second = torch.as_tensor(clause_literals(problem)).T
    pairs = torch.stack(
        [
            weights[list(layout.first_literal_positions)][:, first],
            weights[list(layout.second_literal_positions)][:, second],
        ]
    )
    fixed = _fixed_weights(weights, problem)
    clauses = pairs.sum(dim=0)
    high, low = clauses.amax(dim=1), clauses.amin(dim=1)
    most, least = fixed.sum() + high.sum(), fixed.sum() + low.sum()
    smallest = torch.cat([(pairs / (clauses + (most - high)[:, None])).flatten(), fixed / most])
    largest = torch.cat([(pairs / (clauses + (least - low)[:, None])).flatten(), fixed / least])
    return float(smallest.min()), float(largest.max())


def _fixed_weights(
    weights: Float[Tensor, "pos token"], problem: Problem
) -> Float[Tensor, " fixed_position"]:
    """Exponential scores of the positions where the same token stands in every formula."""
    vocabulary, layout = Vocabulary(problem), FormulaLayout(problem)
    second = torch.tensor(layout.second_literal_positions)
    return torch.cat(
        [
            weights[second - 2, vocabulary.left_parenthesis],
            weights[second + 1, vocabulary.right_parenthesis],
            weights[[layout.answer_position], vocabulary.colon],
        ]
    )
