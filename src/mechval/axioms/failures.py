"""Where a claim fails: in which parts of a state, on which samples, in which strata.

A count says how often the two sides of a cell part ways; what leads to a better claim is where.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval import tables
from mechval.axioms import differing, equations, guarding, rendering, states, statistics
from mechval.axioms.base import CellKey, Interpretation, State
from mechval.errors import MechvalError

_BATCH = 4096
_MAX_VALUES = 32
_WIDTH = 72


@dataclass(frozen=True)
class PartFailure:
    """How often the two sides of a cell differ in one part: a position, a digit, a neuron.

    The cell's own equivalence decides: numbers within its tolerance do not differ.
    """

    part: str = tables.told()
    n: int = tables.told("N")
    disagreements: int = tables.count("differ")
    rate: float = tables.rate()


@dataclass(frozen=True)
class StratumFailure:
    """A stratum in which a cell fails more often than on the whole.

    ``lower`` bounds the rate in it from below; all bounds of a cell hold together at 95 %.
    """

    factor: str = tables.told()
    stratum: str = tables.told()
    n: int = tables.told("N")
    disagreements: int = tables.count("disagree")
    rate: float = tables.rate()
    lower: float = tables.rate("at least")


@dataclass(frozen=True)
class WorstSample:
    """One of the samples on which a cell's sides are farthest apart, with both of them."""

    sample: int = tables.told()
    distance: float = tables.number("parts apart")
    inputs: str = tables.told("input")
    network: str = tables.told()
    program: str = tables.told()


@dataclass(frozen=True)
class CellFailures:
    """Where one cell fails.

    Attributes:
        parts: those in which the sides differ anywhere, most often first; empty if states are not
            made of tensors of one shape.
        strata: those whose rate is above that of all samples, beyond chance, highest bound first.
        worst: the samples farthest apart, in the order of their distance.
    """

    cell: str
    n: int
    disagreements: int
    parts: tuple[PartFailure, ...]
    strata: tuple[StratumFailure, ...]
    worst: tuple[WorstSample, ...]


@dataclass(frozen=True)
class Failures:
    """Where an interpretation fails, one entry per distinct cell, in table order."""

    interpretation: str
    cells: tuple[CellFailures, ...]

    def __getitem__(self, cell: str) -> CellFailures:
        """The cell of that name; raises KeyError if it is not a distinct one."""
        return {each.cell: each for each in self.cells}[cell]

    def to_markdown(self) -> str:
        """A heading and up to three tables for each cell that fails, and a line for those that do
        not.
        """
        lines = [f"# Where {self.interpretation} fails", ""]
        if held := [each.cell for each in self.cells if not each.disagreements]:
            lines += [f"No disagreement on {self.cells[0].n} samples: {', '.join(held)}.", ""]
        for each in self.cells:
            if each.disagreements:
                lines += [f"## {each.cell}: {each.disagreements} of {each.n}", ""]
                for rows in (each.parts, each.strata, each.worst):
                    lines += _markdown(rows)
        return "\n".join(lines)


@guarding.tracking()
def locate_failures(
    interpretation: Interpretation,
    inputs: State,
    *,
    strata: Mapping[str, Sequence[Any]] | None = None,
    part_names: Mapping[str, Sequence[str]] | None = None,
    n_worst: int = 5,
) -> Failures:
    """Find where every distinct cell fails.

    Args:
        inputs: one tensor, or a tuple or dict of tensors, batched first.
        strata: by the name of a factor, each sample's value of it. Every entry of an input with
            at most 32 different values is a factor by itself.
        part_names: by component, names of the parts of the state that follows it, in the order of
            its flattened tensors; otherwise a part is called by its place, such as ``[3]``. Of
            distributions each is one part. By a distance of one's own, an entry differs if it
            alone, put into the network's state, makes that another one.
        n_worst: how many samples to show for each cell.

    Raises MechvalError as `mechval.axioms.examine_cells`, for a factor that is not one value per
    sample, for a component that is not there, or for names that are not one per part.
    """
    n, names = states.n_samples(inputs), part_names or {}
    if unknown := names.keys() - {*interpretation.components}:
        raise MechvalError(
            f"part_names names the component {min(unknown)!r}; allowed: one of "
            f"{', '.join(interpretation.components)}."
        )
    factors = _factors(inputs, strata or {}, n)
    measured = _measure(interpretation, inputs, n)
    return Failures(
        interpretation.name,
        tuple(
            CellFailures(
                cell=interpretation.cell_name(key),
                n=n,
                disagreements=int(found.disagrees.sum()),
                parts=_part_failures(found, names.get(_judged(interpretation, key), ())),
                strata=_stratum_failures(found.disagrees, factors),
                worst=_worst(interpretation, inputs, key, found, n_worst),
            )
            for key, found in measured.items()
        ),
    )


@dataclass(frozen=True)
class _Measured:
    """One cell on all samples; ``differs`` by the path of a tensor in the state."""

    distance: Float[Tensor, " sample"]
    disagrees: Bool[Tensor, " sample"]
    differs: Mapping[str, Bool[Tensor, "sample ..."]]


def _measure(interpretation: Interpretation, inputs: State, n: int) -> dict[CellKey, _Measured]:
    pieces: dict[CellKey, list[_Measured]] = {}
    for start in range(0, n, _BATCH):
        rows = range(start, min(start + _BATCH, n))
        for sides in equations.examine_cells(interpretation, states.pick(inputs, rows)):
            piece = _Measured(
                sides.distance.cpu().double(),
                sides.disagrees.cpu(),
                differing.differing_parts(interpretation, sides),
            )
            pieces.setdefault(sides.key, []).append(piece)
    return {
        key: _Measured(
            torch.cat([piece.distance for piece in found]),
            torch.cat([piece.disagrees for piece in found]),
            {
                path: torch.cat([piece.differs[path] for piece in found])
                for path in found[0].differs
                if all(path in piece.differs for piece in found)
            },
        )
        for key, found in pieces.items()
    }


def _judged(interpretation: Interpretation, key: CellKey) -> str:
    """The component whose result a cell compares: its own, or the last one's labels."""
    last = interpretation.n_components
    return interpretation.components[(last if key.axiom.is_replaceability else key.component) - 1]


def _part_failures(found: _Measured, names: Sequence[str]) -> tuple[PartFailure, ...]:
    places = [
        (f"{path}{[*index] if index else ''}" or "state", differs[(slice(None), *index)])
        for path, differs in found.differs.items()
        for index in np.ndindex(*differs.shape[1:])
    ]
    if names and len(names) != len(places):
        raise MechvalError(
            f"part_names gives {len(names)} names for a state of {len(places)} parts; allowed: one "
            "name per part."
        )
    named = zip(names or [place for place, _ in places], places, strict=True)
    counted = [(name, int(differs.sum()), len(differs)) for name, (_, differs) in named]
    counted.sort(key=lambda each: -each[1])
    return tuple(
        PartFailure(part=name, n=n, disagreements=count, rate=count / n)
        for name, count, n in counted
        if count
    )


def _factors(
    inputs: State, given: Mapping[str, Sequence[Any]], n: int
) -> dict[str, dict[str, Bool[Tensor, " sample"]]]:
    """By factor and value: on which samples it has it."""
    factors: dict[str, dict[str, Tensor]] = {}
    for name, values in given.items():
        if len(values) != n:
            raise MechvalError(
                f"strata.{name} holds {len(values)} values; allowed: one for each of {n} samples."
            )
        plain = values.tolist() if isinstance(values, Tensor | np.ndarray) else [*values]
        factors[name] = {
            str(value): torch.tensor([each == value for each in plain])
            for value in dict.fromkeys(plain)
        }
    for name, column in _columns(inputs, n):
        values = column.unique()
        if 1 < len(values) <= _MAX_VALUES:
            factors[name] = {str(value.item()): column == value for value in values}
    return factors


def _columns(inputs: State, n: int) -> Iterator[tuple[str, Tensor]]:
    for path, leaf in guarding.leaves(inputs):
        if isinstance(leaf, Tensor):
            flat = leaf.cpu().reshape(n, -1)
            for index, column in zip(np.ndindex(*leaf.shape[1:]), flat.unbind(1), strict=True):
                yield f"input {path}{[*index] if index else ''}", column


def _stratum_failures(
    disagrees: Bool[Tensor, " sample"], factors: Mapping[str, Mapping[str, Tensor]]
) -> tuple[StratumFailure, ...]:
    n_strata = sum(map(len, factors.values()))
    if not n_strata or not disagrees.any():
        return ()
    together = statistics.simultaneous_confidence(statistics.CONFIDENCE, n_strata)
    pooled = float(disagrees.double().mean())
    found: list[StratumFailure] = []
    for factor, values in factors.items():
        for value, has_it in values.items():
            n, count = int(has_it.sum()), int(disagrees[has_it].sum())
            lower = statistics.clopper_pearson_lower(count, n, together)
            if lower > pooled:
                found.append(StratumFailure(factor, value, n, count, count / n, lower))
    return tuple(sorted(found, key=lambda each: -each.lower))


def _worst(
    interpretation: Interpretation,
    inputs: State,
    key: CellKey,
    found: _Measured,
    n_worst: int,
) -> tuple[WorstSample, ...]:
    """The samples are run again, all at once, so that no states need be kept."""
    order = found.distance.argsort(descending=True, stable=True)[:n_worst].tolist()
    rows = [row for row in order if found.disagrees[row]]
    if not rows:
        return ()
    some = states.pick(inputs, rows)
    sides = equations.cell_sides(interpretation, some, key)
    differs = differing.differing_parts(interpretation, sides)
    return tuple(
        WorstSample(
            sample=row,
            distance=float(found.distance[row]),
            inputs=_spelled(some, at, {}),
            network=_spelled(sides.network, at, differs),
            program=_spelled(sides.program, at, differs),
        )
        for at, row in enumerate(rows)
    )


def _spelled(state: State, row: int, differs: Mapping[str, Tensor]) -> str:
    """One sample's state as text; of a long one only what differs, and no more than fits."""
    leaves = dict(guarding.leaves(state))
    if not all(states.has_rows(leaf) and len(leaf) > row for leaf in leaves.values()):
        return "?"
    text = "; ".join(f"{path} {leaf[row].tolist()}".strip() for path, leaf in leaves.items())
    if len(text) > _WIDTH and differs:
        text = "; ".join(
            f"{path}{index or ''} {leaves[path][row][tuple(index)].tolist()}".strip()
            for path, where in differs.items()
            for index in where[row].nonzero().tolist()
        )
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _markdown(rows: Sequence[Any]) -> list[str]:
    """A table of declared rows, and an empty line; nothing for none."""
    if not rows:
        return []
    columns = tables.columns_of(type(rows[0]))
    texts = [[_text(getattr(row, name)) for name in columns] for row in rows]
    return [rendering.as_markdown([column.title for column in columns.values()], texts), ""]


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
