"""Figures whose bytes depend on their content alone: one style, no dates, a fixed SVG salt.

Figures are ``matplotlib.figure.Figure`` objects; pyplot and its global state are never used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

PAGE_WIDTH = 6.8
"""Width of a full-page figure in inches."""

_DPI = 150
_STYLE = {
    "svg.hashsalt": "mechval",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save inside this block: the house style, whatever the reader's matplotlibrc says."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def save_figure(figure: Figure, directory: Path, name: str) -> None:
    """Write ``<name>.svg`` and ``<name>.png``; equal figures give equal bytes.

    Call it inside :func:`figure_style`.
    """
    FigureCanvasSVG(figure).print_svg(
        directory / f"{name}.svg", metadata={"Date": None, "Creator": None}
    )
    figure.set_dpi(_DPI)
    FigureCanvasAgg(figure).print_png(directory / f"{name}.png", metadata={"Software": None})
