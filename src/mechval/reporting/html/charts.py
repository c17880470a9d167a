"""Axiom tables as shaded cells; what is known of one shows when it is pointed at or tabbed to."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mechval.axioms import Cell, EvidenceKind, Verdict
from mechval.reporting.html import render
from mechval.reporting.report import Chart
from mechval.reporting.shown import by, significant

SMALLEST = 1e-5
"""ε at and below this have the palest colour."""
MEANINGLESS = "✗"
"""Marks an ε that a constant or shuffled program has too, however pale its cell."""

_STRONGEST_FIRST = (
    EvidenceKind.CERTIFIED,
    EvidenceKind.EXACT,
    EvidenceKind.SAMPLED,
    EvidenceKind.UNKNOWN,
)


def cells_chart(name: str, caption: str, groups: Mapping[str, Sequence[Cell]]) -> Chart:
    """Axiom tables as shaded cells, one group at a time, chosen from a menu.

    The kind of evidence and N are added to the caption, which comes without its full stop; groups
    are cells by interpretation or network, of which the first is shown first.
    """
    shown = {group: strongest(own) for group, own in groups.items()}
    cells = [cell for own in shown.values() for cell in own]
    shuffled = any(cell.verdict is Verdict.SHUFFLED_PASSES for cell in cells)
    as_well = f"a constant answer{' or a shuffled program' if shuffled else ''} does as well"
    note = f" {MEANINGLESS}: {as_well}." if any(map(is_trivial, cells)) else ""

    def html(place: str) -> str:
        parts = {
            "groups": {
                group: {(cell.axiom, cell.component): cell for cell in own}
                for group, own in shown.items()
            },
            "axioms": by(cells, "axiom"),
            "columns": by(cells, "component"),
        }
        template = render.environment().get_template("cells.html.j2")
        return template.render(place=place, shade=shade, text=_marked, told=_told, **parts)

    return Chart(name, f"{caption}, {evidence(cells)}; dark is worse.{note}", html)


def strongest(cells: Iterable[Cell]) -> list[Cell]:
    """One row per cell: the first with the strongest kind of evidence."""
    found = by(cells, "axiom", "component").values()
    return [min(own, key=lambda cell: _STRONGEST_FIRST.index(cell.kind)) for own in found]


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


def _marked(cell: Cell) -> str:
    return significant(cell.epsilon) + f" {MEANINGLESS}" * is_trivial(cell)


def _told(cell: Cell) -> Iterator[str]:
    """Everything known about a cell, line by line."""
    yield f"N = {cell.n:,} ({cell.kind})"
    yield f"disagreements: {cell.disagreements:,}"
    for name, own in cell.strata.items():
        yield f"… {name}: {own.disagreements:,} of {own.n:,}"
    if cell.kind is EvidenceKind.EXACT:
        yield f"rate, exact: {significant(cell.epsilon)}"
    else:
        at = f" at {cell.confidence:.0%}" if cell.confidence else ""
        yield f"ε{at}: {significant(cell.epsilon)}"
        yield f"simultaneous ε: {significant(cell.epsilon_simultaneous)}"
    if cell.equivalence:
        yield f"compared as: {cell.equivalence}"
    if cell.verdict:
        yield f"verdict: {cell.verdict}"
