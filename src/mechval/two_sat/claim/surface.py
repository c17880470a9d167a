"""How ε depends on the two constants of a reading: the activation cut and the high value.

For each cut the bits are read anew, programs fitted to them anew, and each high value
tried. None of this needs the network's first two components again, and a program runs once for
each truth table.

Source: paper section 4 (constants 0.5 and 2.0).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import Axiom, Estimate
from mechval.axioms.report import cell_name
from mechval.two_sat.circuit.neurons import Levels, is_constant
from mechval.two_sat.claim.bench import Bench, predicted_labels
from mechval.two_sat.configs import ReadingName, Residual, VariantsConfig, Version
from mechval.two_sat.interpretation import EVALUATE, OUTPUT, bit_reader
from mechval.two_sat.programs.evaluate import Fitting, truth_table_floor

Unit = Literal["activation", "multiple"]
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Grid:
    """Which cuts and high values are tried for a reading. They are the same activations for all
    neurons, or multiples of each neuron's own levels."""

    reading: ReadingName
    unit: Unit
    cuts: tuple[float, ...]
    highs: tuple[float, ...]

    def levels(self, value: float, own: Float[Tensor, " neuron"]) -> Float[Tensor, " neuron"]:
        """The level of each neuron at a grid value, where ``own`` is that of the reading."""
        return value * own if self.unit == "multiple" else torch.full_like(own, value)


@dataclass(frozen=True, kw_only=True)
class GridCut:
    """What all rows at one cut of a grid share. Constant bits never change on the fitting formulas;
    where many are, agreement says little."""

    reading: ReadingName = tables.told()
    unit: Unit = tables.told("unit of cut and high value")
    cut: float = tables.told()
    n_neurons: int = tables.told("neurons")
    constant_bits: int = tables.told("constant bits")


@dataclass(frozen=True, kw_only=True)
class SurfaceRow(Estimate, GridCut):
    """ε of one cell at one point of the grid. ``high``, ``version`` and ``residual`` (of γ_2) are
    None for cells that do not depend on them. ``floor``: disagreements, on these very formulas, of
    the best conceivable program of the truth table; None for cells that do not compare the bits."""

    high: float | None = tables.told("high value", default=None)
    version: Version | None = tables.told(default=None)
    residual: Residual | None = tables.told(default=None)
    axiom: Axiom = tables.told()
    component: str = tables.told()
    floor: int | None = tables.count(default=None)

    @property
    def cell(self) -> str:
        """The cell's name, such as ``prefix equivalence/evaluate``."""
        return cell_name(self.axiom, self.component)


SURFACE = tables.Table("axioms/surface.csv", SurfaceRow)


@dataclass(frozen=True, eq=False)
class Surface:
    """Makes the ε surfaces of one network; trees have as many leaves as in the circuit."""

    bench: Bench
    versions: tuple[Version, ...]
    residuals: tuple[Residual, ...]
    max_leaves: int

    def rows(self, grid: Grid) -> list[SurfaceRow]:
        """Measure every cell at every point of the grid. The cells are component equivalence of
        output, and prefix equivalence and prefix replaceability of evaluate."""
        return [row for cut in grid.cuts for row in self._at_cut(grid, cut)]

    def _at_cut(self, grid: Grid, cut: float) -> Iterator[SurfaceRow]:
        fitting, testing = self.bench.fitting, self.bench.testing
        reading = self.bench.circuit.readings[grid.reading]
        levels = grid.levels(cut, reading.levels.cut)
        fitted = fitting.states.hidden[:, reading.neurons] >= levels
        found = testing.states.hidden[:, reading.neurons] >= levels
        at = GridCut(
            reading=grid.reading,
            unit=grid.unit,
            cut=cut,
            n_neurons=found.shape[1],
            constant_bits=int(is_constant(fitted).sum()),
        )
        is_wrong = found.any(dim=1) != testing.labels
        yield SurfaceRow(
            **self._counted(at, is_wrong), axiom=Axiom.COMPONENT_EQUIVALENCE, component=OUTPUT
        )
        floor = truth_table_floor(testing.tables, found)
        to = Fitting(
            fitting.tables,
            fitted,
            reading.mean_activation,
            levels,
            self.max_leaves,
            self.bench.seed,
        )
        for version in self.versions:
            program = self.bench.program(version, to)
            bits = program.bits(torch.from_numpy(testing.tables.distinct))
            yield SurfaceRow(
                **self._counted(at, (found != bits[self._table]).any(dim=1)),
                axiom=Axiom.PREFIX_EQUIVALENCE,
                component=EVALUATE,
                version=version,
                floor=floor,
            )
            yield from self._by_high(grid, at, version, bits)

    def _by_high(
        self, grid: Grid, at: GridCut, version: Version, bits: Bool[Tensor, "table neuron"]
    ) -> Iterator[SurfaceRow]:
        bench = self.bench
        distinct, state_of_table = bits.unique(dim=0, return_inverse=True)
        state = state_of_table[self._table]
        for residual, high in product(self.residuals, grid.highs):
            reader = bit_reader(bench.circuit, grid.reading, residual, _CPU)
            levels = Levels(reader.levels.cut, grid.levels(high, reader.levels.high))
            states = replace(reader, levels=levels).gamma(distinct)
            labels = predicted_labels(bench.components, states)
            yield SurfaceRow(
                **self._counted(at, labels[state] != bench.testing.labels),
                axiom=Axiom.PREFIX_REPLACEABILITY,
                component=EVALUATE,
                version=version,
                residual=residual,
                high=high,
            )

    def _counted(self, at: GridCut, is_wrong: Bool[Tensor, " formula"]) -> dict:
        count, n = int(is_wrong.sum()), len(is_wrong)
        return {**vars(at), **vars(Estimate.of(count, n, self.bench.confidence))}

    @property
    def _table(self) -> Int[Tensor, " formula"]:
        return torch.from_numpy(self.bench.testing.tables.index)


def grids(config: VariantsConfig, readings: Iterable[ReadingName]) -> list[Grid]:
    """One grid per reading: absolute values for the paper's, multiples for the calibrated."""
    multiples = config.surface_multiples
    by_reading: dict[ReadingName, Grid] = {
        "paper": Grid("paper", "activation", config.surface_cuts, config.surface_highs),
        "calibrated": Grid("calibrated", "multiple", multiples, multiples),
    }
    return [by_reading[reading] for reading in readings]
