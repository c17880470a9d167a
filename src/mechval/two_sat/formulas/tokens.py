"""Formulas as tokens: ``( l r )`` for each clause, then ``:``, where the answer is predicted.

Sits between the stored clause ids and the transformer. Every token id and position used anywhere
in the case study comes from :class:`Vocabulary` and :class:`FormulaLayout`.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from mechval.two_sat.problem import Problem, clause_literals

_TOKENS_PER_CLAUSE = 4


@dataclass(frozen=True)
class Vocabulary:
    """Token ids: the literals first, then ``(``, ``)``, ``:`` (asks for the answer), ``s`` and
    ``u`` (the answers), and ``#`` (padding: in the authors' vocabulary but in no formula).

    >>> Vocabulary(Problem(n_variables=5, n_clauses=10)).satisfiable
    13
    """

    problem: Problem

    @property
    def left_parenthesis(self) -> int:
        return self.problem.n_literals

    @property
    def right_parenthesis(self) -> int:
        return self.problem.n_literals + 1

    @property
    def colon(self) -> int:
        return self.problem.n_literals + 2

    @property
    def satisfiable(self) -> int:
        return self.problem.n_literals + 3

    @property
    def unsatisfiable(self) -> int:
        return self.problem.n_literals + 4

    @property
    def padding(self) -> int:
        return self.problem.n_literals + 5

    @property
    def d_vocab(self) -> int:
        return self.problem.n_literals + 6

    @property
    def symbols(self) -> tuple[str, ...]:
        """The written form of every token, in the order of the ids."""
        variables = [f"x{v}" for v in range(self.problem.n_variables)]
        return (*variables, *(f"¬{v}" for v in variables), "(", ")", ":", "s", "u", "#")


@dataclass(frozen=True)
class FormulaLayout:
    """Which token stands where in a formula.

    >>> FormulaLayout(Problem(n_variables=5, n_clauses=10)).second_literal_positions[:3]
    (2, 6, 10)
    """

    problem: Problem

    @property
    def n_ctx(self) -> int:
        return _TOKENS_PER_CLAUSE * self.problem.n_clauses + 1

    @property
    def first_literal_positions(self) -> tuple[int, ...]:
        """Where each clause's first literal stands."""
        return tuple(range(1, self.n_ctx - 1, _TOKENS_PER_CLAUSE))

    @property
    def second_literal_positions(self) -> tuple[int, ...]:
        """Where each clause's second literal stands; the clause is parsed there."""
        return tuple(range(2, self.n_ctx - 1, _TOKENS_PER_CLAUSE))

    @property
    def answer_position(self) -> int:
        """Where ``:`` stands; the answer is predicted there."""
        return self.n_ctx - 1


def encode_formulas(
    problem: Problem, clause_ids: Integer[Tensor, "batch clause_position"]
) -> Int64[Tensor, "batch pos"]:
    """Write formulas as tokens, on the device of ``clause_ids``. ``problem``: the size of the
    formulas. ``clause_ids``: rows of :func:`~mechval.two_sat.problem.clause_literals`, of any
    integer type."""
    clause_tokens, colon = _token_tables(Vocabulary(problem), clause_ids.device)
    clauses = clause_tokens[clause_ids.long()].flatten(1)
    return torch.cat([clauses, colon.expand(len(clause_ids), 1)], dim=1)


@lru_cache(maxsize=8)
def _token_tables(
    vocabulary: Vocabulary, device: torch.device
) -> tuple[Int64[Tensor, "clause 4"], Int64[Tensor, "1 1"]]:
    """The four tokens of every clause, and ``:``; kept on the device, as training encodes often."""
    literals = torch.as_tensor(clause_literals(vocabulary.problem))
    clause_tokens = torch.nn.functional.pad(literals, (1, 1))
    clause_tokens[:, 0] = vocabulary.left_parenthesis
    clause_tokens[:, -1] = vocabulary.right_parenthesis
    return clause_tokens.to(device), torch.tensor([[vocabulary.colon]], device=device)
