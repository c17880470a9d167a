"""What causal-abstraction-eval's own metric says of the planted faults, beside ours.

Tests alone need the package: tests/cae_adapter.py hands it our claims and writes the table.
"""

from dataclasses import dataclass

from mechval import tables


@dataclass(frozen=True)
class OutsideRow:
    """CAE↓ of a claim, 0 if nothing is found; the faithful form disturbs what no variable is
    carried by as well. The scale has no bar of its own: values compare on one network alone."""

    organism: str = tables.told()
    is_sound: bool = tables.told("claim is true")
    interventions: int = tables.told()
    plain: float = tables.rate("CAE↓")
    faithful: float = tables.rate("CAE↓, faithful")


OUTSIDE = tables.Table("instruments/cae.csv", OutsideRow)
