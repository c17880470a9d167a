"""Fit mirrored voting programs: once in real numbers, then in integers at several prices per bit.

The rule: from the weights' own program, Adam on the cross-entropy between how sure the network
and the program are that a neuron is on, over the fitting split, without corrections at first.
Then, for every price, integers are seen forward (gradients pass straight through the rounding),
and the loss also counts what the tables cost: about log2(1 + 2 mean |integer|) bits an entry.
The step of each table is fitted along, so a high price makes coarse tables and few corrections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mechval.progress import track
from mechval.two_sat.claim.improved.fitting import TEMPERATURE, FitTargets, refuse_constant
from mechval.two_sat.claim.improved.mirrored_start import MirroredStart
from mechval.two_sat.programs.mirrored import TABLES, MirroredProgram, Mirrors, Tables
from mechval.two_sat.programs.voting import vote

PRICES = (5e-7, 2e-6)
"""Nats of cross-entropy per neuron and formula that a bit of the program is worth."""
_BATCH = 4096
_SMALLEST = 1e-2
_FIRST_INTEGER = 31
_FIRST_CORRECTION = 7


@dataclass(frozen=True)
class MirroredFit:
    """How long the fit runs.

    Attributes:
        real_steps: of the optimizer, before anything is rounded.
        steps: for each price.
        batch_size: formulas per step.
        real_rate: largest learning rate before rounding; it rises for 5 % and then falls to 0.
        rate: the same for each price.
    """

    real_steps: int = 1500
    steps: int = 2000
    batch_size: int = 1000
    real_rate: float = 0.02
    rate: float = 0.01

    @classmethod
    def lasting(cls, steps: int) -> "MirroredFit":
        """So many steps for each price, and as many before."""
        return cls(real_steps=steps, steps=steps)


def fit_mirrored_programs(
    targets: FitTargets,
    start: MirroredStart,
    *,
    prices: Sequence[float],
    fit: MirroredFit,
    seed: int,
) -> dict[str, MirroredProgram]:
    """One program per price, named ``price <price>``; equal arguments give equal tables.

    Args:
        prices: of a bit, in nats of the cross-entropy.
        seed: of the batches.

    Raises:
        MechvalError: if some neuron's bit is the same for all formulas of the fitting split.
    """
    real = _Fitted(start.mirrors, start.tables).to(targets.counts.device)
    _descend(real, targets, fit.real_steps, fit.batch_size, fit.real_rate, None, seed)
    programs = {}
    for price in prices:
        fitted = _Fitted(start.mirrors, real.state()).to(targets.counts.device)
        fitted.gain.data.copy_(real.gain.data)
        _descend(fitted, targets, fit.steps, fit.batch_size, fit.rate, price, seed)
        program = fitted.program()
        votes = program.real_tables(targets.counts.device)
        refuse_constant(
            torch.cat([vote(votes, counts) for counts in targets.counts.split(_BATCH)]) >= 0
        )
        programs[f"price {price:g}"] = program
    return programs


class _Fitted(nn.Module):
    """The tables under fitting, in real units, with the step of each one's integers."""

    def __init__(self, mirrors: Mirrors, tables: Tables):
        super().__init__()
        self.mirrors = mirrors
        self.tables = nn.ParameterDict({name: tables[name].clone() for name in TABLES})
        self.log_steps = nn.ParameterDict(
            {name: nn.Parameter(_first_step(name, tables[name])) for name in TABLES}
        )
        # Only the fit knows how sure a neuron is per vote: the sign of a sum does not see it.
        self.gain = nn.Parameter(torch.zeros(len(mirrors.assignments)))

    def state(self) -> dict[str, Tensor]:
        """The tables as they are now."""
        return {name: table.detach().clone() for name, table in self.tables.items()}

    def real(self) -> dict[str, Tensor]:
        """The tables off their grid."""
        return dict(self.tables.items())

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
    def program(self) -> MirroredProgram:
        """The fitted program in integers."""
        steps = torch.stack([self.log_steps[name].exp() for name in TABLES])
        return MirroredProgram(
            Mirrors(self.mirrors.problem, self.mirrors.flips.cpu(), self.mirrors.assignments.cpu()),
            {
                name: (self.tables[name] / step).round().long().cpu()
                for name, step in zip(TABLES, steps, strict=True)
            },
            steps.half().cpu(),
        )


def _first_step(name: str, table: Tensor) -> Float[Tensor, ""]:
    is_correction = name.endswith(("of_head", "of_neuron"))
    largest = _FIRST_CORRECTION if is_correction else _FIRST_INTEGER
    return (table.detach().abs().max().clamp(min=_SMALLEST) / largest).log()


def _descend(
    fitted: _Fitted,
    targets: FitTargets,
    steps: int,
    batch_size: int,
    rate: float,
    price: float | None,
    seed: int,
) -> None:
    """Fit in place; without a price nothing is rounded and nothing costs anything."""
    device = targets.counts.device
    mirrors = fitted.mirrors.to(device)
    optimizer = torch.optim.Adam(fitted.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.05
    )
    sureness = (targets.excess / TEMPERATURE).sigmoid()
    generator = torch.Generator().manual_seed(seed)
    for _ in track(range(steps), "mirrored program"):
        rows = torch.randint(0, len(sureness), (batch_size,), generator=generator).to(device)
        tables, bits = (fitted.real(), 0.0) if price is None else fitted.rounded()
        votes = vote(mirrors.voting_tables(tables), targets.counts[rows]) * fitted.gain.exp()
        loss = nn.functional.binary_cross_entropy_with_logits(votes / TEMPERATURE, sureness[rows])
        loss = loss + (price or 0.0) * bits
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
