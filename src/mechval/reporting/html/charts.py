"""Charts that need hovering: axiom tables and the ledger.

Text from tables is escaped here, because Plotly reads a few tags in labels and hover texts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from mechval.axioms import Cell, EvidenceKind, Statement
from mechval.reporting.palette import BLUE, GREEN, ORANGE, VERMILLION
from mechval.reporting.report import Chart
from mechval.reporting.shown import significant

SMALLEST = 1e-5
"""ε at and below this have the palest colour."""
SCALE = ((0.0, "#f3f7fb"), (0.4, "#c6dbef"), (0.7, "#6baed6"), (1.0, "#08519c"))
"""Pale to dark blue: read in grey and by every common colour blindness."""

# The strongest kind of evidence first.
_KIND_COLOURS = {
    EvidenceKind.CERTIFIED: GREEN,
    EvidenceKind.EXACT: BLUE,
    EvidenceKind.SAMPLED: ORANGE,
    EvidenceKind.UNKNOWN: VERMILLION,
}
_LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "hoverlabel": {"align": "left"},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "legend": {"orientation": "h"},
}
_POWERS: dict[str, Any] = {"dtick": 1, "exponentformat": "power", "title_font_size": 13}


def cells_chart(name: str, caption: str, groups: Mapping[str, Sequence[Cell]]) -> Chart:
    """Axiom tables as shaded cells to hover over, one group at a time, chosen from a menu.

    Args:
        caption: without its full stop; the kind of evidence and N are added.
        groups: cells by interpretation or network; the first is shown first.
    """
    shown = {group: strongest(cells) for group, cells in groups.items()}
    told = evidence(cell for cells in shown.values() for cell in cells)
    return Chart(name, f"{caption}, {told}.", lambda place: _html(draw_cells(shown), place))


def ledger_chart(statements: Sequence[Statement]) -> Chart:
    """Each statement's rate as an interval, coloured by how it is known."""
    caption = (
        "Rates of the statements below, and how they are known: hover over a point for what it "
        "says. A line leads from the least to the greatest that a rate can be."
    )
    return Chart("ledger", caption, lambda place: _html(draw_ledger(statements), place))


def strongest(cells: Iterable[Cell]) -> list[Cell]:
    """One row per cell: that with the strongest kind of evidence."""
    best: dict[tuple[str, str], Cell] = {}
    ranks = list(_KIND_COLOURS)
    for cell in cells:
        found = best.setdefault((cell.axiom, cell.component), cell)
        if ranks.index(cell.kind) < ranks.index(found.kind):
            best[cell.axiom, cell.component] = cell
    return list(best.values())


def evidence(cells: Iterable[Cell]) -> str:
    """The kinds of evidence behind cells, with N, such as ``sampled, N = 80,000``."""
    return " and ".join(f"{kind}, N = {n:,}" for kind, n in sorted({(c.kind, c.n) for c in cells}))


def shade(epsilon: float) -> float:
    """Where an ε lies between the palest (0) and the darkest (1) shade.

    >>> shade(1.0), shade(0.0)
    (1.0, 0.0)
    """
    return 1 - math.log10(max(epsilon, SMALLEST)) / math.log10(SMALLEST)


def draw_cells(groups: Mapping[str, Sequence[Cell]]) -> go.Figure:
    """The heat map: axioms from top to bottom, components from left to right."""
    cells = [cell for group in groups.values() for cell in group]
    rows = list(dict.fromkeys(cell.axiom.value for cell in cells))
    columns = list(dict.fromkeys(cell.component for cell in cells))
    panels = {group: _panel(own, rows, columns) for group, own in groups.items()}
    figure = go.Figure(
        go.Heatmap(
            x=[escape(name) for name in columns],
            y=[escape(name).replace(" ", "<br>") for name in rows],
            **next(iter(panels.values())),
            zmin=0,
            zmax=1,
            colorscale=SCALE,
            texttemplate="%{text}",
            hoverinfo="text",
            xgap=3,
            ygap=3,
            showscale=False,
        )
    )
    figure.update_layout(**_LAYOUT, height=90 + 70 * len(rows))
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    figure.update_xaxes(side="top", fixedrange=True)
    if len(groups) > 1:
        height = 150 + 70 * len(rows)
        figure.update_layout(updatemenus=[_menu(panels)], height=height, margin={"t": 70})
    return figure


def draw_ledger(statements: Sequence[Statement]) -> go.Figure:
    """Intervals, the strongest kind of evidence on top; what has no bound is left out."""
    known = [row for row in statements if row.value_upper is not None]
    figure, n_above = go.Figure(), 0
    for kind, colour in _KIND_COLOURS.items():
        own = [row for row in known if row.kind is kind]
        upper = [max(row.value_upper or 0, SMALLEST) for row in own]
        lower = [max(row.value_lower or 0, SMALLEST) for row in own]
        lengths = [high - low for low, high in zip(lower, upper, strict=True)]
        places = list(range(n_above, n_above + len(own)))
        trace = _points(upper, places, kind, colour, map(_statement_hover, own))
        trace.update(error_x={"symmetric": False, "array": [0] * len(own), "arrayminus": lengths})
        figure.add_trace(trace)
        n_above += len(own)
    figure.update_layout(**_LAYOUT, height=150 + 13 * n_above)
    figure.update_xaxes(type="log", title=f"rate (drawn at {SMALLEST:g} if smaller)", **_POWERS)
    figure.update_yaxes(autorange="reversed", title="statements", showticklabels=False)
    return figure


def _html(figure: go.Figure, place: str) -> str:
    """A chart's element, drawn when the page opens."""
    config = {"responsive": True, "displaylogo": False, "displayModeBar": False}
    return figure.to_html(config=config, include_plotlyjs=False, full_html=False, div_id=place)


def _points(
    x: Sequence[float], y: Sequence[int | float], name: str, colour: str, hover: Iterable[str]
) -> go.Scatter:
    marker = {"size": 9, "color": colour}
    told = {"hovertext": list(hover), "hoverinfo": "text"}
    return go.Scatter(x=x, y=y, name=escape(name), mode="markers", marker=marker, **told)


def _panel(cells: Sequence[Cell], rows: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    found = {(cell.axiom.value, cell.component): cell for cell in cells}
    grid = [[found.get((row, column)) for column in columns] for row in rows]
    return {
        "z": [[shade(cell.epsilon) if cell else None for cell in line] for line in grid],
        "text": [[significant(cell.epsilon) if cell else "" for cell in line] for line in grid],
        "hovertext": [[_cell_hover(cell) if cell else "" for cell in line] for line in grid],
    }


def _menu(panels: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    buttons = [
        {
            "label": escape(group),
            "method": "restyle",
            "args": [{key: [value] for key, value in panel.items()}],
        }
        for group, panel in panels.items()
    ]
    return {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.28, "yanchor": "top"}


def _cell_hover(cell: Cell) -> str:
    """Everything known about a cell."""
    bounds = [f"rate, exact: {significant(cell.epsilon)}"]
    if cell.kind is not EvidenceKind.EXACT:
        at = f" at {cell.confidence:.0%}" if cell.confidence else ""
        bounds = [
            f"ε, this cell alone{at}: {significant(cell.epsilon)}",
            f"ε, all cells at once: {significant(cell.epsilon_simultaneous)}",
        ]
    return _hover(
        f"{cell.component}, {cell.axiom}",
        f"N = {cell.n:,} ({cell.kind})",
        f"disagreements: {cell.disagreements:,}",
        *(f"… {name}: {own.disagreements:,} of {own.n:,}" for name, own in cell.strata.items()),
        *bounds,
        f"compared as: {cell.equivalence}" if cell.equivalence else "",
        f"verdict: {cell.verdict}" if cell.verdict else "",
    )


def _statement_hover(row: Statement) -> str:
    size = row.total or row.n
    told = f"{row.kind}, N = {size:,}" if size else row.kind.value
    return _hover(
        row.statement, told, f"between {row.value_lower or 0:g} and {row.value_upper or 0:g}"
    )


def _hover(name: str, *lines: str) -> str:
    return "<br>".join([f"<b>{escape(name)}</b>", *map(escape, filter(None, lines))])
