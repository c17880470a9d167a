"""The voting program: every head averages clause features, every neuron thresholds a vote.

For a formula, a head weighs each of its clauses by ``exp`` of its two literals' salience, which
shifts with the balance of every variable: how often it occurs more than its negation does. The
weighted mean of the clauses' features is the head's opinion. A neuron adds its votes on all
opinions, its votes on the variables' balance and its bias, and is on from 0 up. Everything but a
few step sizes is a small integer. Order and position of clauses play no part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms.program_size import natural_bits, subset_bits
from mechval.errors import MechvalError
from mechval.two_sat.problem import Problem, clause_ids_of_literal_pairs, clause_literals


@dataclass(frozen=True)
class VotingProgram:
    """Integers of the program, each table with the real step it is counted in. ``problem``: the
    size of the formulas. ``bits_each``: width of an integer per table; a table of width b lies in
    ±(2**(b-1) - 1). ``salience``: of each literal for each head. ``shifts``: what each variable's
    balance adds to the salience of each literal, per head. ``features``: of each distinct clause.
    ``votes``: of each neuron on each head's mean of each feature. ``balance_votes``: of each neuron
    on each variable's balance. ``bias``: of each neuron. ``steps``: of ``salience``, ``shifts``,
    each feature, ``balance_votes`` and ``bias``."""

    problem: Problem
    bits_each: Mapping[str, int]
    salience: Int[Tensor, "head_index literal"]
    shifts: Int[Tensor, "head_index variable literal"]
    features: Int[Tensor, "clause feature"]
    votes: Int[Tensor, "neuron head_index feature"]
    balance_votes: Int[Tensor, "neuron variable"]
    bias: Int[Tensor, " neuron"]
    steps: Float[Tensor, " step"]

    def __post_init__(self) -> None:
        for name in TABLES:
            table, limit = getattr(self, name), largest_integer(self.bits_each[name])
            if int(table.abs().max()) > limit:
                raise MechvalError(
                    f"{name} of a voting program has the entry {int(table.abs().max())}; "
                    f"allowed: {-limit} to {limit}."
                )

    def bits(self, pairs: Int[Tensor, "batch clause_position"]) -> Bool[Tensor, "batch neuron"]:
        """One bit per evaluating neuron, from parsed literal pairs; a pair that is no clause
        is passed over."""
        return vote(self.real_tables(pairs.device), clause_counts(self.problem, pairs)) >= 0

    def real_tables(self, device: torch.device) -> "VotingTables":
        """The tables as real numbers, in units of a neuron's vote."""
        n_features = self.features.shape[1]
        salience, shift, feature, balance, bias = self.steps.double().split(
            [1, 1, n_features, 1, 1]
        )
        return VotingTables(
            literals=literals_of_clauses(self.problem).double().to(device),
            salience=(self.salience * salience).to(device),
            salience_of_clause=torch.zeros(
                len(self.salience), len(self.features), dtype=torch.float64, device=device
            ),
            shifts=(self.shifts * shift).to(device),
            features=(self.features * feature).to(device).expand(len(self.salience), -1, -1),
            votes=self.votes.double().to(device),
            balance_votes=(self.balance_votes * balance).to(device),
            bias=(self.bias * bias).to(device),
        )

    def size_bits(self) -> int:
        """Length of the program in bits of a prefix code. The numbers of neurons, heads and
        features as natural numbers; each table by :func:`table_bits`; 16 bits for each step."""
        shape = sum(natural_bits(size) for size in self.votes.shape)
        tables = sum(table_bits(getattr(self, name)) for name in TABLES)
        return shape + tables + STEP_BITS * len(self.steps)

    def to_json(self) -> dict[str, Any]:
        tables = {name: getattr(self, name).tolist() for name in (*TABLES, "steps")}
        return {"bits_each": dict(self.bits_each), **tables}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], problem: Problem) -> "VotingProgram":
        """Read what :meth:`to_json` wrote; raises MechvalError if a table is missing."""
        expected = {"bits_each", "steps", *TABLES}
        if values.keys() != expected:
            raise MechvalError(
                f"voting program with tables {sorted(values)} is not allowed; "
                f"allowed: {', '.join(sorted(expected))}."
            )
        tables = {name: torch.tensor(values[name], dtype=torch.int64) for name in TABLES}
        steps = torch.tensor(values["steps"], dtype=torch.float16)
        return cls(problem, dict(values["bits_each"]), **tables, steps=steps)


TABLES: tuple[str, ...] = ("salience", "shifts", "features", "votes", "balance_votes", "bias")
STEP_BITS = 16
RICE_PARAMETER_BITS = 4


@dataclass(frozen=True)
class VotingTables:
    """The program's tables as real numbers, as they are fitted and evaluated."""

    literals: Float[Tensor, "clause literal"]
    salience: Float[Tensor, "head_index literal"]
    salience_of_clause: Float[Tensor, "head_index clause"]
    shifts: Float[Tensor, "head_index variable literal"]
    features: Float[Tensor, "head_index clause feature"]
    votes: Float[Tensor, "neuron head_index feature"]
    balance_votes: Float[Tensor, "neuron variable"]
    bias: Float[Tensor, " neuron"]

    def __post_init__(self) -> None:
        kinds = {getattr(self, field.name).dtype for field in fields(self)}
        assert len(kinds) == 1


def vote(
    tables: VotingTables, counts: Int[Tensor, "batch clause"]
) -> Float[Tensor, "batch neuron"]:
    """Add up every neuron's votes; the neuron is on from 0 up. ``counts``: how often each distinct
    clause occurs."""
    occurrences = counts.to(tables.literals.dtype)
    positive, negative = (occurrences @ tables.literals).chunk(2, dim=1)
    balance = positive - negative
    salience = tables.salience + torch.einsum("bv,hvl->bhl", balance, tables.shifts)
    score = salience @ tables.literals.T + tables.salience_of_clause
    # Scores of clauses that do not occur must not overflow the exponential of those that do.
    present = torch.where(occurrences[:, None] > 0, score, -torch.inf)
    top = present.amax(dim=2, keepdim=True).clamp(min=torch.finfo(score.dtype).min)
    weight = occurrences[:, None] * (score - top).clamp(max=0).exp()
    total = weight.sum(dim=2, keepdim=True)
    shares = weight / total.clamp(min=torch.finfo(score.dtype).tiny)
    opinions = torch.einsum("bhc,hcf->bhf", shares, tables.features)
    on_opinions = opinions.flatten(1) @ tables.votes.flatten(1).T
    return on_opinions + balance @ tables.balance_votes.T + tables.bias


def clause_counts(
    problem: Problem, pairs: Int[Tensor, "batch clause_position"]
) -> Int[Tensor, "batch clause"]:
    """How often each distinct clause occurs among literal pairs, in either order of writing."""
    ids = clause_ids_of_literal_pairs(problem)
    ids = np.maximum(ids, ids.T).reshape(-1)
    clauses = torch.as_tensor(ids, device=pairs.device)[pairs]
    counts = torch.zeros(
        len(pairs), problem.n_distinct_clauses, dtype=torch.int64, device=pairs.device
    )
    return counts.scatter_add_(1, clauses.clamp(min=0), (clauses >= 0).long())


def literals_of_clauses(problem: Problem) -> Int[Tensor, "clause literal"]:
    """Which literals each distinct clause contains, as 0 and 1."""
    literals = torch.as_tensor(clause_literals(problem))
    return torch.nn.functional.one_hot(literals, problem.n_literals).sum(dim=1)


def table_bits(table: Int[Tensor, "..."]) -> int:
    """Length of a table whose size is known, in the shorter of two codes; a first bit says which.
    An integer becomes a natural number (0, -1, 1, -2, 2 are 0, 1, 2, 3, 4). *Dense*: all of them in
    a Rice code. *Sparse*: which of them are not 0, as a set, then the predecessors of those in a
    Rice code."""
    naturals = torch.where(table >= 0, 2 * table, -2 * table - 1).flatten()
    used = naturals[naturals > 0] - 1
    sparse = subset_bits(len(used), len(naturals)) + rice_bits(used)
    return 1 + min(rice_bits(naturals), sparse)


def rice_bits(naturals: Int[Tensor, " entry"]) -> int:
    """Length of natural numbers in the Rice code that suits them best, whose parameter takes 4
    bits: of each, the lowest ``parameter`` bits are written as they are and the rest in unary.
    Source: Rice and Plaunt, Adaptive variable-length coding (1971)."""
    lengths = [
        int((naturals >> parameter).sum()) + (parameter + 1) * len(naturals)
        for parameter in range(2**RICE_PARAMETER_BITS)
    ]
    return RICE_PARAMETER_BITS + min(lengths)


def largest_integer(width: int) -> int:
    """The largest size of an integer of so many bits, its sign included."""
    return 2 ** (width - 1) - 1
