"""Charts that need hovering: axiom tables, the ledger, the front. Plotly figures from rows.

Text from tables is escaped here, because Plotly reads a few tags in labels and hover texts.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from mechval.reporting.markdown import significant
from mechval.reporting.page.cells import PageCell, facts_of
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILLION

SMALLEST = 1e-5
"""ε at and below this have the palest colour."""
SCALE = ((0.0, "#f3f7fb"), (0.4, "#c6dbef"), (0.7, "#6baed6"), (1.0, "#08519c"))
"""Pale to dark blue: read in grey and by every common colour blindness."""

_KIND_COLOURS = {
    "certified": GREEN,
    "exact": BLUE,
    "sampled": ORANGE,
    "unknown": VERMILLION,
}
_LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "hoverlabel": {"align": "left"},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
}


def plotly_source() -> str:
    """The library's JavaScript, to be put into a page once."""
    return get_plotlyjs()


def chart_html(figure: go.Figure, name: str) -> str:
    """A chart's element, drawn when the page opens; ``name`` becomes its id."""
    return figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={"responsive": True, "displaylogo": False, "displayModeBar": False},
    )


def shade(epsilon: float) -> float:
    """Where an ε lies between the palest (0) and the darkest (1) shade.

    >>> shade(1.0), shade(0.0)
    (1.0, 0.0)
    """
    exponent = math.log10(max(epsilon, SMALLEST))
    return 1 - exponent / math.log10(SMALLEST)


def draw_cells(cells: Sequence[PageCell], rows: Sequence[str], columns: Sequence[str]) -> go.Figure:
    """An axiom table as shaded cells, one interpretation at a time, chosen from a menu.

    Args:
        cells: of all interpretations; the first one's are shown first.
        rows: axioms, top to bottom.
        columns: components, left to right.
    """
    groups = list(dict.fromkeys(cell.group for cell in cells))
    panels = {
        group: _panel([cell for cell in cells if cell.group == group], rows, columns)
        for group in groups
    }
    first = panels[groups[0]]
    figure = go.Figure(
        go.Heatmap(
            x=[escape(name) for name in columns],
            y=[escape(name).replace(" ", "<br>") for name in rows],
            **first,
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


def draw_ledger(rows: Sequence[Mapping[str, str]]) -> go.Figure:
    """Each statement's rate as an interval, coloured by how it is known.

    Of statements on an interpretation only those on the first, the one that is claimed.
    """
    claimed = next((row["interpretation"] for row in rows if row["interpretation"]), "")
    numbered = [
        (number, row)
        for number, row in enumerate(rows, 1)
        if row["interpretation"] in ("", claimed)
    ]
    places = list(enumerate(numbered))
    figure = go.Figure()
    for kind in _KIND_COLOURS:
        of_kind = [(at, row) for at, (_, row) in places if row["kind"] == kind]
        if not of_kind:
            continue
        known = [(at, row) for at, row in of_kind if row["value_upper"]]
        lower = [float(row["value_lower"] or 0) for _, row in known]
        upper = [float(row["value_upper"]) for _, row in known]
        figure.add_trace(
            go.Scatter(
                x=[max(value, SMALLEST) for value in upper],
                y=[at for at, _ in known],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [0.0] * len(known),
                    "arrayminus": [
                        max(high, SMALLEST) - max(low, SMALLEST)
                        for low, high in zip(lower, upper, strict=True)
                    ],
                },
                mode="markers",
                name=kind,
                marker={"color": _KIND_COLOURS[kind], "size": 9},
                hovertext=[_ledger_hover(row) for _, row in known],
                hoverinfo="text",
            )
        )
    figure.update_layout(**_LAYOUT, height=150 + 26 * len(places), legend={"orientation": "h"})
    figure.update_xaxes(type="log", title=f"rate (drawn at {SMALLEST:g} if smaller)", dtick=1)
    figure.update_yaxes(
        autorange="reversed",
        title="statement, by its number below",
        tickvals=[at for at, _ in places],
        ticktext=[str(number) for _, (number, _) in places],
    )
    return figure


def draw_front(rows: Sequence[Mapping[str, str]]) -> go.Figure:
    """ε against the size of the program, one colour per kind; only programs with a known size."""
    figure = go.Figure()
    colours = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, BLACK)
    sized = [row for row in rows if row["bits"]]
    programs = list(dict.fromkeys(row["program"] for row in sized))
    for at, program in enumerate(programs):
        own = [row for row in sized if row["program"] == program]
        figure.add_trace(
            go.Scatter(
                x=[float(row["bits"]) for row in own],
                y=[float(row["epsilon"]) for row in own],
                mode="lines+markers",
                name=escape(program),
                marker={"size": 9, "color": colours[at % len(colours)]},
                hovertext=[_front_hover(row) for row in own],
                hoverinfo="text",
            )
        )
    figure.update_layout(**_LAYOUT, height=380, legend={"orientation": "h", "y": -0.25})
    figure.update_xaxes(type="log", title="size of the program (bits)", dtick=1)
    figure.update_yaxes(type="log", title="ε", dtick=1)
    return figure


def _panel(cells: Sequence[PageCell], rows: Sequence[str], columns: Sequence[str]) -> dict:
    by_place = {(cell.axiom, cell.component): cell for cell in cells}
    grid = [[by_place.get((row, column)) for column in columns] for row in rows]
    return {
        "z": [[None if cell is None else shade(cell.epsilon) for cell in line] for line in grid],
        "text": [
            ["" if cell is None else significant(cell.epsilon) for cell in line] for line in grid
        ],
        "hovertext": [["" if cell is None else _hover(facts_of(cell)) for cell in x] for x in grid],
    }


def _hover(lines: Sequence[str]) -> str:
    name, *rest = map(escape, lines)
    return "<br>".join([f"<b>{name}</b>", *rest])


def _menu(panels: Mapping[str, dict]) -> dict[str, Any]:
    return {
        "buttons": [
            {
                "label": escape(group),
                "method": "restyle",
                "args": [{key: [value] for key, value in panel.items()}],
            }
            for group, panel in panels.items()
        ],
        "x": 0,
        "xanchor": "left",
        "y": 1.28,
        "yanchor": "top",
    }


def _ledger_hover(row: Mapping[str, str]) -> str:
    size = row.get("total") or row.get("n") or ""
    between = f"between {row['value_lower']} and {row['value_upper']}"
    return _hover([row["statement"], f"{row['kind']}, N = {size}", between])


def _front_hover(row: Mapping[str, str]) -> str:
    count = f"{int(row['disagreements']):,} of {int(row['n']):,}, {row['kind']}"
    epsilon = f"ε {significant(float(row['epsilon']))} ({count})"
    return _hover(
        [f"{row['program']} {row['setting']}", f"{float(row['bits']):,.0f} bits", epsilon]
    )
