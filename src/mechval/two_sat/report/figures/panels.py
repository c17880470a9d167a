"""Panels that several figures of the evidence share, drawn from rows of its tables."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILLION

COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY_BLUE)
MARKERS = "osv^D*"
_MOST_LABELLED = 24


def grid(n_panels: int, columns: int, panel_height: float) -> tuple[Figure, list[Axes]]:
    """A full-width figure with panels in rows; those that are not needed are left out."""
    columns = min(columns, n_panels)
    n_rows = ceil(n_panels / columns)
    figure = Figure(figsize=(PAGE_WIDTH, 0.4 + panel_height * n_rows), layout="constrained")
    panels = list(figure.subplots(n_rows, columns, squeeze=False).flat)
    for unused in panels[n_panels:]:
        unused.remove()
    return figure, panels[:n_panels]


def heatmap(
    axes: Axes,
    values: Float[np.ndarray, "row column"],
    *,
    cmap: str,
    low: float,
    high: float,
) -> AxesImage:
    """Cells as they are, without smoothing."""
    return axes.imshow(
        values, cmap=cmap, vmin=low, vmax=high, aspect="auto", interpolation="nearest"
    )


def label_ticks(axes: Axes, names: Sequence[str], which: str) -> None:
    """Name the cells of a heatmap's axis, where there is room for the names."""
    if len(names) > _MOST_LABELLED:
        return
    set_ticks = axes.set_xticks if which == "x" else axes.set_yticks
    rotation = 90 if which == "x" else 0
    set_ticks(range(len(names)), list(names), rotation=rotation, fontsize=6)
