"""Charts that need hovering: axiom tables, the ledger, the front.

Text from tables is escaped here, because Plotly reads a few tags in labels and hover texts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from mechval.axioms import Cell, Estimate, EvidenceKind, Statement
from mechval.reporting import palette
from mechval.reporting.markdown import significant
from mechval.reporting.report import Chart

SMALLEST = 1e-5
"""ε at and below this have the palest colour."""
SCALE = ((0.0, "#f3f7fb"), (0.4, "#c6dbef"), (0.7, "#6baed6"), (1.0, "#08519c"))
"""Pale to dark blue: read in grey and by every common colour blindness."""

# Of several rows of one cell, the strongest kind of evidence is the one to show.
_KIND_COLOURS = {
    EvidenceKind.CERTIFIED: palette.GREEN,
    EvidenceKind.EXACT: palette.BLUE,
    EvidenceKind.SAMPLED: palette.ORANGE,
    EvidenceKind.UNKNOWN: palette.VERMILLION,
}
_PROGRAM_COLOURS = (
    *(palette.BLUE, palette.ORANGE, palette.GREEN),
    *(palette.VERMILLION, palette.PURPLE, palette.BLACK),
)
_LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "hoverlabel": {"align": "left"},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
}


@dataclass(frozen=True)
class Point:
    """A program on the front.

    Attributes:
        program: what kind of program it is.
        setting: which of them.
        bits: its size.
        found: how often it is wrong.
    """

    program: str
    setting: str
    bits: float
    found: Estimate


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
        "Rates of statements about the network and the claimed interpretation, and how they are "
        "known; hover over a point for its statement."
    )
    return Chart("ledger", caption, lambda place: _html(draw_ledger(statements), place))


def front_chart(points: Sequence[Point]) -> Chart:
    """ε against the size of the program, one colour per kind of program."""
    caption = (
        "ε of evaluate against the size of the program, each point sampled (N on hover): a longer "
        "program should buy a lower ε."
    )
    return Chart("front", caption, lambda place: _html(draw_front(points), place))


def strongest(cells: Iterable[Cell]) -> list[Cell]:
    """One row per cell: that with the strongest kind of evidence."""
    ranks = list(_KIND_COLOURS)
    best: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        place = (str(cell.axiom), cell.component)
        if place not in best or ranks.index(cell.kind) < ranks.index(best[place].kind):
            best[place] = cell
    return list(best.values())


def evidence(cells: Iterable[Cell]) -> str:
    """The kinds of evidence behind cells, with N, such as ``sampled, N = 80,000``."""
    kinds = sorted({(cell.kind, cell.n) for cell in cells})
    return ", ".join(f"{kind}, N = {n:,}" for kind, n in kinds)


def shade(epsilon: float) -> float:
    """Where an ε lies between the palest (0) and the darkest (1) shade.

    >>> shade(1.0), shade(0.0)
    (1.0, 0.0)
    """
    return 1 - math.log10(max(epsilon, SMALLEST)) / math.log10(SMALLEST)


def draw_cells(groups: Mapping[str, Sequence[Cell]]) -> go.Figure:
    """The heat map: axioms from top to bottom, components from left to right."""
    cells = [cell for group in groups.values() for cell in group]
    rows = list(dict.fromkeys(str(cell.axiom) for cell in cells))
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
        figure.update_layout(updatemenus=[_menu(panels)], height=150 + 70 * len(rows))
        figure.update_layout(margin={"t": 70})
    return figure


def draw_ledger(statements: Sequence[Statement]) -> go.Figure:
    """Intervals; of statements on an interpretation only those on the first, which is claimed."""
    claimed = next((row.interpretation for row in statements if row.interpretation), None)
    shown = [
        (number, row)
        for number, row in enumerate(statements, 1)
        if row.value_upper is not None and row.interpretation in (None, claimed)
    ]
    figure = go.Figure()
    for kind, colour in _KIND_COLOURS.items():
        own = [(at, row) for at, (_, row) in enumerate(shown) if row.kind is kind]
        if own:
            figure.add_trace(_intervals(own, kind, colour))
    figure.update_layout(**_LAYOUT, height=150 + 22 * len(shown), legend={"orientation": "h"})
    figure.update_xaxes(type="log", title=f"rate (drawn at {SMALLEST:g} if smaller)", dtick=1)
    figure.update_yaxes(
        autorange="reversed",
        title="statement, by its number in the ledger",
        tickvals=list(range(len(shown))),
        ticktext=[str(number) for number, _ in shown],
    )
    return figure


def draw_front(points: Sequence[Point]) -> go.Figure:
    """The front, each kind of program a line."""
    figure = go.Figure()
    for at, program in enumerate(dict.fromkeys(point.program for point in points)):
        own = [point for point in points if point.program == program]
        figure.add_trace(
            go.Scatter(
                x=[point.bits for point in own],
                y=[point.found.epsilon for point in own],
                mode="lines+markers",
                name=escape(program),
                marker={"size": 9, "color": _PROGRAM_COLOURS[at % len(_PROGRAM_COLOURS)]},
                hovertext=[_point_hover(point) for point in own],
                hoverinfo="text",
            )
        )
    figure.update_layout(**_LAYOUT, height=380, legend={"orientation": "h", "y": -0.25})
    figure.update_xaxes(type="log", title="size of the program (bits)", dtick=1)
    figure.update_yaxes(type="log", title="ε", dtick=1)
    return figure


def _html(figure: go.Figure, place: str) -> str:
    """A chart's element, drawn when the page opens."""
    return figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=place,
        config={"responsive": True, "displaylogo": False, "displayModeBar": False},
    )


def _panel(cells: Sequence[Cell], rows: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    by_place = {(str(cell.axiom), cell.component): cell for cell in cells}
    grid = [[by_place.get((row, column)) for column in columns] for row in rows]
    return {
        "z": [[None if cell is None else shade(cell.epsilon) for cell in line] for line in grid],
        "text": [["" if c is None else significant(c.epsilon) for c in line] for line in grid],
        "hovertext": [["" if c is None else _hover(*_facts(c)) for c in line] for line in grid],
    }


def _facts(cell: Cell) -> list[str]:
    """Everything known about a cell, a line each, its name first."""
    single = "rate, exact"
    if cell.kind is not EvidenceKind.EXACT:
        single = f"ε, this cell alone at {cell.confidence:.0%}"
    lines = [
        f"{cell.component}, {cell.axiom}",
        f"N = {cell.n:,} ({cell.kind})",
        f"disagreements: {cell.disagreements:,}",
        *(f"… {name}: {x.disagreements:,} of {x.n:,}" for name, x in cell.strata.items()),
        f"{single}: {significant(cell.epsilon)}",
    ]
    if cell.epsilon_simultaneous is not None:
        lines.append(f"ε, all cells at once: {significant(cell.epsilon_simultaneous)}")
    lines += [f"compared as: {cell.equivalence}"] if cell.equivalence else []
    lines += [f"verdict: {cell.verdict}"] if cell.verdict else []
    return lines


def _hover(name: str, *lines: str) -> str:
    return "<br>".join([f"<b>{escape(name)}</b>", *map(escape, lines)])


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


def _intervals(rows: Sequence[tuple[int, Statement]], kind: str, colour: str) -> go.Scatter:
    upper = [max(row.value_upper or 0, SMALLEST) for _, row in rows]
    lower = [max(row.value_lower or 0, SMALLEST) for _, row in rows]
    return go.Scatter(
        x=upper,
        y=[at for at, _ in rows],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0.0] * len(rows),
            "arrayminus": [high - low for low, high in zip(lower, upper, strict=True)],
        },
        mode="markers",
        name=kind,
        marker={"color": colour, "size": 9},
        hovertext=[_statement_hover(row) for _, row in rows],
        hoverinfo="text",
    )


def _statement_hover(row: Statement) -> str:
    size = row.total or row.n
    told = f"{row.kind}, N = {size:,}" if size else str(row.kind)
    return _hover(row.statement, told, f"between {row.value_lower or 0:g} and {row.value_upper:g}")


def _point_hover(point: Point) -> str:
    found = point.found
    return _hover(
        f"{point.program} {point.setting}",
        f"{point.bits:,.0f} bits",
        f"ε {significant(found.epsilon)} ({found.disagreements:,} of {found.n:,}, {found.kind})",
    )
