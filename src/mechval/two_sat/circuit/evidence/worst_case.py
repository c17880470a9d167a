"""The least attention that a second literal can pay to its own clause, exactly.

From a fixed asking token the other positions' scores are independent, so the softmax weight N / (N
+ D) is least where N is least and every term of D largest: a choice per position, or per earlier
clause, that needs no search. Source: PAPER.md section 2, circuit evidence.
"""

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

Choice = Literal["paper", "admissible"]
CHOICES: tuple[Choice, ...] = ("paper", "admissible")
"""``paper``: any literal wherever a literal stands. ``admissible``: clauses that formulas have,
two different variables, the smaller first."""


@dataclass(frozen=True)
class WorstCase:
    """The least softmax weights at one clause position. ``first_literal``: weight from the second
    literal to the first one. ``own_clause``: weight from the second literal to both literals of its
    clause. ``first_literal_at``: the own clause, (first, second) literal, at which that happens.
    ``own_clause_at``: the same for ``own_clause``."""

    first_literal: Float[Tensor, " head_index"]
    own_clause: Float[Tensor, " head_index"]
    first_literal_at: Int[Tensor, "head_index 2"]
    own_clause_at: Int[Tensor, "head_index 2"]


@dataclass(frozen=True)
class WorstCaseRow:
    """The least weight of a head at a clause position, and the own clause at which it happens."""

    choice: Choice = tables.told()
    head: int = tables.told()
    clause: int = tables.told()
    target: Literal["first_literal", "own_clause"] = tables.told()
    weight: float = tables.number()
    first: str = tables.told()
    second: str = tables.told()


WORST_CASES = tables.Table("circuit/evidence/block0_worst_case.csv", WorstCaseRow)


def worst_case(scores: ScoreTables, problem: Problem, clause: int, choice: Choice) -> WorstCase:
    """Minimise both weights over all token choices, for every head on its own."""
    position = FormulaLayout(problem).second_literal_positions[clause]
    seen = scores.from_position(position)
    own = _own_clauses(problem, choice)
    first, second = own.T
    to_first = seen[:, second, position - 1, first]
    to_second = seen[:, second, position, second]
    elsewhere = _largest_elsewhere(seen, problem, clause, choice)[:, second]
    on_first = (to_first - torch.logaddexp(to_second, elsewhere)).sigmoid().min(dim=1)
    on_both = (torch.logaddexp(to_first, to_second) - elsewhere).sigmoid().min(dim=1)
    return WorstCase(on_first.values, on_both.values, own[on_first.indices], own[on_both.indices])


def worst_case_rows(scores: ScoreTables, problem: Problem) -> list[WorstCaseRow]:
    """One row per choice of tokens, clause position, head and target."""
    symbols = Vocabulary(problem).symbols
    rows = []
    for choice, clause in product(CHOICES, range(problem.n_clauses)):
        found = worst_case(scores, problem, clause, choice)
        for head in range(scores.n_heads):
            on_first, at_first = float(found.first_literal[head]), found.first_literal_at[head]
            on_both, at_both = float(found.own_clause[head]), found.own_clause_at[head]
            first, second = (symbols[literal] for literal in at_first.tolist())
            rows.append(
                WorstCaseRow(choice, head, clause, "first_literal", on_first, first, second)
            )
            first, second = (symbols[literal] for literal in at_both.tolist())
            rows.append(WorstCaseRow(choice, head, clause, "own_clause", on_both, first, second))
    return rows


def _own_clauses(problem: Problem, choice: Choice) -> Int[Tensor, "clause 2"]:
    if choice == "admissible":
        return torch.as_tensor(clause_literals(problem))
    literals = torch.arange(problem.n_literals)
    return torch.cartesian_prod(literals, literals)


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
    earlier = list(layout.second_literal_positions[:clause])
    to_second = scores[:, :, earlier]
    to_first = scores[:, :, [second - 1 for second in earlier]]
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
