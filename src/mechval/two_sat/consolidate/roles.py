"""Which hidden neurons of block 1 live, and what each of them is to evaluate."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mechval import tables
from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.consolidate.first_block import first_block
from mechval.two_sat.consolidate.formulas import random_formulas, violates
from mechval.two_sat.consolidate.second_block import (
    SecondBlockTables,
    falsified_by,
    preactivations,
    second_block,
)
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem

FIRST_GAP, LARGEST_FACTOR = 3.3, 5.0
"""Before phase 1 block 0's queries are multiplied until the own clause's mean log-odds are this,
by at most this factor. More than needed destroys what the network computes (deviation U15)."""

LIVE_SHARE = 0.03
"""Neurons below this share of the largest one's weights are put to 0."""

SMALLEST_LEVEL = 1.0
_LEVEL_FORMULAS = 8192


@dataclass(frozen=True)
class Roles:
    """Which hidden neurons of block 1 live, and which assignment each is to evaluate.

    Attributes:
        neurons: their indices.
        assignments: bit ``v`` is the value of variable ``v``.
        levels: half of each neuron's mean pre-activation when on, at least 1: what its
            pre-activation has to reach, in either direction.
    """

    neurons: Int[Tensor, " neuron"]
    assignments: Int[Tensor, " neuron"]
    levels: Float[Tensor, " neuron"]

    def rows(self) -> list["RoleRow"]:
        """One row per neuron."""
        columns = (self.neurons, self.assignments, self.levels)
        return [RoleRow(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]


@dataclass(frozen=True)
class RoleRow:
    """One of :class:`Roles`."""

    neuron: int = tables.told()
    assignment: int = tables.told()
    level: float = tables.number(unit="pre-activation")


ROLES = tables.Table("consolidate/roles.csv", RoleRow)


def roles_of(rows: Iterable[RoleRow], device: torch.device) -> Roles:
    """The roles that a table says."""
    columns = zip(*((row.neuron, row.assignment, row.level) for row in rows), strict=True)
    return Roles(*(torch.tensor(column, device=device) for column in columns))


@torch.no_grad()
def prepare(model: Transformer, problem: Problem) -> Int[Tensor, " neuron"]:
    """Sharpen block 0's queries and put idle neurons of block 1 to 0; return the live ones.

    A neuron lives if it argues for ``s`` against ``u`` and is not tiny.
    """
    vocabulary, mlp = Vocabulary(problem), model.block(1).mlp
    gap = float(first_block(model, problem).own_gap.mean())
    factor = min(LARGEST_FACTOR, max(1.0, FIRST_GAP / gap)) if gap > 0 else LARGEST_FACTOR
    model.block(0).attn.query.mul_(factor)
    sizes = mlp.W_in.norm(dim=0) * mlp.W_out.norm(dim=1)
    lead = model.W_U[:, vocabulary.satisfiable] - model.W_U[:, vocabulary.unsatisfiable]
    lives = (sizes > LIVE_SHARE * sizes.max()) & (mlp.W_out @ lead > 0)
    mlp.W_in[:, ~lives] = 0
    mlp.b_in[~lives] = 0
    mlp.W_out[~lives] = 0
    return lives.nonzero().flatten()


@torch.no_grad()
def assign_roles(
    model: Transformer,
    problem: Problem,
    neurons: Int[Tensor, " neuron"],
    generator: torch.Generator,
) -> Roles:
    """Give each neuron the assignment whose clauses push it up most.

    Where some assignment would have no neuron, the neurons that lose least by it change over.
    """
    block = second_block(model, first_block(model, problem), neurons)
    every = torch.arange(problem.n_assignments, device=neurons.device)
    shares = torch.cat([block.scores.flatten(1), block.colon_score[:, None]], 1).softmax(1)
    weights = shares[:, :-1].unflatten(1, block.scores.shape[1:])
    centred = block.values - block.values.mean(dim=(1, 2), keepdim=True)
    pushes = torch.einsum("hic,hick->ck", weights, centred)
    falls = falsified_by(problem, every).T.float() @ pushes
    regret = (falls - falls.amin(dim=0)) / falls.std(dim=0)
    if len(neurons) < problem.n_assignments:
        raise MechvalError(
            f"the network has {len(neurons)} live neurons in its last MLP; allowed: at least one "
            f"for each of the {problem.n_assignments} assignments."
        )
    _, columns = linear_sum_assignment(regret.cpu().numpy())
    assignments = regret.argmin(dim=0)
    assignments[torch.as_tensor(np.asarray(columns), device=neurons.device)] = every
    return Roles(neurons, assignments, _levels(problem, block, assignments, generator))


def _levels(
    problem: Problem,
    block: SecondBlockTables,
    assignments: Int[Tensor, " neuron"],
    generator: torch.Generator,
) -> Float[Tensor, " neuron"]:
    formulas = random_formulas(problem, _LEVEL_FORMULAS, generator)
    is_on = ~violates(formulas, falsified_by(problem, assignments))
    found = preactivations(block, formulas)
    mean = (found * is_on).sum(dim=0) / is_on.sum(dim=0).clamp(min=1)
    return (mean / 2).clamp(min=SMALLEST_LEVEL)


def scratch_roles(problem: Problem, device: torch.device) -> Roles:
    """Neuron ``a`` evaluates assignment ``a``, and its pre-activation has to reach 1."""
    every = torch.arange(problem.n_assignments, device=device)
    return Roles(every, every, torch.ones(len(every), device=device))
