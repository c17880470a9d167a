"""Fit a voting program to a network's neurons, rounding its tables while they are fitted.

The rule: from the weights' own program, Adam on the cross-entropy between how sure the network
and the program are that a neuron is on, over the fitting split. The last part of the run sees
integers forward and passes gradients straight through the rounding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.two_sat.circuit.neurons import is_constant
from mechval.two_sat.claim.improved.starts import VotingStart
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs import voting
from mechval.two_sat.programs.mirrored import AnyVoting

TEMPERATURE = 0.1
"""How far from its cut, as a share of it, a neuron counts as undecided."""
_REAL_STEP = 1e-6
_BATCH = 4096


@dataclass(frozen=True)
class VotingFit:
    """How long the fit runs; tables are rounded after the share ``rounded_from`` of its steps."""

    steps: int = 2000
    batch_size: int = 2000
    learning_rate: float = 0.02
    rounded_from: float = 0.4


@dataclass(frozen=True)
class FitTargets:
    """How often each distinct clause occurs, and (pre-activation - cut) / cut of each neuron."""

    counts: Int[Tensor, "formula clause"]
    excess: Float[Tensor, "formula neuron"]


def fit_voting_program(
    problem: Problem,
    targets: FitTargets,
    start: VotingStart,
    *,
    bits_each: Mapping[str, int],
    fit: VotingFit,
    seed: int,
) -> voting.VotingProgram:
    """Fit the program; equal arguments give equal tables. ``bits_each``: width of an integer, sign
    included, for each of the program's tables. Raises MechvalError if some neuron's bit is the same
    for all formulas of the fitting split."""
    tables = _RoundedTables(problem, start, bits_each).to(targets.counts.device)

    def excess_at(step: int, counts: Tensor) -> tuple[Tensor, float]:
        read = tables.read(rounded=step >= fit.rounded_from * fit.steps)
        return voting.vote(read, counts) * tables.vote_step(), 0.0

    descend(tables, targets, excess_at, fit.steps, fit.batch_size, fit.learning_rate, seed)
    program = tables.program(problem)
    refuse_constant(program, targets)
    return program


def descend(
    tables: nn.Module,
    targets: FitTargets,
    excess_at: Callable[[int, Tensor], tuple[Tensor, Tensor | float]],
    steps: int,
    batch_size: int,
    rate: float,
    seed: int,
) -> None:
    """Fit tables in place. ``excess_at`` maps step and counts of a batch to how far each neuron is
    above its cut, as the tables say, and to what else the loss counts, in nats. ``rate`` is the
    largest learning rate; it rises over the first 5 % and then falls to 0."""
    optimizer = torch.optim.Adam(tables.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.05
    )
    sureness = (targets.excess / TEMPERATURE).sigmoid()
    generator = torch.Generator().manual_seed(seed)
    for step in track(range(steps), "voting program"):
        rows = torch.randint(0, len(sureness), (batch_size,), generator=generator)
        rows = rows.to(sureness.device)
        excess, cost = excess_at(step, targets.counts[rows])
        loss = nn.functional.binary_cross_entropy_with_logits(excess / TEMPERATURE, sureness[rows])
        loss = loss + cost
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


class _RoundedTables(nn.Module):
    """The tables under fitting, in real units, and their integer grid."""

    literals: Tensor

    def __init__(self, problem: Problem, start: VotingStart, bits_each: Mapping[str, int]):
        super().__init__()
        if bits_each.keys() != set(voting.TABLES) or min(bits_each.values()) < 2:
            raise MechvalError(
                f"bits_each={dict(bits_each)} is not allowed; allowed: at least 2 for each of "
                f"{', '.join(voting.TABLES)}."
            )
        self.bits_each = dict(bits_each)
        self.register_buffer("literals", voting.literals_of_clauses(problem).float())
        self.salience = nn.Parameter(start.salience.clone())
        n_heads, n_literals = start.salience.shape
        self.shifts = nn.Parameter(torch.zeros(n_heads, problem.n_variables, n_literals))
        self.features = nn.Parameter(start.features.clone())
        self.votes = nn.Parameter(start.votes.clone())
        self.balance_votes = nn.Parameter(torch.zeros(len(start.bias), problem.n_variables))
        self.bias = nn.Parameter(start.bias.clone())
        self.log_feature_size = nn.Parameter(torch.zeros(start.features.shape[1]))

    def vote_step(self) -> Float[Tensor, " neuron"]:
        """What one vote of each neuron is worth, in units of its cut: the sign of a sum does not
        see it, so it costs no bits."""
        return _step(self.votes.flatten(1), self.bits_each["votes"], dim=1)

    def read(self, rounded: bool) -> voting.VotingTables:
        """All tables in units of a neuron's vote, on their grid or off it."""
        values, steps = self._scaled(), self._steps()
        if rounded:
            for name in voting.TABLES:
                on_grid = (values[name] / steps[name]).round() * steps[name]
                values[name] = values[name] + (on_grid - values[name]).detach()
        n_heads, features = len(self.salience), values["features"] * self.log_feature_size.exp()
        every_head = features.expand(n_heads, -1, -1)
        nothing = torch.zeros(n_heads, len(features), device=features.device)
        values |= {"salience_of_clause": nothing, "features": every_head}
        return voting.VotingTables(literals=self.literals, **values)

    @torch.no_grad()
    def program(self, problem: Problem) -> voting.VotingProgram:
        values, steps = self._scaled(), self._steps()
        integers = {
            name: (values[name] / steps[name]).round().long().cpu() for name in voting.TABLES
        }
        feature = steps["features"] * self.log_feature_size.exp()
        real = [steps["salience"], steps["shifts"], *feature, steps["balance_votes"]]
        counted_in = torch.stack([*real, steps["bias"]]).half().cpu()
        return voting.VotingProgram(problem, self.bits_each, **integers, steps=counted_in)

    def _scaled(self) -> dict[str, Tensor]:
        own = self.vote_step()
        return {
            "salience": self.salience,
            "shifts": self.shifts,
            "features": self.features,
            "votes": self.votes / own[:, None, None],
            "balance_votes": self.balance_votes / own[:, None],
            "bias": self.bias / own,
        }

    def _steps(self) -> dict[str, Tensor]:
        values, widths = self._scaled(), self.bits_each
        shared = ("salience", "shifts", "balance_votes", "bias")
        steps = {name: _step(values[name].flatten(), widths[name], dim=0) for name in shared}
        steps["features"] = _step(self.features, widths["features"], dim=0)
        return steps | {"votes": torch.ones((), device=self.literals.device)}


def _step(values: Tensor, width: int, dim: int) -> Tensor:
    """The grid on which the largest value is the largest integer."""
    largest = values.detach().abs().amax(dim=dim)
    return largest.clamp(min=_REAL_STEP) / voting.largest_integer(width)


def refuse_constant(program: AnyVoting, targets: FitTargets) -> None:
    """Raise MechvalError for a neuron whose bit is the same for all formulas."""
    tables = program.real_tables(targets.counts.device)
    votes = [voting.vote(tables, counts) for counts in targets.counts.split(_BATCH)]
    constant = is_constant(torch.cat(votes) >= 0).nonzero().flatten().tolist()
    if constant:
        raise MechvalError(
            f"the bits of neurons {constant} of a voting program never change on the fitting "
            "split; allowed: bits that do."
        )
