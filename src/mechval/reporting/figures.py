"""Figures whose bytes depend on their content alone: one style, no dates, a fixed SVG salt.

Figures are ``matplotlib.figure.Figure`` objects; pyplot and its global state are never used. Below
the style stand the panels that several figures share.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure, SubFigure

from mechval.files import write_whole
from mechval.reporting.palette import EPSILON_COLOURS
from mechval.reporting.shown import by, significant

PAGE_WIDTH = 6.8
"""Width of a full-page figure in inches."""
EPSILONS = (1e-5, 1.0)
"""Range of every axis and colour scale of ε, so that figures compare."""

_SCALE = LogNorm(*EPSILONS, clip=True)
_COLOURS = LinearSegmentedColormap.from_list("epsilon", EPSILON_COLOURS)
_MOST_LABELLED = 18
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "mechval",
    # Text stays text: smaller files, and a reader can search them.
    "svg.fonttype": "none",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    # One size, at which a page shows them: all others are relative to it.
    "font.size": 9,
    "axes.titlesize": "medium",
    "figure.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save inside this block: the house style, whatever the reader's matplotlibrc says."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def save_figure(figure: Figure, directory: Path, name: str) -> None:
    """Write ``<name>.svg`` whole; equal figures give equal bytes. Call it in `figure_style`."""
    drawn = BytesIO()
    FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None, "Creator": None})
    write_whole(directory / f"{name}.svg", drawn.getvalue())


def panels(n_panels: int, columns: int = 1, panel_height: float = 2.6) -> tuple[Figure, list[Axes]]:
    """A full-width figure with panels of this height in inches, row by row."""
    columns = min(columns, n_panels)
    n_rows = ceil(n_panels / columns)
    figure, rows = grid(n_rows, columns, 0.4 + panel_height * n_rows)
    found = list(rows.flat)
    for unused in found[n_panels:]:
        unused.remove()
    return figure, found[:n_panels]


def facets(
    rows: Sequence[Any], *fields: str, columns: int = 1, panel_height: float = 2.6
) -> tuple[Figure, list[tuple[Axes, Any, list[Any]]]]:
    """:func:`panels`, one for each value of a field (or tuple of fields), with it and its rows."""
    found = by(rows, *fields)
    figure, drawn = panels(len(found), columns, panel_height)
    return figure, [(axes, *item) for axes, item in zip(drawn, found.items(), strict=True)]


def grid(n_rows: int, n_columns: int, height: float, **look: Any) -> tuple[Figure, Any]:
    """A full-width figure of this height in inches, and its panels as rows of columns."""
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, **look)


def legend_below(figure: Figure, axes: Sequence[Axes], columns: int) -> None:
    """One legend of what panels show, below all of them, where it hides no curve."""
    entries = {
        str(label): handle
        for panel in axes
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns)


def legend_beside(axes: Axes, **look: Any) -> None:
    """The legend of a panel, to the right of it."""
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), **look)


def heat_map(
    axes: Axes, values: Float[np.ndarray, "row column"], colours: str, low: float, high: float
) -> None:
    """Cells as they are, without smoothing."""
    look: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
    axes.imshow(values, cmap=colours, vmin=low, vmax=high, **look)


def colour_bar(figure: Figure, axes: Iterable[Axes], label: str, **look: Any) -> None:
    """One bar beside the heat maps of panels, which have the same colours."""
    found = list(axes)
    figure.colorbar(found[0].images[0], ax=found, label=label, **look)


def label_cells(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Name the cells of a heat map, on each axis where there is room for the names."""
    for set_ticks, names, turn in ((axes.set_xticks, columns, 90), (axes.set_yticks, rows, 0)):
        if len(names) <= _MOST_LABELLED:
            set_ticks(range(len(names)), list(names), rotation=turn)


def epsilon_map(
    axes: Axes, values: Float[np.ndarray, "row column"], rows: Sequence[str], columns: Sequence[str]
) -> None:
    """A heat map of ε with each value in its cell; the first row is the uppermost."""
    axes.imshow(np.maximum(values, EPSILONS[0]), norm=_SCALE, cmap=_COLOURS, aspect="auto")
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if _SCALE(max(value, EPSILONS[0])) > 0.8 else "black"
        axes.text(column, row, significant(value), ha="center", va="center", color=colour)


def epsilon_scale(figure: Figure | SubFigure, axes: Sequence[Axes]) -> None:
    """The colours of :func:`epsilon_map`, beside the panels that use it."""
    figure.colorbar(ScalarMappable(_SCALE, _COLOURS), ax=list(axes), label="ε")
