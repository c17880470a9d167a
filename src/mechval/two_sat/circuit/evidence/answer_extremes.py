"""How far from uniform the answer token's attention in block 0 can be.

Deviation D2: the authors' score from ``:`` to a token adds, where the token-to-token entry
belongs, the token-to-position entry at the position whose number is the token's id.

Source: PAPER.md section 2, circuit evidence.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.reporting.tables import Row
from mechval.two_sat.circuit.evidence.record import Fact
from mechval.two_sat.circuit.evidence.scores import ScoreTables
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals

Version = Literal["published", "corrected", "admissible"]
"""``published`` and ``corrected``: every token of a formula at every position, one position at
its extreme score and all others at the opposite one, with and without D2. ``admissible``: exact
over all formulas: no other token, clauses of two different variables, the smaller first."""


def answer_extreme_rows(tables: ScoreTables, problem: Problem) -> list[Row]:
    """Smallest and largest attention weight of ``:`` per head and version.

    ``published`` is left out where the context is so short that its mistaken index does not exist.
    """
    last_token_id = Vocabulary(problem).colon
    versions: list[Version] = ["corrected", "admissible"]
    if last_token_id < FormulaLayout(problem).n_ctx:
        versions.insert(0, "published")
    return [
        {"version": version, "head": head, "smallest": smallest, "largest": largest}
        for version in versions
        for head in range(tables.n_heads)
        for smallest, largest in [_extremes(tables, problem, version, head)]
    ]


def answer_extreme_facts(rows: list[Row]) -> dict[str, Fact]:
    """The most extreme weights over all heads, per version."""
    facts = {}
    for version in dict.fromkeys(str(row["version"]) for row in rows):
        chosen = [row for row in rows if row["version"] == version]
        for name, pick in (("smallest", min), ("largest", max)):
            value = pick(float(str(row[name])) for row in chosen)
            facts[f"answer_attention.{version}.{name}"] = Fact(value)
    return facts


def _extremes(
    tables: ScoreTables, problem: Problem, version: Version, head: int
) -> tuple[float, float]:
    if version == "admissible":
        return _exact(_scores(tables, problem, head), problem)
    correction = _misread(tables, problem, head) if version == "published" else 0
    scores = _scores(tables, problem, head) + correction
    scores = scores[:, : Vocabulary(problem).colon + 1]
    spread = float(scores.max() - scores.min())
    others = len(scores) - 1
    return 1 / (1 + others * math.exp(spread)), 1 / (1 + others * math.exp(-spread))


def _scores(tables: ScoreTables, problem: Problem, head: int) -> Float[Tensor, "pos token"]:
    """Score from ``:`` at its position to each token at each position."""
    position = FormulaLayout(problem).answer_position
    return tables.from_position(position)[head, Vocabulary(problem).colon]


def _misread(tables: ScoreTables, problem: Problem, head: int) -> Float[Tensor, " token"]:
    """What D2 adds to the score of each token that has a position of the same number."""
    colon, d_vocab = Vocabulary(problem).colon, tables.token_token.shape[-1]
    by_number = tables.token_position[head, colon, :d_vocab]
    by_number = torch.nn.functional.pad(by_number, (0, d_vocab - len(by_number)))
    return by_number - tables.token_token[head, colon]


def _exact(scores: Float[Tensor, "pos token"], problem: Problem) -> tuple[float, float]:
    """Extreme weights over all formulas.

    Clauses are independent, so from one position's point of view every other clause adds its
    largest or its smallest pair of exponentials, and only the own clause is tried out.
    """
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
