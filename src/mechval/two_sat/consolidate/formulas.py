"""Formulas as tensors of clause ids, drawn and changed on the device: random, and hard ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.consolidate.second_block import (
    SMALLEST_WEIGHT,
    SecondBlockTables,
    attention_weights,
    falsified_by,
    indicators,
)
from mechval.two_sat.problem import Problem

_DRAWN_PER_KEPT = 8
_MUTATIONS = 2
_REDRAWN = 0.01
_DISTINCT = 5


def random_formulas(
    problem: Problem, n_formulas: int, generator: torch.Generator
) -> Int[Tensor, "batch clause_position"]:
    """Uniform formulas, on the generator's device."""
    shape = (n_formulas, problem.n_clauses)
    of = problem.n_distinct_clauses
    return torch.randint(of, shape, generator=generator, device=generator.device)


def balanced_formulas(
    problem: Problem, n_formulas: int, generator: torch.Generator
) -> tuple[Int[Tensor, "batch clause_position"], Bool[Tensor, " batch"]]:
    """Formulas of which the second half is satisfiable, and whether they are.

    Each half is uniform over its class; a class of which few were drawn is repeated.
    """
    drawn = random_formulas(problem, _DRAWN_PER_KEPT * n_formulas, generator)
    satisfiable = is_satisfiable(problem, drawn)
    order = satisfiable.int().argsort(stable=True)
    n_satisfiable = satisfiable.sum()
    half = torch.arange(n_formulas // 2, device=drawn.device)
    unsatisfied = order[half % (len(order) - n_satisfiable).clamp(min=1)]
    rest = order.flip(0)[half % n_satisfiable.clamp(min=1)]
    chosen = torch.cat([unsatisfied, rest])
    return drawn[chosen], satisfiable[chosen]


def is_satisfiable(
    problem: Problem, clause_ids: Int[Tensor, "batch clause_position"]
) -> Bool[Tensor, " batch"]:
    """Whether some assignment satisfies the formula."""
    assignments = torch.arange(problem.n_assignments, device=clause_ids.device)
    return (~violates(clause_ids, falsified_by(problem, assignments))).any(dim=1)


def violates(
    clause_ids: Int[Tensor, "batch clause_position"], falsified: Bool[Tensor, "clause neuron"]
) -> Bool[Tensor, "batch neuron"]:
    """Whether a formula has a clause that the neuron's assignment falsifies."""
    return indicators(clause_ids, len(falsified)) @ falsified.float() > 0


@dataclass
class HardPool:
    """Formulas that are made harder for a neuron each, step by step.

    Attributes:
        clause_ids: the formulas.
        targets: the index of the neuron that each is hard for.
    """

    clause_ids: Int[Tensor, "formula clause_position"]
    targets: Int[Tensor, " formula"]

    @torch.no_grad()
    def harden(
        self,
        problem: Problem,
        block: SecondBlockTables,
        falsified: Bool[Tensor, "clause neuron"],
        levels: Float[Tensor, " neuron"],
        generator: torch.Generator,
    ) -> Float[Tensor, " formula"]:
        """Redraw a few formulas, mutate all, keep what lowers the target's margin; return it."""
        redrawn = self._draw(generator) < _REDRAWN
        fresh = skewed_formulas(problem, falsified.T[self.targets], generator)
        self.clause_ids = torch.where(redrawn[:, None], fresh, self.clause_ids)
        margins = target_margins(block, falsified, levels, self.clause_ids, self.targets)
        for _ in range(_MUTATIONS):
            changed = self._mutated(problem, generator)
            found = target_margins(block, falsified, levels, changed, self.targets)
            is_harder = found < margins
            self.clause_ids = torch.where(is_harder[:, None], changed, self.clause_ids)
            margins = torch.where(is_harder, found, margins)
        return margins

    def _mutated(
        self, problem: Problem, generator: torch.Generator
    ) -> Int[Tensor, "formula clause_position"]:
        """One or two clauses replaced, by any clause or by another of the formula."""
        changed = self.clause_ids
        n_formulas, n_clauses = changed.shape
        for is_done in (torch.ones_like(self.targets, dtype=torch.bool), self._coin(generator)):
            place, source = torch.randint(
                n_clauses, (2, n_formulas, 1), generator=generator, device=changed.device
            )
            copied = changed.gather(1, source)
            fresh = random_formulas(problem, n_formulas, generator)[:, :1]
            put = torch.where(self._coin(generator)[:, None], copied, fresh)
            put = torch.where(is_done[:, None], put, changed.gather(1, place))
            changed = changed.scatter(1, place, put)
        return changed

    def _coin(self, generator: torch.Generator) -> Bool[Tensor, " formula"]:
        return self._draw(generator) < 0.5

    def _draw(self, generator: torch.Generator) -> Float[Tensor, " formula"]:
        return torch.rand(len(self.targets), generator=generator, device=self.targets.device)


def make_pool(
    problem: Problem,
    falsified: Bool[Tensor, "clause neuron"],
    n_formulas: int,
    generator: torch.Generator,
) -> HardPool:
    """A pool with equally many formulas for each neuron."""
    targets = torch.arange(n_formulas, device=generator.device) % falsified.shape[1]
    return HardPool(skewed_formulas(problem, falsified.T[targets], generator), targets)


def skewed_formulas(
    problem: Problem, falsified: Bool[Tensor, "formula clause"], generator: torch.Generator
) -> Int[Tensor, "formula clause_position"]:
    """Formulas of few distinct clauses with uneven multiplicities, on the edge of an assignment.

    All clauses are among those that the formula's assignment satisfies, save, in every other
    formula, one.
    """
    satisfied = torch.multinomial((~falsified).float(), _DISTINCT, generator=generator)
    draw = torch.rand(
        (2, len(falsified), problem.n_clauses), generator=generator, device=falsified.device
    )
    # Between 1 and all of the distinct clauses, and the first ones more often.
    some = draw[1, :, :1] * _DISTINCT
    chosen = satisfied.gather(1, (draw[0] ** 2 * some.ceil().clamp(min=1)).long())
    violation = torch.multinomial(falsified.float(), 1, generator=generator)
    place = (draw[1, :, 1:2] * problem.n_clauses).long()
    has_one = draw[1, :, 2:3] < 0.5
    return chosen.scatter(1, place, torch.where(has_one, violation, chosen.gather(1, place)))


def target_margins(
    block: SecondBlockTables,
    falsified: Bool[Tensor, "clause neuron"],
    levels: Float[Tensor, " neuron"],
    clause_ids: Int[Tensor, "formula clause_position"],
    targets: Int[Tensor, " formula"],
) -> Float[Tensor, " formula"]:
    """The margin of each formula's own neuron: at least 0 where the neuron is right."""
    weights, colon_weight = attention_weights(block)
    place = torch.arange(clause_ids.shape[1], device=clause_ids.device)
    neuron = targets[:, None].expand_as(clause_ids)
    chosen = weights[:, place, clause_ids]
    numerators = (chosen * block.values[:, place, clause_ids, neuron]).sum(dim=-1)
    numerators = numerators + colon_weight[:, None] * block.colon_values[:, targets]
    denominators = (colon_weight[:, None] + chosen.sum(dim=-1)).clamp(min=SMALLEST_WEIGHT)
    found = block.base[targets] + (numerators / denominators).sum(dim=0)
    is_violated = falsified[clause_ids, neuron].any(dim=1)
    return torch.where(is_violated, -found, found) / levels[targets]
