"""The losses of the three phases that consolidate a trained network.

Phase 1 sharpens attention, with cross-entropy on formulas. Phase 2 trains on tables: every live
neuron is to be on exactly where its own assignment satisfies the formula, on random formulas and
on a pool of hard ones. Phase 3 carries on, and makes block 1's attention an average.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from mechval.training.descent import Loss
from mechval.transformer import Transformer
from mechval.two_sat.consolidate.closed_form import neuron_bounds
from mechval.two_sat.consolidate.first_block import first_block
from mechval.two_sat.consolidate.formulas import (
    HardPool,
    balanced_formulas,
    random_formulas,
    violates,
)
from mechval.two_sat.consolidate.hinges import GAP, answer_shortfall, shortfall, unread_gap
from mechval.two_sat.consolidate.roles import Roles
from mechval.two_sat.consolidate.second_block import (
    SecondBlockTables,
    falsified_by,
    preactivations,
    second_block,
)
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.answer import right_answers
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem

_UNREAD_FORMULAS = 8
_UNREAD_EVERY = 4


@dataclass
class SharpeningLoss(Loss):
    """Phase 1."""

    problem: Problem
    neurons: Int[Tensor, " neuron"]
    batch_size: int

    def __call__(self, model: Transformer, step: int, generator: torch.Generator) -> Tensor:
        problem = self.problem
        formulas, satisfiable = balanced_formulas(problem, self.batch_size, generator)
        answers = right_answers(Vocabulary(problem), satisfiable)
        logits = read_logits(model, problem, formulas)
        first = first_block(model, problem)
        block = second_block(model, first, self.neurons)
        # Every eighth: both halves of the batch are of one class.
        unread = unread_gap(model, problem, formulas[::8])
        gaps = shortfall(first.own_gap, GAP) + shortfall(first.colon_gap, GAP)
        attention = 0.05 * (gaps + shortfall(unread, GAP)) + 0.02 * position_variance(block)
        return functional.cross_entropy(logits, answers) + attention


@dataclass
class MechanismLoss(Loss):
    """Phases 2 and 3.

    Attributes:
        averaging: weight of the variance of block 1's scores over clauses; 0 in phase 2.
        bounding: weight of the closed form's bounds, in the second half of the steps.
    """

    problem: Problem
    roles: Roles
    batch_size: int
    n_steps: int
    pool: HardPool
    averaging: float = 0.0
    bounding: float = 0.0

    def __call__(self, model: Transformer, step: int, generator: torch.Generator) -> Tensor:
        problem, roles = self.problem, self.roles
        first = first_block(model, problem)
        block = second_block(model, first, roles.neurons)
        falsified = falsified_by(problem, roles.assignments)
        loss = self._neurons(block, falsified, generator)
        loss = loss + 0.1 * answer_shortfall(problem, block, roles.levels / 2)
        loss = loss + 100 * position_variance(block)
        gaps = shortfall(first.own_gap, GAP) + shortfall(first.colon_gap, GAP)
        if step % _UNREAD_EVERY == 0:
            drawn = random_formulas(problem, _UNREAD_FORMULAS, generator)
            gaps = gaps + _UNREAD_EVERY * shortfall(unread_gap(model, problem, drawn), GAP)
        loss = loss + 0.05 * gaps
        if self.averaging:
            loss = loss + self.averaging * block.scores.flatten(1).var(dim=1).mean()
        if self.bounding and step >= self.n_steps // 2:
            bounds = neuron_bounds(block, falsified)
            missing = shortfall(bounds.lower / roles.levels, 1.0) + shortfall(
                -bounds.upper / roles.levels, 1.0
            )
            loss = loss + self.bounding * missing / (1 + 0.1 * missing.detach())
        return loss

    def state(self) -> dict[str, Tensor]:
        return {"pool": self.pool.clause_ids}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.pool.clause_ids = state["pool"].to(self.pool.targets.device)

    def _neurons(
        self,
        block: SecondBlockTables,
        falsified: Bool[Tensor, "clause neuron"],
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        self.pool.harden(self.problem, block, falsified, self.roles.levels, generator)
        size = (2 * self.batch_size,)
        rows = torch.randint(
            len(self.pool.targets), size, generator=generator, device=generator.device
        )
        easy, _ = balanced_formulas(self.problem, self.batch_size, generator)
        formulas = torch.cat([easy, self.pool.clause_ids[rows]])
        return shortfall(margins(block, falsified, self.roles.levels, formulas), 1.0)


def margins(
    block: SecondBlockTables,
    falsified: Bool[Tensor, "clause neuron"],
    levels: Float[Tensor, " neuron"],
    formulas: Int[Tensor, "batch clause_position"],
) -> Float[Tensor, "batch neuron"]:
    """Pre-activations in levels, with the sign that they should have: right where positive."""
    found = preactivations(block, formulas) / levels
    return torch.where(violates(formulas, falsified), -found, found)


def position_variance(block: SecondBlockTables) -> Float[Tensor, ""]:
    """Variance over clause positions of block 1's scores and of what its values add."""
    return block.scores.var(dim=1).mean() + block.values.var(dim=1).mean()


def read_logits(
    model: Transformer, problem: Problem, formulas: Int[Tensor, "batch clause_position"]
) -> Float[Tensor, "batch d_vocab"]:
    """Logits at ``:`` of a network whose block 1 sees the second literals and ``:`` alone."""
    layout = Components(model, problem).layout
    read = torch.tensor(
        [*layout.second_literal_positions, layout.answer_position], device=formulas.device
    )
    resid = model.embed(encode_formulas(problem, formulas))
    below = model.block(0)
    resid = resid[:, read] + below.attn(resid, read)
    resid = resid + below.mlp.project(below.mlp.hidden(resid))
    last = torch.tensor([len(read) - 1], device=formulas.device)
    above = model.block(1)
    answer = resid[:, -1] + above.attn(resid, last)[:, 0]
    return (answer + above.mlp.project(above.mlp.hidden(answer))) @ model.W_U
