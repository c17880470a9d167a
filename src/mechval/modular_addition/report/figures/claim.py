"""Figures of the claim and of the training: ε of every cell, decimals, losses over the steps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from mechval.axioms import Axiom, Estimate
from mechval.modular_addition.circuit.losses import LossPoint
from mechval.modular_addition.claim.controls import Differing
from mechval.modular_addition.interpretation import COMPONENT_NAMES
from mechval.modular_addition.network.training import Answers, CurvePoint
from mechval.reporting import figures
from mechval.reporting.figures_progress import error_of, format_examples
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from mechval.reporting.shown import by


def draw_axiom_table(cells: Mapping[str, Sequence[Estimate]], title: str) -> Figure:
    """ε of one interpretation, one panel per set of inputs that it was measured on.

    Args:
        cells: by the name of the inputs, in table order.
    """
    figure, (drawn,) = figures.grid(1, len(cells), 2.6, sharey=True)
    for axes, (inputs, rows) in zip(drawn, cells.items(), strict=True):
        values = np.array([row.epsilon for row in rows]).reshape(len(Axiom), -1)
        figures.epsilon_map(axes, values, [*Axiom], COMPONENT_NAMES)
        axes.set_title(f"{inputs}\n({rows[0].kind}, N = {rows[0].n:,})")
    figure.suptitle(title, fontsize=10)
    figures.epsilon_scale(figure, list(drawn))
    return figure


def draw_decimals(rows: Sequence[Differing]) -> Figure:
    """How often a reading differs, over decimals: in any wave of a point, and per wave."""
    panels = by(rows, "map", "reading", "judged_on").values()
    n_rows = -(-len(panels) // 2)
    figure, grid = figures.grid(n_rows, 2, 0.8 + 2.0 * n_rows, sharey=True)
    for axes, of_panel in zip(grid.flat, panels, strict=False):
        _draw_decimals(axes, of_panel)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("share that differs")
    for axes in grid[-1]:
        axes.set_xlabel("decimals compared\n(∠: nearest angle; all: unrounded)")
    figures.legend_below(figure, [grid.flat[0]], 3)
    return figure


def _draw_decimals(axes: Axes, rows: Sequence[Differing]) -> None:
    first = rows[0]
    subjects = by(rows, "subject").items()
    for colour, marker, (subject, mine) in zip(
        (BLUE, ORANGE, VERMILLION), "os^", subjects, strict=True
    ):
        # Rows run from the nearest angle over the decimals to unrounded.
        of_points, of_waves = [row.rate for row in mine], [row.mean_part_error for row in mine]
        axes.plot(of_points, f"{marker}-", color=colour, markersize=4, label=f"{subject}: points")
        axes.plot(of_waves, f"{marker}:", color=colour, markersize=2.5, label=f"{subject}: waves")
    decimals = sorted({row.decimals for row in rows if row.decimals is not None})
    ticks = ["∠", *map(str, decimals), "all"]
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_ylim(-0.05, 1.05)
    axes.set_title(f"{first.map} {first.reading}\non {first.judged_on} (N = {first.n:,})")


def draw_learning_curve(curve: Sequence[CurvePoint], answers: Answers) -> Figure:
    """Loss and error of the train and of the held-out inputs against the step."""
    figure, ((top,), (bottom,)) = figures.grid(2, 1, 4.6, sharex=True)
    steps = [point.step for point in curve]
    for colour, style, name, part, n in (
        (BLUE, "-", "trained on", "train", answers.train.n),
        (ORANGE, "--", "held out", "test", answers.test.n),
    ):
        losses = [getattr(point, f"{part}_loss") for point in curve]
        top.plot(steps, losses, style, color=colour, label=f"{name} (N = {n:,})")
        errors = [error_of(getattr(point, f"{part}_accuracy"), n) for point in curve]
        bottom.plot(steps, errors, style, color=colour)
    for axes in (top, bottom):
        axes.set_yscale("log")
    top.set(ylabel="cross-entropy (nats)", title="loss and error during training")
    top.legend()
    bottom.set_ylabel("1 − accuracy\n(no error: drawn at half an error)")
    bottom.set_xlabel("optimizer step (full batch)")
    bottom.xaxis.set_major_locator(MaxNLocator(8))
    bottom.xaxis.set_major_formatter(EngFormatter(sep=" "))
    return figure


def draw_loss_progress(points: Sequence[LossPoint], unit: str) -> Figure:
    """The four losses of the snapshots against examples seen.

    Args:
        points: in the order of the training; those without ``examples`` have no place here.
        unit: what an example is, such as ``inputs seen``.
    """
    timed = [point for point in points if point.examples is not None]
    examples = [point.examples for point in timed if point.examples is not None]
    first = timed[0]
    figure, ((axes,),) = figures.grid(1, 1, 4.0)
    for style, colour, name, words in (
        (".-", BLACK, "train", "train ("),
        ("s-", VERMILLION, "test", "held out ("),
        ("o--", BLUE, "restricted", "restricted: only the key frequencies kept (all inputs, "),
        ("^--", GREEN, "excluded", "excluded: the key frequencies removed (train inputs, "),
    ):
        losses = [point.loss[name] for point in timed]
        label = f"{words}N = {first.n[name]:,})"
        axes.plot(examples, losses, style, color=colour, markersize=3.5, label=label)
    axes.set(yscale="log", ylabel="cross-entropy (nats)")
    format_examples(axes, examples, unit)
    numbers = ", ".join(map(str, first.key_frequencies))
    axes.set_title(f"loss on training snapshots; key frequencies of the final network: {numbers}")
    figure.legend(loc="outside lower center", ncols=1)
    return figure
