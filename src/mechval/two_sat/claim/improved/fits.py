"""Fit voting and mirrored programs to a network's neurons, rounding tables while they are fitted.

The rule: from the weights' own program, Adam on the cross-entropy between how sure the network
and the program are that a neuron is on, over the fitting split. Integers are seen forward at last,
and gradients pass straight through the rounding. A voting program sees them in the last part of its
run. A mirrored one is fitted once in real numbers, without corrections at first, and then in
integers at several prices per bit: the loss also counts what the tables cost, about
log2(1 + 2 mean |integer|) bits an entry. The step of each table is fitted along, so a high price
makes coarse tables and few corrections.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.two_sat.circuit.neurons import is_constant
from mechval.two_sat.claim.improved.starts import MirroredStart, VotingStart
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs import mirrored, voting

PRICES = (5e-7, 2e-6)
"""Nats of cross-entropy per neuron and formula that a bit of a mirrored program is worth."""
TEMPERATURE = 0.1
"""How far from its cut, as a share of it, a neuron counts as undecided."""
_ROUNDED_FROM = 0.4
"""Share of the steps of a voting program from which on its tables are rounded."""
_RISE = 0.05
_REAL_STEP = 1e-6
_SMALLEST = 1e-2
_FIRST_INTEGER = 31
_FIRST_CORRECTION = 7
_BATCH = 4096


@dataclass(frozen=True)
class FitTargets:
    """How often each distinct clause occurs, and (pre-activation - cut) / cut of each neuron."""

    counts: Int[Tensor, "formula clause"]
    excess: Float[Tensor, "formula neuron"]


@dataclass(frozen=True)
class MinibatchDescent:
    """How many steps are taken, on how many formulas each, and the largest learning rate. It rises
    over the first 5 % of the steps, if that is more than one, and then falls to 0."""

    steps: int
    batch_size: int
    rate: float

    def run(
        self,
        tables: nn.Module,
        targets: FitTargets,
        excess_at: Callable[[int, Tensor], tuple[Tensor, Tensor | float]],
        seed: int,
    ) -> None:
        """Fit tables in place. ``excess_at`` maps step and counts of a batch to how far each neuron
        is above its cut, as the tables say, and to what else the loss counts, in nats."""
        optimizer = torch.optim.Adam(tables.parameters(), lr=self.rate)
        # A rise of one step or less has no length, by which the schedule divides.
        rise = _RISE if _RISE * self.steps > 1 else 0.0
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.rate, total_steps=self.steps, pct_start=rise
        )
        sureness = (targets.excess / TEMPERATURE).sigmoid()
        generator = torch.Generator().manual_seed(seed)
        for step in track(range(self.steps), "voting program"):
            rows = torch.randint(0, len(sureness), (self.batch_size,), generator=generator)
            rows = rows.to(sureness.device)
            excess, cost = excess_at(step, targets.counts[rows])
            logits, sure = excess / TEMPERATURE, sureness[rows]
            loss = nn.functional.binary_cross_entropy_with_logits(logits, sure) + cost
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def fit_voting_program(
    problem: Problem,
    targets: FitTargets,
    start: VotingStart,
    *,
    bits_each: Mapping[str, int],
    descent: MinibatchDescent,
    seed: int,
) -> voting.VotingProgram:
    """Fit the program; equal arguments give equal tables. ``bits_each``: width of an integer, sign
    included, for each of the program's tables. Raises MechvalError if some neuron's bit is the same
    for all formulas of the fitting split."""
    tables = _VotingTables(problem, start, bits_each).to(targets.counts.device)

    def excess_at(step: int, counts: Tensor) -> tuple[Tensor, float]:
        read = tables.read(rounded=step >= _ROUNDED_FROM * descent.steps)
        return voting.vote(read, counts) * tables.vote_step(), 0.0

    descent.run(tables, targets, excess_at, seed)
    program = tables.program(problem)
    _refuse_constant(program, targets)
    return program


def fit_mirrored_programs(
    targets: FitTargets,
    start: MirroredStart,
    *,
    prices: Sequence[float],
    real: MinibatchDescent,
    rounded: MinibatchDescent,
    seed: int,
) -> dict[str, mirrored.MirroredProgram]:
    """One program per price, named ``price <price>``; equal arguments give equal tables.
    ``prices``: of a bit, in nats of the cross-entropy. ``real``: the descent before rounding,
    ``rounded``: that for each price. Raises MechvalError if some neuron's bit is the same for all
    formulas of the fitting split."""
    device = targets.counts.device
    first = _MirroredTables(start.mirrors.to(device), start.tables).to(device)
    real.run(first, targets, lambda _, counts: (first.excess(first.tables, counts), 0.0), seed)
    found = {}
    for price in prices:
        now = {name: table.detach() for name, table in first.tables.items()}
        fitted = _MirroredTables(first.mirrors, now).to(device)
        fitted.gain.data.copy_(first.gain.data)

        def excess_at(
            _: int, counts: Tensor, fitted: _MirroredTables = fitted, price: float = price
        ) -> tuple[Tensor, Tensor]:
            tables, bits = fitted.rounded()
            return fitted.excess(tables, counts), price * bits

        rounded.run(fitted, targets, excess_at, seed)
        found[f"price {price:g}"] = program = fitted.program()
        _refuse_constant(program, targets)
    return found


class _VotingTables(nn.Module):
    """A voting program under fitting: tables in real units, and their integer grid."""

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


class _MirroredTables(nn.Module):
    """A mirrored program under fitting: tables in real units, with the step of their integers."""

    def __init__(self, mirrors: mirrored.Mirrors, tables: mirrored.Tables):
        super().__init__()
        self.mirrors = mirrors
        self.tables = nn.ParameterDict({name: tables[name].clone() for name in mirrored.TABLES})
        self.log_steps = nn.ParameterDict(
            {name: nn.Parameter(_first_step(name, tables[name])) for name in mirrored.TABLES}
        )
        # Only the fit knows how sure a neuron is per vote: the sign of a sum does not see it.
        self.gain = nn.Parameter(torch.zeros(len(mirrors.assignments)))

    def excess(
        self, tables: mirrored.Tables | nn.ParameterDict, counts: Int[Tensor, "batch clause"]
    ) -> Tensor:
        """How far each neuron is above its cut, as these tables say."""
        return (
            voting.vote(self.mirrors.voting_tables(dict(tables.items())), counts) * self.gain.exp()
        )

    def rounded(self) -> tuple[dict[str, Tensor], Float[Tensor, ""]]:
        """The tables on their grid, and about how many bits they take."""
        found, bits = {}, torch.zeros((), device=self.gain.device)
        for name, table in self.tables.items():
            step = self.log_steps[name].exp()
            inexact = table / step
            bits = bits + table.numel() * torch.log2(1 + 2 * inexact.abs().mean())
            found[name] = step * (inexact + (inexact.round() - inexact).detach())
        return found, bits

    @torch.no_grad()
    def program(self) -> mirrored.MirroredProgram:
        steps = torch.stack([self.log_steps[name].exp() for name in mirrored.TABLES])
        return mirrored.MirroredProgram(
            mirrored.Mirrors(
                self.mirrors.problem, self.mirrors.flips.cpu(), self.mirrors.assignments.cpu()
            ),
            {
                name: (self.tables[name] / step).round().long().cpu()
                for name, step in zip(mirrored.TABLES, steps, strict=True)
            },
            steps.half().cpu(),
        )


def _first_step(name: str, table: Tensor) -> Float[Tensor, ""]:
    is_correction = not {"head", "neuron"}.isdisjoint(mirrored.TABLES[name])
    largest = _FIRST_CORRECTION if is_correction else _FIRST_INTEGER
    return (table.detach().abs().max().clamp(min=_SMALLEST) / largest).log()


def _refuse_constant(program: mirrored.AnyVoting, targets: FitTargets) -> None:
    """Raise MechvalError for a neuron whose bit is the same for all formulas."""
    tables = program.real_tables(targets.counts.device)
    votes = [voting.vote(tables, counts) for counts in targets.counts.split(_BATCH)]
    constant = is_constant(torch.cat(votes) >= 0).nonzero().flatten().tolist()
    if constant:
        raise MechvalError(
            f"the bits of neurons {constant} of a voting program never change on the fitting "
            "split; allowed: bits that do."
        )
