"""How ε depends on the two constants of a reading: the activation cut and the high value.

For each cut the bits are read anew, trees and disjunctions fitted to them anew, and each high value
tried. None of this needs the network's first two components again, and a program runs once for
each truth table.

Source: paper section 4 (constants 0.5 and 2.0); PAPER.md section 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms import Axiom
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.neurons import Levels, is_constant
from mechval.two_sat.claim.variants.observations import Observations, predicted_labels
from mechval.two_sat.claim.variants.surface_rows import Grid, GridCut, SurfaceRow
from mechval.two_sat.configs import Residual, Version
from mechval.two_sat.interpretation import EVALUATE, OUTPUT, bit_reader
from mechval.two_sat.network.components import Components
from mechval.two_sat.programs.evaluate import EvaluateProgram, fit_disjunctions, fit_trees
from mechval.two_sat.programs.lookup import truth_table_floor

_CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class SurfaceMaker:
    """Makes the ε surfaces of one network.

    Attributes:
        fitting: the network on the fitting split.
        testing: the network on the test split.
        max_leaves: of the trees, as in the circuit.
        seed: of the trees.
        confidence: of every ε.
    """

    components: Components
    circuit: Circuit
    fitting: Observations
    testing: Observations
    versions: tuple[Version, ...]
    residuals: tuple[Residual, ...]
    max_leaves: int
    seed: int
    confidence: float
    device: torch.device

    def rows(self, grid: Grid) -> list[SurfaceRow]:
        """Measure every cell at every point of the grid.

        The cells are component equivalence of output, and prefix equivalence and prefix
        replaceability of evaluate.
        """
        return [row for cut in grid.cuts for row in self._at_cut(grid, cut)]

    def _at_cut(self, grid: Grid, cut: float) -> Iterator[SurfaceRow]:
        reading = self.circuit.readings[grid.reading]
        levels = grid.levels(cut, reading.levels.cut)
        fitted = self.fitting.states.hidden[:, reading.neurons] >= levels
        found = self.testing.states.hidden[:, reading.neurons] >= levels
        n_constant = int(is_constant(fitted).sum())
        point = GridCut(grid, cut, found.shape[1], n_constant, self.confidence)
        is_wrong = found.any(dim=1) != self.testing.labels
        yield point.row(Axiom.COMPONENT_EQUIVALENCE, OUTPUT, is_wrong)
        floor = truth_table_floor(self.testing.tables, found)
        for version in self.versions:
            program = self._program(version, reading, levels, fitted)
            bits = program.bits(torch.from_numpy(self.testing.tables.distinct))
            is_wrong = (found != bits[self._table]).any(dim=1)
            yield point.row(
                Axiom.PREFIX_EQUIVALENCE, EVALUATE, is_wrong, version=version, floor=floor
            )
            yield from self._by_high(point, version, bits)

    def _program(
        self,
        version: Version,
        reading: Reading,
        cut: Float[Tensor, " neuron"],
        bits: Bool[Tensor, "formula neuron"],
    ) -> EvaluateProgram:
        if version == "disjunction":
            return fit_disjunctions(reading.mean_activation, cut)
        fitted = fit_trees(
            self.fitting.tables, bits.numpy(), max_leaves=self.max_leaves, seed=self.seed
        )
        return fitted.program

    def _by_high(
        self, point: GridCut, version: Version, bits: Bool[Tensor, "table neuron"]
    ) -> Iterator[SurfaceRow]:
        distinct, state_of_table = bits.unique(dim=0, return_inverse=True)
        state = state_of_table[self._table]
        for residual, high in product(self.residuals, point.grid.highs):
            labels = self._replaced_labels(point.grid, residual, high, distinct)
            yield point.row(
                Axiom.PREFIX_REPLACEABILITY,
                EVALUATE,
                labels[state] != self.testing.labels,
                version=version,
                residual=residual,
                high=high,
            )

    def _replaced_labels(
        self, grid: Grid, residual: Residual, high: float, bits: Bool[Tensor, "state neuron"]
    ) -> Int[Tensor, " state"]:
        reader = bit_reader(self.circuit, grid.reading, residual, _CPU)
        levels = Levels(reader.levels.cut, grid.levels(high, reader.levels.high))
        states = replace(reader, levels=levels).gamma(bits)
        return predicted_labels(self.components, states, self.device)

    @property
    def _table(self) -> Int[Tensor, " formula"]:
        return torch.from_numpy(self.testing.tables.index)
