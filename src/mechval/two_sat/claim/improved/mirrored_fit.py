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
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.two_sat.claim.improved.starts import MirroredStart
from mechval.two_sat.claim.improved.voting_fit import FitTargets, descend, refuse_constant
from mechval.two_sat.programs.mirrored import TABLES, MirroredProgram, Mirrors, Tables
from mechval.two_sat.programs.voting import vote

PRICES = (5e-7, 2e-6)
"""Nats of cross-entropy per neuron and formula that a bit of the program is worth."""
_SMALLEST = 1e-2
_FIRST_INTEGER = 31
_FIRST_CORRECTION = 7


@dataclass(frozen=True)
class MirroredFit:
    """How long the fit runs and its largest learning rates, before rounding and for each price."""

    real_steps: int = 1500
    steps: int = 2000
    batch_size: int = 1000
    real_rate: float = 0.02
    rate: float = 0.01


def fit_mirrored_programs(
    targets: FitTargets,
    start: MirroredStart,
    *,
    prices: Sequence[float],
    fit: MirroredFit,
    seed: int,
) -> dict[str, MirroredProgram]:
    """One program per price, named ``price <price>``; equal arguments give equal tables.
    ``prices``: of a bit, in nats of the cross-entropy. Raises MechvalError if some neuron's bit is
    the same for all formulas of the fitting split."""
    device = targets.counts.device
    real = _Fitted(start.mirrors.to(device), start.tables).to(device)
    descend(
        real,
        targets,
        lambda step, counts: (real.excess(real.tables, counts), 0.0),
        fit.real_steps,
        fit.batch_size,
        fit.real_rate,
        seed,
    )
    return {
        f"price {price:g}": _rounded_program(real, targets, price, fit, seed) for price in prices
    }


def _rounded_program(
    real: "_Fitted", targets: FitTargets, price: float, fit: MirroredFit, seed: int
) -> MirroredProgram:
    """Go on from tables in real numbers, in integers that cost something."""
    now = {name: table.detach() for name, table in real.tables.items()}
    fitted = _Fitted(real.mirrors, now).to(targets.counts.device)
    fitted.gain.data.copy_(real.gain.data)

    def excess_at(step: int, counts: Tensor) -> tuple[Tensor, Tensor]:
        tables, bits = fitted.rounded()
        return fitted.excess(tables, counts), price * bits

    descend(fitted, targets, excess_at, fit.steps, fit.batch_size, fit.rate, seed)
    program = fitted.program()
    refuse_constant(program, targets)
    return program


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

    def excess(
        self, tables: Tables | nn.ParameterDict, counts: Int[Tensor, "batch clause"]
    ) -> Tensor:
        """How far each neuron is above its cut, as these tables say."""
        return vote(self.mirrors.voting_tables(dict(tables.items())), counts) * self.gain.exp()

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
