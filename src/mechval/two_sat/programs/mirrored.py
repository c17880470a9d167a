"""The mirrored voting program: all heads are one head, in front of differently placed mirrors.

A voting program (see ``voting``) in which little is said twice. Head ``h`` does what the first head
does on the formula in which ``flips[h]`` of the variables are negated, and for the neurons whose
assignments are flipped alike. A neuron is known by the assignments that it looks for: its votes are
one and the same linear function of the products of at most two of their signs, for all neurons.
What heads and neurons do beyond that is written as corrections, most of which are 0. Everything but
a few step sizes is an integer. Order and position of clauses play no part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms.program_size import natural_bits, subset_bits
from mechval.errors import MechvalError
from mechval.two_sat.problem import Problem, clause_ids_of_literal_pairs, clause_literals
from mechval.two_sat.programs import voting
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.voting import VotingTables

TABLES: Mapping[str, tuple[str, ...]] = {
    "salience": ("literal",),
    "salience_of_clause": ("clause",),
    "shifts": ("variable", "literal"),
    "features": ("clause", "feature"),
    "votes": ("monomial", "feature"),
    "balance_votes": ("monomial", "variable"),
    "bias": ("monomial",),
    "scale_of_head": ("head",),
    "gain_of_head": ("head",),
    "salience_of_head": ("head", "literal"),
    "shifts_of_head": ("head", "variable", "literal"),
    "votes_of_head": ("head", "monomial", "feature"),
    "monomials_of_neuron": ("neuron", "monomial"),
    "votes_of_neuron": ("neuron", "head", "feature"),
    "bias_of_neuron": ("neuron",),
}
"""Every table with its axes. The first seven are shared, the rest are corrections."""

Tables = Mapping[str, Tensor]


@dataclass(frozen=True)
class Mirrors:
    """What heads and neurons share, and how it looks from each of them. ``flips``: which variables
    each head sees negated. ``assignments``: what each neuron looks for."""

    problem: Problem
    flips: Bool[Tensor, "head_index variable"]
    assignments: Bool[Tensor, "neuron assignment"]

    def axis_sizes(self, n_features: int) -> dict[str, int]:
        return {
            "literal": self.problem.n_literals,
            "variable": self.problem.n_variables,
            "clause": self.problem.n_distinct_clauses,
            "feature": n_features,
            "monomial": self.monomials.shape[1],
            "head": len(self.flips),
            "neuron": len(self.assignments),
        }

    @cached_property
    def monomials(self) -> Float[Tensor, "neuron monomial"]:
        """1, each sign and each product of two, averaged over a neuron's assignments. The sign of a
        variable is 1 where it is true and -1 where it is false; all are 0 for a neuron without
        assignments."""
        rows = torch.arange(self.problem.n_assignments)[:, None]
        signs = 2.0 * ((rows >> torch.arange(self.problem.n_variables)) & 1) - 1
        chosen = self.assignments.float()
        weights = chosen / chosen.sum(dim=1, keepdim=True).clamp(min=1)
        return weights @ monomials_of(signs)

    @cached_property
    def signs(self) -> Float[Tensor, "head_index variable"]:
        """-1 for a variable that a head sees negated, else 1."""
        return 1.0 - 2.0 * self.flips

    @cached_property
    def literals(self) -> Int[Tensor, "head_index literal"]:
        """As which literal each head sees each literal."""
        n = self.problem.n_variables
        own = torch.arange(2 * n)
        return torch.where(self.flips.repeat(1, 2), (own + n) % (2 * n), own)

    @cached_property
    def clauses(self) -> Int[Tensor, "head_index clause"]:
        """As which clause each head sees each clause."""
        ids = torch.as_tensor(clause_ids_of_literal_pairs(self.problem))
        seen = self.literals[:, torch.as_tensor(clause_literals(self.problem))]
        return torch.maximum(ids, ids.T)[seen[..., 0], seen[..., 1]]

    def to(self, device: torch.device) -> "Mirrors":
        """The same on another device, with all that follows from it."""
        moved = Mirrors(self.problem, self.flips.to(device), self.assignments.to(device))
        names = ("monomials", "signs", "literals", "clauses")
        vars(moved).update({name: getattr(self, name).to(device) for name in names})
        return moved

    def voting_tables(self, tables: Tables) -> VotingTables:
        """The voting program's tables that follow from those of a mirrored one, in real units."""
        dtype = tables["salience"].dtype
        signs, monomials = self.signs.to(dtype), self.monomials.to(dtype)
        scales = 1 + tables["scale_of_head"]
        salience = scales[:, None] * tables["salience"][self.literals]
        seen = scales[:, None, None] * tables["shifts"][:, self.literals].transpose(0, 1)
        mirrored = monomials_of(signs)[:, :, None] * tables["votes"]
        gains = 1 + tables["gain_of_head"][:, None, None]
        own = monomials + tables["monomials_of_neuron"]
        votes = torch.einsum("nm,hmf->nhf", own, gains * mirrored + tables["votes_of_head"])
        literals = voting.literals_of_clauses(self.problem).to(signs.device, dtype)
        return VotingTables(
            literals=literals,
            salience=salience + tables["salience_of_head"],
            salience_of_clause=tables["salience_of_clause"][self.clauses],
            shifts=signs[:, :, None] * seen + tables["shifts_of_head"],
            features=tables["features"][self.clauses],
            votes=votes + tables["votes_of_neuron"],
            balance_votes=monomials @ tables["balance_votes"],
            bias=monomials @ tables["bias"] + tables["bias_of_neuron"],
        )


@dataclass(frozen=True)
class MirroredProgram:
    """Integers of the program; each of ``tables`` is counted in its real step. ``tables``: as
    ``TABLES`` names them. ``steps``: one per table, in that order."""

    mirrors: Mirrors
    tables: Mapping[str, Tensor]
    steps: Float[Tensor, " table"]

    def __post_init__(self) -> None:
        if self.tables.keys() != TABLES.keys():
            raise MechvalError(
                f"a mirrored program with tables {sorted(self.tables)} is not allowed; "
                f"allowed: {', '.join(TABLES)}."
            )

    def bits(self, pairs: Int[Tensor, "batch clause_position"]) -> Bool[Tensor, "batch neuron"]:
        """As :meth:`mechval.two_sat.programs.voting.VotingProgram.bits`."""
        counts = voting.clause_counts(self.mirrors.problem, pairs)
        return voting.vote(self.real_tables(pairs.device), counts) >= 0

    def real_tables(self, device: torch.device) -> VotingTables:
        """The voting program that this one stands for, as real numbers."""
        steps = self.steps.double()
        real = {
            name: (table * step).to(device)
            for (name, table), step in zip(self.tables.items(), steps, strict=True)
        }
        return self.mirrors.to(device).voting_tables(real)

    def size_bits(self) -> int:
        """Length of the program in bits of a prefix code. The numbers of neurons, heads and
        features as natural numbers; each neuron's assignments as a set; one bit for each variable
        and head; each table by ``table_bits``; 16 bits for each step."""
        mirrors = self.mirrors
        n_features = self.tables["features"].shape[1]
        shape = (len(mirrors.assignments), len(mirrors.flips), n_features)
        sizes = mirrors.assignments.sum(dim=1).tolist()
        bits = sum(map(natural_bits, shape)) + mirrors.flips.numel()
        bits += sum(subset_bits(size, mirrors.problem.n_assignments) for size in sizes)
        bits += sum(map(voting.table_bits, self.tables.values()))
        return bits + voting.STEP_BITS * len(self.steps)

    def to_json(self) -> dict[str, Any]:
        return {
            "flips": self.mirrors.flips.int().tolist(),
            "assignments": DisjunctionProgram(self.mirrors.assignments).to_json(),
            "tables": {name: table.tolist() for name, table in self.tables.items()},
            "steps": self.steps.tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], problem: Problem) -> "MirroredProgram":
        """Read what :meth:`to_json` wrote; raises MechvalError if a table is missing."""
        expected = {"flips", "assignments", "tables", "steps"}
        if values.keys() != expected or values["tables"].keys() != TABLES.keys():
            raise MechvalError(
                f"a mirrored program of {sorted(values)} is not allowed; allowed: "
                f"{', '.join(sorted(expected))}, with tables {', '.join(TABLES)}."
            )
        neurons = DisjunctionProgram.from_json(values["assignments"], problem.n_assignments)
        flips = torch.tensor(values["flips"], dtype=torch.bool)
        mirrors = Mirrors(problem, flips, neurons.assignments)
        tables = {name: torch.tensor(values["tables"][name], dtype=torch.int64) for name in TABLES}
        return cls(mirrors, tables, torch.tensor(values["steps"], dtype=torch.float16))


AnyVoting: TypeAlias = voting.VotingProgram | MirroredProgram


def monomials_of(
    signs: Float[Tensor, "row variable"],
) -> Float[Tensor, "row monomial"]:
    """1, each sign, and each product of two of them."""
    pairs = np.array(list(combinations(range(signs.shape[1]), 2)))
    products = signs[:, pairs[:, 0]] * signs[:, pairs[:, 1]]
    return torch.cat([torch.ones_like(signs[:, :1]), signs, products], dim=1)
