"""A network consolidated in three phases, or trained from scratch on tables."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mechval.training.descent import Curve, Loss, descend, estimate_descent
from mechval.training.recipe import Descent
from mechval.transformer import Transformer
from mechval.two_sat.configs import ConsolidateConfig
from mechval.two_sat.consolidate.curve import CurveRow, Measurement, measure
from mechval.two_sat.consolidate.formulas import HardPool, make_pool
from mechval.two_sat.consolidate.phases import MechanismLoss, SharpeningLoss
from mechval.two_sat.consolidate.roles import Roles, assign_roles, prepare, scratch_roles
from mechval.two_sat.consolidate.scratch import ScratchLoss, start_from_scratch
from mechval.two_sat.consolidate.second_block import falsified_by
from mechval.two_sat.problem import Problem

_MEASURING = 1 << 23
"""Generators that belong to no step are numbered from here."""


@dataclass(frozen=True)
class Consolidated:
    """What came of it.

    Attributes:
        curve: all phases, in order.
        roles: which neurons live, and the assignment of each.
        result: the finished network's measurement.
    """

    curve: tuple[CurveRow, ...]
    roles: Roles
    result: Measurement


@dataclass(frozen=True)
class Run:
    """On what a network is trained, and where.

    Attributes:
        model: changed in place. Of its weights a run from scratch reads nothing; any other is
            to be resumed with the weights that it was started with.
        directory: one folder per phase, with its checkpoint, from which a killed run resumes.
        after_phase: called with the name and the network after each phase.
    """

    model: Transformer
    problem: Problem
    seed: int
    directory: Path
    device: torch.device
    after_phase: Callable[[str, Transformer], None] = lambda name, model: None
    curve: list[CurveRow] = field(default_factory=list)

    def generator(self, number: int, device: torch.device | None = None) -> torch.Generator:
        """A generator that belongs to no step."""
        seed = (self.seed << 24) + _MEASURING + number
        return torch.Generator(device or self.device).manual_seed(seed)

    def measured(self, roles: Roles, pool: HardPool | None = None) -> Measurement:
        """How near the network is to a proof now."""
        return measure_network(self.model, self.problem, roles, self.seed, pool)

    def phase(
        self,
        name: str,
        loss: Loss,
        config: Descent,
        roles: Roles,
        pool: HardPool | None = None,
    ) -> None:
        """Descend a loss, and add to the curve."""

        def row(step: int, value: float, rate: float) -> CurveRow:
            found = vars(self.measured(roles, pool))
            return CurveRow(phase=name, step=step, loss=value, learning_rate=rate, **found)

        place = self.directory / name
        curve = Curve(CurveRow, row)
        how = {"seed": self.seed, "directory": place, "device": self.device}
        self.curve.extend(descend(self.model, loss, config, curve, **how))
        self.after_phase(name, self.model)


def consolidate(run: Run, config: ConsolidateConfig) -> Consolidated:
    """Train a network towards the interpretation.

    Raises:
        MechvalError: if fewer neurons live than there are assignments.
    """
    train = _from_scratch if config.start == "scratch" else _from_weights
    roles = train(run, config)
    return Consolidated(tuple(run.curve), roles, run.measured(roles))


def measure_network(
    model: Transformer, problem: Problem, roles: Roles, seed: int, pool: HardPool | None = None
) -> Measurement:
    """How near a network is to a proof, on fresh formulas that follow from the seed."""
    generator = torch.Generator().manual_seed((seed << 24) + _MEASURING)
    return measure(model, problem, roles, generator, pool)


def estimate_seconds(run: Run, config: ConsolidateConfig) -> float:
    """How long :func:`consolidate` would take; the run's network is left as it is.

    Raises:
        MechvalError: as :func:`consolidate`.
    """
    model = copy.deepcopy(run.model)
    if config.start == "scratch":
        phases = [_scratch_phase(replace(run, model=model), config)]
    else:
        neurons = prepare(model.to(run.device), run.problem)
        roles = assign_roles(model, run.problem, neurons, run.generator(1))
        sharpening = SharpeningLoss(run.problem, neurons, config.batch_size), config.sharpen
        later = [
            phase[1:] for phase in _table_phases(run, config, roles, _pool(run, config, roles))
        ]
        phases = [sharpening, *later]
    return sum(estimate_descent(model, loss, descent, run.seed) for loss, descent in phases)


def _from_weights(run: Run, config: ConsolidateConfig) -> Roles:
    model, problem = run.model.to(run.device), run.problem
    neurons = prepare(model, problem)
    roles = assign_roles(model, problem, neurons, run.generator(1))
    run.phase("sharpen", SharpeningLoss(problem, neurons, config.batch_size), config.sharpen, roles)
    roles = assign_roles(model, problem, neurons, run.generator(2))
    pool = _pool(run, config, roles)
    for name, loss, descent in _table_phases(run, config, roles, pool):
        run.phase(name, loss, descent, roles, pool)
    return roles


def _pool(run: Run, config: ConsolidateConfig, roles: Roles) -> HardPool:
    falsified = falsified_by(run.problem, roles.assignments)
    return make_pool(run.problem, falsified, config.pool_formulas, run.generator(3))


def _table_phases(
    run: Run, config: ConsolidateConfig, roles: Roles, pool: HardPool
) -> Iterator[tuple[str, Loss, Descent]]:
    for name, descent, averaging, bounding in (
        ("mechanism", config.mechanism, 0.0, 0.0),
        ("average", config.average, config.averaging, config.bounding),
    ):
        yield (
            name,
            MechanismLoss(
                *(run.problem, roles, config.hard_batch_size, descent.steps, pool),
                averaging,
                bounding,
            ),
            descent,
        )


def _from_scratch(run: Run, config: ConsolidateConfig) -> Roles:
    loss, descent = _scratch_phase(run, config)
    run.phase("scratch", loss, descent, loss.roles)
    return loss.roles


def _scratch_phase(run: Run, config: ConsolidateConfig) -> tuple[ScratchLoss, Descent]:
    """Set the network to its start."""
    start_from_scratch(run.model, run.problem, torch.Generator().manual_seed(run.seed))
    run.model.to(run.device)
    roles = scratch_roles(run.problem, run.device)
    return ScratchLoss(run.problem, roles, config.scratch.steps), config.scratch
