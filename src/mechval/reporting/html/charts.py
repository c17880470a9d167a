"""Axiom tables as shaded cells; what is known of one shows when it is pointed at or tabbed to."""

import math
from collections.abc import Iterable, Mapping, Sequence

from mechval.axioms import Cell, Verdict
from mechval.reporting.report import Chart

SMALLEST = 1e-5
"""ε at and below this have the palest colour."""


def cells_chart(name: str, caption: str, groups: Mapping[str, Sequence[Cell]]) -> Chart:
    """Axiom tables as shaded cells, one group at a time, chosen from a menu.

    The kind of evidence and N are added to the caption, which comes without its full stop; groups
    are cells by interpretation or network, of which the first is shown first.
    """
    cells = [cell for own in groups.values() for cell in own]
    shuffled = any(cell.verdict is Verdict.SHUFFLED_PASSES for cell in cells)
    as_well = f"a constant answer{' or a shuffled program' if shuffled else ''} does as well"
    # However pale its cell, an ε that means nothing is marked.
    note = f" ✗: {as_well}." if any(map(is_trivial, cells)) else ""
    return Chart(name, f"{caption}, {evidence(cells)}; dark is worse.{note}", groups)


def evidence(cells: Iterable[Cell]) -> str:
    """The kinds of evidence behind cells, with N, such as ``sampled, N = 80,000``."""
    return " and ".join(f"{kind}, N = {n:,}" for kind, n in sorted({(c.kind, c.n) for c in cells}))


def is_trivial(cell: Cell) -> bool:
    """Whether a constant or a shuffled program does as well: a small ε says nothing there."""
    return cell.verdict not in (Verdict.NOT_JUDGED, Verdict.BETTER)


def shade(epsilon: float) -> float:
    """Where an ε lies between the palest (0) and the darkest (1) shade.

    >>> shade(1.0), shade(0.0)
    (1.0, 0.0)
    """
    return 1 - math.log10(max(epsilon, SMALLEST)) / math.log10(SMALLEST)
