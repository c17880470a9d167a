"""Grids over the constants of a reading, and the rows that a surface consists of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.axioms import Axiom, EvidenceKind, clopper_pearson_upper
from mechval.two_sat.configs import ReadingName, Residual, VariantsConfig, Version

Unit = Literal["activation", "multiple"]


@dataclass(frozen=True)
class Grid:
    """Which cuts and high values are tried for a reading.

    Attributes:
        unit: ``activation`` for the same absolute values for all neurons, ``multiple`` for
            multiples of the reading's own levels of each neuron.
    """

    reading: ReadingName
    unit: Unit
    cuts: tuple[float, ...]
    highs: tuple[float, ...]

    def levels(self, value: float, own: Float[Tensor, " neuron"]) -> Float[Tensor, " neuron"]:
        """The level of each neuron at a grid value, where ``own`` is that of the reading."""
        return value * own if self.unit == "multiple" else torch.full_like(own, value)


@dataclass(frozen=True)
class SurfaceRow:
    """ε of one cell at one point of the grid.

    Attributes:
        version: None for the output's component equivalence, which no program enters.
        residual: of γ_2; None for cells without one.
        high: None for cells that do not depend on it.
        constant_bits: neurons whose bit never changes on the fitting formulas at this cut; where
            there are many, agreement says little.
        floor: disagreements, on these very formulas, of the best conceivable program of the truth
            table; None for cells that do not compare the bits.
    """

    reading: ReadingName
    unit: Unit
    cut: float
    high: float | None
    version: Version | None
    residual: Residual | None
    axiom: str
    component: str
    n: int
    disagreements: int
    rate: float
    epsilon: float
    kind: EvidenceKind
    n_neurons: int
    constant_bits: int
    floor: int | None

    @property
    def cell(self) -> str:
        """The cell's name, such as ``prefix equivalence/evaluate``."""
        return f"{self.axiom}/{self.component}"


@dataclass(frozen=True)
class GridCut:
    """One cut of a grid, and what all its rows share.

    Attributes:
        constant_bits: see `SurfaceRow`.
        confidence: of every ε.
    """

    grid: Grid
    cut: float
    n_neurons: int
    constant_bits: int
    confidence: float

    def row(
        self,
        axiom: Axiom,
        component: str,
        is_wrong: Bool[Tensor, " formula"],
        *,
        version: Version | None = None,
        residual: Residual | None = None,
        high: float | None = None,
        floor: int | None = None,
    ) -> SurfaceRow:
        """Count and bound the disagreements of one cell."""
        n, count = len(is_wrong), int(is_wrong.sum())
        return SurfaceRow(
            reading=self.grid.reading,
            unit=self.grid.unit,
            cut=self.cut,
            high=high,
            version=version,
            residual=residual,
            axiom=axiom.label,
            component=component,
            n=n,
            disagreements=count,
            rate=count / n,
            epsilon=clopper_pearson_upper(count, n, self.confidence),
            kind=EvidenceKind.SAMPLED,
            n_neurons=self.n_neurons,
            constant_bits=self.constant_bits,
            floor=floor,
        )


def grids(config: VariantsConfig, readings: Iterable[ReadingName]) -> list[Grid]:
    """One grid per reading: absolute values for the paper's, multiples for the calibrated."""
    multiples = config.surface_multiples
    by_reading: dict[ReadingName, Grid] = {
        "paper": Grid("paper", "activation", config.surface_cuts, config.surface_highs),
        "calibrated": Grid("calibrated", "multiple", multiples, multiples),
    }
    return [by_reading[reading] for reading in readings]
