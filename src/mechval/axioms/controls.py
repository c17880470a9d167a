"""What else would a claim's cells let pass? The same cells with something in it made meaningless.

A cell tells something only where the claim does better than its controls: a *shuffled program*
(every sample has the program's states of another), a *random γ* (it writes the network's state for
another sample, whatever it is given), a *constant γ* (the state of one sample), an *untrained
network* (same shape, parameters drawn at random) and an *ablated component* (it gives the state of
one sample, whatever it is given).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from mechval.axioms import equations, guarding, rendering, states, statistics
from mechval.axioms.base import CellKey, Interpretation, Map, State, Trajectory
from mechval.axioms.cut_network import Component
from mechval.axioms.cuts import carried, claimed
from mechval.axioms.report import (
    CONTROLS,
    SHUFFLED_PROGRAM,
    ControlCell,
    Estimate,
)
from mechval.errors import MechvalError
from mechval.progress import track

CLAIM, UNTRAINED = "the claim", "untrained network"
RANDOM_GAMMA, CONSTANT_GAMMA = "random γ", "constant γ"


@dataclass(frozen=True)
class Controls:
    """All controls of a claim; a control has the cells that what it changes bears on.

    Attributes:
        cells: control by control, the claim itself first, in table order.
        left_out: why there is no untrained network, if there is none.
    """

    cells: tuple[ControlCell, ...]
    left_out: str | None

    def __str__(self) -> str:
        """One table, a row for each cell and a column for each control."""
        return "\n\n".join([rendering.as_text(*self._table()), *self._notes()])

    def to_markdown(self) -> str:
        """The same table as Markdown."""
        return "\n\n".join([rendering.as_markdown(*self._table()), *self._notes()]) + "\n"

    def to_latex(self) -> str:
        """The same table as a ``tabular`` that needs no package."""
        return rendering.as_latex(*self._table())

    def save(self, folder: str | Path) -> None:
        """Write the cells as ``controls.csv``."""
        CONTROLS.write(self.cells, Path(folder))

    def _table(self) -> tuple[list[str], list[list[str]]]:
        names = list(dict.fromkeys(cell.control for cell in self.cells))
        rows: dict[str, dict[str, str]] = {}
        for cell in self.cells:
            mark = " =" if cell.passes and cell.control != CLAIM else ""
            rows.setdefault(cell.name, {})[cell.control] = f"{cell.rate:.3g}{mark}"
        return ["cell", *names], [
            [cell, *(found.get(name, "") for name in names)] for cell, found in rows.items()
        ]

    def _notes(self) -> list[str]:
        rule = (
            f"Rates of disagreement on {self.cells[0].n:,} samples; = marks a control that does as "
            "well as the claim: its lower bound is not above the claim's ε."
        )
        return [rule, *([self.left_out] if self.left_out else [])]


@dataclass(frozen=True)
class _Control:
    """A claim made meaningless: another interpretation, and perhaps other program states."""

    claim: Interpretation
    keys: tuple[CellKey, ...]
    is_shuffled: bool = False


@guarding.tracking()
def run_controls(
    claim: Interpretation,
    inputs: State | Iterator[State],
    *,
    confidence: float = statistics.CONFIDENCE,
    batch_size: int = 1024,
) -> Controls:
    """Measure a claim and all its controls on the same inputs.

    Args:
        inputs: as `mechval.axioms.validate` takes them.
        confidence: of every one-sided bound.
        batch_size: samples evaluated together.

    Raises MechvalError as `mechval.axioms.examine_cells`, or for a confidence outside (0, 1).
    """
    statistics.check_confidence(confidence)
    counts: dict[tuple[str, CellKey], int] = {}
    n, made = 0, _Controls(claim)
    for batch in track(states.pieces(inputs, batch_size), "controls"):
        n += states.n_samples(batch)
        for name, key, count in made.measure(batch):
            counts[name, key] = counts.get((name, key), 0) + count
    found = {at: Estimate.of(count, n, confidence) for at, count in counts.items()}
    return Controls(
        tuple(
            ControlCell.of_cell(claim, key, name, each).beside(
                found[CLAIM, key].epsilon, confidence
            )
            for (name, key), each in sorted(found.items(), key=lambda item: made.place(*item[0]))
        ),
        made.left_out,
    )


class _Controls:
    """The controls of one claim; what they hold constant is the state of the first sample."""

    def __init__(self, claim: Interpretation) -> None:
        self._claim = claim
        self._generator = torch.Generator().manual_seed(0)
        self._keys = equations.distinct_cells(claim)
        self._first: tuple[State, ...] = ()
        self._names: list[str] = []
        head = claim.concrete[0]
        self._untrained = self.left_out = None
        if isinstance(head, Component):
            try:
                self._untrained = head.network.untrained(self._generator).components
            except MechvalError as error:
                self.left_out = f"There is no untrained network: {error}"
        else:
            self.left_out = (
                "There is no untrained network: the components are no CutNetwork's, so that their "
                "parameters are not known."
            )

    def place(self, name: str, key: CellKey) -> tuple[int, tuple[int, int]]:
        return self._names.index(name), key.place

    def measure(self, inputs: State) -> Iterator[tuple[str, CellKey, int]]:
        """The disagreements of every control in each of its cells on one batch."""
        concrete = equations.run_network(self._claim, inputs)
        parts = tuple(map(claimed, concrete))
        self._first = self._first or tuple(states.pick(part, [0]) for part in parts)
        controls = self._made(parts, states.n_samples(inputs))
        self._names = list(controls)
        for name, control in controls.items():
            is_same = control.claim.concrete is self._claim.concrete
            run = concrete if is_same else equations.run_network(control.claim, inputs)
            trajectory = equations.make_trajectory(control.claim, run)
            if control.is_shuffled:
                trajectory = self._shuffled(trajectory, states.n_samples(inputs))
            for key in control.keys:
                sides = equations.sides(control.claim, trajectory, key)
                yield name, key, int(sides.disagrees.sum())

    def _made(self, parts: Sequence[State], n: int) -> dict[str, _Control]:
        claim, keys = self._claim, self._keys
        replaced = tuple(key for key in keys if key.axiom.is_replaceability)
        rows = states.others(n, self._generator)
        made = {
            CLAIM: _Control(claim, keys),
            SHUFFLED_PROGRAM: _Control(claim, keys, is_shuffled=True),
            RANDOM_GAMMA: _Control(
                replace(claim, gammas=tuple(partial(_other, part, rows) for part in parts)),
                replaced,
            ),
            CONSTANT_GAMMA: _Control(
                replace(
                    claim, gammas=tuple(partial(_other, part, [0] * n) for part in self._first)
                ),
                replaced,
            ),
        }
        if self._untrained:
            made[UNTRAINED] = _Control(replace(claim, concrete=self._untrained), keys)
        return made | self._ablated(n)

    def _ablated(self, n: int) -> dict[str, _Control]:
        """By component, in the cells whose network runs through it and whose program does not."""
        made: dict[str, _Control] = {}
        for number, name in enumerate(self._claim.components, start=1):
            ablated = partial(_constant, self._claim.concrete[number - 1], self._first[number], n)
            concrete = [*self._claim.concrete]
            concrete[number - 1] = ablated
            keys = tuple(
                key
                for key in self._keys
                if (key.component >= number if key.axiom.is_prefix else key.component == number)
            )
            made[f"{name} ablated"] = _Control(replace(self._claim, concrete=tuple(concrete)), keys)
        return made

    def _shuffled(self, trajectory: Trajectory, n: int) -> Trajectory:
        rows = states.others(n, self._generator)
        prefix, step = (
            tuple(states.pick(state, rows) for state in each)
            for each in (trajectory.prefix, trajectory.step)
        )
        return replace(trajectory, prefix=prefix, step=step)


def _other(part: State, rows: Sequence[int] | Tensor, state: State) -> State:
    """What a meaningless γ writes: states of the network for other samples."""
    return states.pick(part, rows)


def _constant(component: Map, first: State, n: int, state: State) -> State:
    """A component that always gives the first sample's state, or part."""
    return carried(states.pick(first, [0] * n), component(state), "the ablated component")
