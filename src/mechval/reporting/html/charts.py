"""Axiom tables as charts to hover over.

Text from tables is escaped here, because Plotly reads a few tags in labels and hover texts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from mechval.axioms import Cell, EvidenceKind, Verdict
from mechval.reporting.palette import EPSILON_COLOURS
from mechval.reporting.report import Chart
from mechval.reporting.shown import by, significant

SMALLEST = 1e-5
"""ε at and below this have the palest colour."""
MEANINGLESS = "✗"
"""Marks an ε that a program which always answers the same has too, however pale its cell."""

_STRONGEST_FIRST = (
    EvidenceKind.CERTIFIED,
    EvidenceKind.EXACT,
    EvidenceKind.SAMPLED,
    EvidenceKind.UNKNOWN,
)
_LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 8, "r": 8, "t": 70, "b": 8},
    "hoverlabel": {"align": "left"},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "xaxis": {"side": "top", "fixedrange": True},
    "yaxis": {"autorange": "reversed", "fixedrange": True},
}
_CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": False}


def cells_chart(name: str, caption: str, groups: Mapping[str, Sequence[Cell]]) -> Chart:
    """Axiom tables as shaded cells to hover over, one group at a time, chosen from a menu.

    The kind of evidence and N are added to the caption, which comes without its full stop; groups
    are cells by interpretation or network, of which the first is shown first.
    """
    shown = {group: strongest(cells) for group, cells in groups.items()}
    cells = [cell for own in shown.values() for cell in own]
    note = f" {MEANINGLESS}: a constant answer does as well." if any(map(is_trivial, cells)) else ""

    def html(place: str) -> str:
        look: dict[str, Any] = {"config": _CONFIG, "div_id": place}
        return draw_cells(shown).to_html(include_plotlyjs=False, full_html=False, **look)

    return Chart(name, f"{caption}, {evidence(cells)}; dark is worse.{note}", html)


def strongest(cells: Iterable[Cell]) -> list[Cell]:
    """One row per cell: the first with the strongest kind of evidence."""
    found = by(cells, "axiom", "component").values()
    return [min(own, key=lambda cell: _STRONGEST_FIRST.index(cell.kind)) for own in found]


def evidence(cells: Iterable[Cell]) -> str:
    """The kinds of evidence behind cells, with N, such as ``sampled, N = 80,000``."""
    return " and ".join(f"{kind}, N = {n:,}" for kind, n in sorted({(c.kind, c.n) for c in cells}))


def is_trivial(cell: Cell) -> bool:
    """Whether a program that always answers the same does as well: a small ε says nothing there."""
    return cell.verdict in (Verdict.NOT_BETTER, Verdict.CONSTANT_NETWORK)


def shade(epsilon: float) -> float:
    """Where an ε lies between the palest (0) and the darkest (1) shade.

    >>> shade(1.0), shade(0.0)
    (1.0, 0.0)
    """
    return 1 - math.log10(max(epsilon, SMALLEST)) / math.log10(SMALLEST)


def draw_cells(groups: Mapping[str, Sequence[Cell]]) -> go.Figure:
    """The heat map: axioms from top to bottom, components from left to right."""
    cells = [cell for group in groups.values() for cell in group]
    rows, columns = by(cells, "axiom"), by(cells, "component")
    panels = {}
    for group, own in groups.items():
        found = {(cell.axiom, cell.component): cell for cell in own}
        grid = [[found.get((row, column)) for column in columns] for row in rows]
        panels[group] = {
            "z": [[shade(cell.epsilon) if cell else None for cell in line] for line in grid],
            "text": [[_marked(cell) if cell else "" for cell in line] for line in grid],
            "hovertext": [[_hover(cell) if cell else "" for cell in line] for line in grid],
        }
    buttons = [
        {"label": escape(group), "method": "restyle", "args": [{k: [v] for k, v in panel.items()}]}
        for group, panel in panels.items()
    ]
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.28, "yanchor": "top"}
    heat_map = go.Heatmap(
        x=[escape(name) for name in columns],
        y=[escape(axiom.value).replace(" ", "<br>") for axiom in rows],
        **next(iter(panels.values())),
        zmin=0,
        zmax=1,
        colorscale=EPSILON_COLOURS,
        texttemplate="%{text}",
        hoverinfo="text",
        xgap=3,
        ygap=3,
        showscale=False,
    )
    return go.Figure(heat_map, {**_LAYOUT, "height": 150 + 70 * len(rows), "updatemenus": [menu]})


def _marked(cell: Cell) -> str:
    return significant(cell.epsilon) + f" {MEANINGLESS}" * is_trivial(cell)


def _hover(cell: Cell) -> str:
    """Everything known about a cell."""
    bounds = [f"rate, exact: {significant(cell.epsilon)}"]
    if cell.kind is not EvidenceKind.EXACT:
        at = f" at {cell.confidence:.0%}" if cell.confidence else ""
        bounds = [
            f"ε{at}: {significant(cell.epsilon)}",
            f"simultaneous ε: {significant(cell.epsilon_simultaneous)}",
        ]
    lines = (
        f"N = {cell.n:,} ({cell.kind})",
        f"disagreements: {cell.disagreements:,}",
        *(f"… {name}: {own.disagreements:,} of {own.n:,}" for name, own in cell.strata.items()),
        *bounds,
        f"compared as: {cell.equivalence}" if cell.equivalence else "",
        f"verdict: {cell.verdict}" if cell.verdict else "",
    )
    name = f"<b>{escape(f'{cell.component}, {cell.axiom}')}</b>"
    return "<br>".join([name, *map(escape, filter(None, lines))])
