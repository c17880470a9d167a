"""How far block 0's attention can stray: ``:`` from uniform, a second literal from its own clause.

From a fixed asking token the other positions' scores are independent, so a softmax weight
N / (N + D) is extreme where N and every term of D are: a choice per position, or per clause, that
needs no search. Deviation D2: the authors' score from ``:`` to a token adds, where the
token-to-token entry belongs, the token-to-position entry at the position whose number is the
token's id. Source: paper section 4 and appendix (circuit evidence).
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval import tables
from mechval.two_sat.circuit.evidence.scores import ScoreTables
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals

Version = Literal["paper", "corrected", "admissible"]
Choice = Literal["paper", "admissible"]
Target = Literal["first_literal", "own_clause"]
CHOICES: tuple[Choice, ...] = ("paper", "admissible")
"""``paper``: any literal wherever a literal stands. ``admissible``: clauses that formulas have,
two different variables, the smaller first."""


@dataclass(frozen=True)
class AnswerExtremeRow:
    """Extreme attention weights of ``:`` in one head of block 0. ``paper`` and ``corrected``: every
    token of a formula at every position, one position at its extreme score and all others at the
    opposite one, with and without D2. ``admissible``: exact over all formulas."""

    version: Version = tables.told()
    head: int = tables.told()
    smallest: float = tables.number()
    largest: float = tables.number()


@dataclass(frozen=True)
class WorstCaseRow:
    """The least weight of a head at a clause position, and the own clause at which it happens."""

    choice: Choice = tables.told()
    head: int = tables.told()
    clause: int = tables.told()
    target: Target = tables.told()
    weight: float = tables.number()
    first: str = tables.told()
    second: str = tables.told()


ANSWER_EXTREMES = tables.Table("circuit/evidence/answer_attention_extremes.csv", AnswerExtremeRow)
WORST_CASES = tables.Table("circuit/evidence/block0_worst_case.csv", WorstCaseRow)


def answer_extreme_rows(scores: ScoreTables, problem: Problem) -> list[AnswerExtremeRow]:
    """Smallest and largest attention weight of ``:`` per version and head. ``paper`` is left out
    where the context is so short that its mistaken index does not exist."""
    versions: list[Version] = ["corrected", "admissible"]
    if Vocabulary(problem).colon < FormulaLayout(problem).n_ctx:
        versions.insert(0, "paper")
    return [
        AnswerExtremeRow(version, head, *_answer_extremes(scores, problem, version, head))
        for version in versions
        for head in range(scores.n_heads)
    ]


def worst_case(
    scores: ScoreTables, problem: Problem, clause: int, choice: Choice
) -> dict[Target, tuple[Float[Tensor, " head_index"], Int[Tensor, "head_index 2"]]]:
    """Minimise the weight of each target from one second literal over all token choices, for every
    head on its own; with the own clauses, as (first, second) literal, at which that happens."""
    position = FormulaLayout(problem).second_literal_positions[clause]
    seen = scores.from_position(position)
    literals = torch.arange(problem.n_literals)
    own = (
        torch.as_tensor(clause_literals(problem))
        if choice == "admissible"
        else torch.cartesian_prod(literals, literals)
    )
    first, second = own.T
    to_first = seen[:, second, position - 1, first]
    to_second = seen[:, second, position, second]
    elsewhere = _largest_elsewhere(seen, problem, clause, choice)[:, second]
    on_first = (to_first - torch.logaddexp(to_second, elsewhere)).sigmoid().min(dim=1)
    on_both = (torch.logaddexp(to_first, to_second) - elsewhere).sigmoid().min(dim=1)
    return {
        "first_literal": (on_first.values, own[on_first.indices]),
        "own_clause": (on_both.values, own[on_both.indices]),
    }


def worst_case_rows(scores: ScoreTables, problem: Problem) -> list[WorstCaseRow]:
    """One row per choice of tokens, clause position, head and target."""
    symbols = Vocabulary(problem).symbols
    rows = []
    for choice, clause in product(CHOICES, range(problem.n_clauses)):
        targets = worst_case(scores, problem, clause, choice)
        for head in range(scores.n_heads):
            for target, (weights, at) in targets.items():
                first, second = (symbols[literal] for literal in at[head].tolist())
                weight = float(weights[head])
                rows.append(WorstCaseRow(choice, head, clause, target, weight, first, second))
    return rows


def _answer_extremes(
    scores: ScoreTables, problem: Problem, version: Version, head: int
) -> tuple[float, float]:
    colon, position = Vocabulary(problem).colon, FormulaLayout(problem).answer_position
    of_answer = scores.from_position(position)[head, colon]
    if version == "admissible":
        return _exact_extremes(of_answer.exp(), problem)
    if version == "paper":
        d_vocab = of_answer.shape[-1]
        by_number = scores.token_position[head, colon, :d_vocab]
        by_number = torch.nn.functional.pad(by_number, (0, d_vocab - len(by_number)))
        of_answer = of_answer + (by_number - scores.token_token[head, colon])
    of_answer = of_answer[:, : colon + 1]
    spread = float(of_answer.max() - of_answer.min())
    others = len(of_answer) - 1
    return 1 / (1 + others * math.exp(spread)), 1 / (1 + others * math.exp(-spread))


def _exact_extremes(weights: Float[Tensor, "pos token"], problem: Problem) -> tuple[float, float]:
    """Over all formulas, from exponential scores: every other clause adds its largest or its
    smallest pair, and only the own clause is tried out."""
    vocabulary, layout = Vocabulary(problem), FormulaLayout(problem)
    at_first = torch.tensor(layout.first_literal_positions)
    at_second = torch.tensor(layout.second_literal_positions)
    first, second = torch.as_tensor(clause_literals(problem)).T
    pairs = torch.stack([weights[at_first][:, first], weights[at_second][:, second]])
    fixed = torch.cat(
        [
            weights[at_first - 1, vocabulary.left_parenthesis],
            weights[at_second + 1, vocabulary.right_parenthesis],
            weights[[layout.answer_position], vocabulary.colon],
        ]
    )
    clauses = pairs.sum(dim=0)
    high, low = clauses.amax(dim=1), clauses.amin(dim=1)
    most, least = fixed.sum() + high.sum(), fixed.sum() + low.sum()
    smallest = torch.cat([(pairs / (clauses + (most - high)[:, None])).flatten(), fixed / most])
    largest = torch.cat([(pairs / (clauses + (least - low)[:, None])).flatten(), fixed / least])
    return float(smallest.min()), float(largest.max())


def _largest_elsewhere(
    scores: Float[Tensor, "head_index token key_pos token"],
    problem: Problem,
    clause: int,
    choice: Choice,
) -> Float[Tensor, "head_index token"]:
    """Log of the largest sum of exponentials over all positions but the own two literals."""
    vocabulary, layout = Vocabulary(problem), FormulaLayout(problem)
    position = layout.second_literal_positions[clause]
    left = scores[:, :, 0 : position + 1 : 4, vocabulary.left_parenthesis]
    right = scores[:, :, 3 : position + 1 : 4, vocabulary.right_parenthesis]
    to_first = scores[:, :, list(layout.first_literal_positions[:clause])]
    to_second = scores[:, :, list(layout.second_literal_positions[:clause])]
    if choice == "admissible":
        first, second = torch.as_tensor(clause_literals(problem)).T
        pairs = torch.logaddexp(to_first[..., first], to_second[..., second])
        literals = pairs.amax(dim=-1)
    else:
        allowed = slice(0, problem.n_literals)
        literals = torch.logaddexp(
            to_first[..., allowed].amax(dim=-1), to_second[..., allowed].amax(dim=-1)
        )
    return torch.cat([left, right, literals], dim=-1).logsumexp(dim=-1)
