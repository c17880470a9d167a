"""The main interpretations that variants depart from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from mechval.axioms import Interpretation
from mechval.two_sat.configs import ReadingName, Residual, Version

_OWN_RESIDUAL: dict[ReadingName, Residual] = {"paper": "attn_out", "calibrated": "resid_mid"}


@dataclass(frozen=True)
class Base:
    """One of `make_interpretations`, and what its name says."""

    version: Version
    reading: ReadingName
    residual: Residual
    interpretation: Interpretation

    @property
    def name(self) -> str:
        """The interpretation's name."""
        return self.interpretation.name


def bases_of(interpretations: Sequence[Interpretation]) -> list[Base]:
    """Take the names ``<version>/<reading>/<residual>`` apart."""
    parts = [interpretation.name.split("/") for interpretation in interpretations]
    return [
        Base(cast(Version, version), cast(ReadingName, reading), cast(Residual, residual), made)
        for (version, reading, residual), made in zip(parts, interpretations, strict=True)
    ]


def main_bases(bases: Sequence[Base]) -> list[Base]:
    """Keep one residual for each version and reading.

    That is ``attn_out`` with the reading ``paper`` and ``resid_mid`` with the calibrated one, or
    the first there is: only the high values of γ_2 interact with the residual.
    """
    chosen: dict[tuple[Version, ReadingName], Base] = {}
    for base in bases:
        key = (base.version, base.reading)
        if key not in chosen or base.residual == _OWN_RESIDUAL[base.reading]:
            chosen[key] = base
    return list(chosen.values())
