"""Figures of the axioms: ε of every cell, disagreement over decimals, the learning curve."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from mechval.modular_addition.report.report_tables import CellRow, CurvePoint, DecimalRow
from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.markdown import significant
from mechval.reporting.palette import BLUE, ORANGE, VERMILLION

_COLOURS = "cividis"
# The same in every run, so that figures compare; below lies only an exact 0.
_LEAST, _MOST = 1e-5, 1.0


def draw_axiom_table(cells: Sequence[CellRow], title: str) -> Figure:
    """ε of one interpretation, one panel per set of inputs that it was measured on."""
    panels = list(dict.fromkeys((row.inputs, row.kind, row.n) for row in cells))
    figure = Figure(figsize=(PAGE_WIDTH, 2.6), layout="constrained")
    drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    scale = LogNorm(_LEAST, _MOST, clip=True)
    for axes, (inputs, kind, n) in zip(drawn, panels, strict=True):
        rows = [row for row in cells if row.inputs == inputs]
        axioms = list(dict.fromkeys(row.axiom_name for row in rows))
        components = list(dict.fromkeys(row.component for row in rows))
        values = np.array([row.epsilon for row in rows]).reshape(len(axioms), len(components))
        axes.imshow(np.maximum(values, _LEAST), norm=scale, cmap=_COLOURS, aspect="auto")
        axes.set_xticks(range(len(components)), components)
        axes.set_yticks(range(len(axioms)), axioms)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(f"{inputs}\n({kind}, N = {n:,})")
        for (row, column), value in np.ndenumerate(values):
            colour = "black" if scale(max(value, _LEAST)) > 0.55 else "white"
            axes.text(column, row, significant(value), ha="center", va="center", color=colour)
    figure.suptitle(title, fontsize=10)
    figure.colorbar(ScalarMappable(scale, _COLOURS), ax=list(drawn), label="ε")
    return figure


def draw_decimals(rows: Sequence[DecimalRow]) -> Figure:
    """How often a reading differs, over decimals: in any wave of a point, and per wave."""
    panels = list(dict.fromkeys((row.map, row.judged_on) for row in rows))
    n_columns = 2
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(PAGE_WIDTH, 0.8 + 2.0 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
    for axes, (name, judged_on) in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, [row for row in rows if (row.map, row.judged_on) == (name, judged_on)])
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("share that differs")
    for axes in grid[-1]:
        axes.set_xlabel("decimals compared\n(∠: nearest angle; all: unrounded)")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _draw_panel(axes: Axes, rows: Sequence[DecimalRow]) -> None:
    colours = (BLUE, ORANGE, VERMILLION)
    decimals = sorted({row.decimals for row in rows if row.decimals is not None})
    ticks = ["∠", *map(str, decimals), "all"]
    for colour, marker, subject in zip(
        colours, "os^", dict.fromkeys(row.subject for row in rows), strict=True
    ):
        # Rows run from the nearest angle over the decimals to unrounded.
        mine = [row for row in rows if row.subject == subject]
        of_points, of_waves = (
            [row.disagreements / row.n for row in mine],
            [row.mean_part_error for row in mine],
        )
        axes.plot(of_points, f"{marker}-", color=colour, markersize=4, label=f"{subject}: points")
        axes.plot(of_waves, f"{marker}:", color=colour, markersize=2.5, label=f"{subject}: waves")
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_ylim(-0.05, 1.05)
    axes.set_title(f"{rows[0].map}\non {rows[0].judged_on} (N = {rows[0].n:,})")


def draw_learning_curve(curve: Sequence[CurvePoint], sizes: tuple[int, int]) -> Figure:
    """Loss and error of the train and of the held-out inputs against the step.

    Args:
        sizes: how many inputs are trained on and held out.
    """
    figure = Figure(figsize=(PAGE_WIDTH, 4.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    steps = [point.step for point in curve]
    for colour, style, name, n, losses, accuracies in (
        (
            BLUE,
            "-",
            "trained on",
            sizes[0],
            [point.train_loss for point in curve],
            [point.train_accuracy for point in curve],
        ),
        (
            ORANGE,
            "--",
            "held out",
            sizes[1],
            [point.test_loss for point in curve],
            [point.test_accuracy for point in curve],
        ),
    ):
        top.plot(steps, losses, style, color=colour, label=f"{name} (N = {n:,})")
        # An error of zero has no place on a log axis: it is drawn at half an error.
        errors = [max(1 - accuracy, 0.5 / n) for accuracy in accuracies]
        bottom.plot(steps, errors, style, color=colour)
    for axes in (top, bottom):
        axes.set_yscale("log")
    top.set_ylabel("cross-entropy (nats)")
    top.set_title("loss and error during training")
    top.legend()
    bottom.set_ylabel("1 − accuracy\n(no error: drawn at half an error)")
    bottom.set_xlabel("optimizer step (full batch)")
    bottom.xaxis.set_major_locator(MaxNLocator(8))
    bottom.xaxis.set_major_formatter(EngFormatter(sep=" "))
    return figure
