"""A network trained from random weights by table losses alone: no formula is drawn to learn from.

It says that gradient descent can write the stated mechanism into the paper's architecture, and
nothing about what training on formulas finds.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.errors import MechvalError
from mechval.training.descent import Loss
from mechval.transformer import Transformer
from mechval.two_sat.consolidate.closed_form import neuron_bounds
from mechval.two_sat.consolidate.first_block import first_block
from mechval.two_sat.consolidate.formulas import random_formulas
from mechval.two_sat.consolidate.hinges import GAP, answer_shortfall, shortfall, unread_gap
from mechval.two_sat.consolidate.roles import Roles
from mechval.two_sat.consolidate.second_block import SecondBlockTables, falsified_by, second_block
from mechval.two_sat.problem import Problem

FIRST_QUERIES = 6.0
"""Factor on block 0's queries at the start: attention has to be sharp."""

_RANDOM_FORMULAS = 8
_EVERY = 4


def start_from_scratch(model: Transformer, problem: Problem, generator: torch.Generator) -> None:
    """Draw the weights, and leave one hidden neuron of block 1 for each assignment.

    Neuron ``a`` is to evaluate assignment ``a``; the others are 0 and stay 0.

    Raises:
        MechvalError: if there are fewer hidden neurons than assignments.
    """
    model.initialise(generator)
    mlp, n_neurons = model.block(1).mlp, problem.n_assignments
    if mlp.W_in.shape[1] < n_neurons:
        raise MechvalError(
            f"architecture.d_mlp={mlp.W_in.shape[1]} is not allowed with n_variables="
            f"{problem.n_variables}; allowed: at least {n_neurons}, one for each assignment."
        )
    with torch.no_grad():
        model.block(0).attn.query.mul_(FIRST_QUERIES)
        mlp.W_in[:, n_neurons:] = 0
        mlp.W_out[n_neurons:] = 0


class ScratchLoss(Loss):
    """The loss of a step; all of its terms are functions of the weights, besides the last gap."""

    def __init__(self, problem: Problem, roles: Roles, n_steps: int):
        self.problem = problem
        self.roles = roles
        self.n_steps = n_steps

    def __call__(self, model: Transformer, step: int, generator: torch.Generator) -> Tensor:
        problem, roles = self.problem, self.roles
        first = first_block(model, problem)
        second = second_block(model, first, roles.neurons)
        gaps = shortfall(first.own_gap, GAP) + shortfall(first.colon_gap, GAP)
        if step % _EVERY == 0:
            drawn = random_formulas(problem, _RANDOM_FORMULAS, generator)
            gaps = gaps + _EVERY * shortfall(unread_gap(model, problem, drawn), GAP)
        falsified = falsified_by(problem, roles.assignments)
        loss = 0.3 * gaps + 3 * second.scores.flatten(1).var(dim=1).mean()
        loss = loss + smooth_start(second, falsified)
        share = min(1.0, max(0.0, (step / self.n_steps - 0.15) / 0.30))
        if share:
            bounds = neuron_bounds(second, falsified)
            hinge = shortfall(bounds.lower, 1.0) + shortfall(-bounds.upper, 1.0)
            answers = answer_shortfall(problem, second, roles.levels / 2)
            # Damped while it is large; a clamp would leave no gradient there.
            loss = loss + share * (hinge / (1 + 0.1 * hinge.detach()) + 0.1 * answers)
        return loss


def smooth_start(
    block: SecondBlockTables, falsified: Bool[Tensor, "clause neuron"]
) -> Float[Tensor, ""]:
    """A quadratic pull of every clause's contribution under average attention.

    Relative to 1 / n_clauses: 1 for a clause that the assignment satisfies, at most
    -1.5 n_clauses for one that it falsifies.
    """
    n_clauses = block.values.shape[1]
    seen = n_clauses / (n_clauses + 1) * block.values.sum(dim=0)
    satisfied = ~falsified.expand_as(seen)
    constants = block.base + block.colon_values.sum(dim=0) / (n_clauses + 1)
    return (
        0.2 * (seen[satisfied] - 1).square().mean() / n_clauses
        + 2 * (seen[~satisfied] + 1.5 * n_clauses).relu().square().mean() / n_clauses**2
        + 0.1 * constants.square().mean()
    )
