"""The axioms' ε on training snapshots, below the learning curve; for any network and program."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from mechval.axioms.progress import SnapshotCell, SnapshotRow
from mechval.axioms.report import Verdict
from mechval.reporting import figures, report
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILLION
from mechval.reporting.shown import by

_COMPONENT_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
# Later components are drawn over earlier ones: where they coincide, a ring of these shows.
_MARKER_SIZES = (6.0, 4.4, 3.0, 2.0)
_CURVE_COLOURS = (BLACK, VERMILLION, SKY_BLUE)
_DASHES = {True: "-", False: "--"}
_TRIVIAL = (Verdict.NOT_BETTER, Verdict.CONSTANT_NETWORK)


Measures: TypeAlias = Mapping[str, Callable[[Any], float]]
"""Lines of the learning curve: by legend, what is measured of a row of snapshots.csv."""


def error_of(accuracy: float, n: int) -> float:
    """One minus an accuracy; none, which has no place on a log axis, is drawn at half an error."""
    return max(1 - accuracy, 0.5 / n)


def progress_figures(
    cells: Iterable[SnapshotCell], snapshots: Sequence[SnapshotRow], measures: Measures, unit: str
) -> list[report.Figure]:
    """A figure per interpretation that was found on a snapshot whose examples are known.

    ``unit`` is what an example is, such as ``formulas seen``.
    """
    found = []
    for name, own in by((c for c in cells if c.examples is not None), "interpretation").items():
        caption = (
            f"ε of {name} on training snapshots, everything refitted on each by the same rules: "
            "look for when each component's ε drops."
        )
        draw = partial(draw_progress, own, snapshots, measures, unit)
        found.append(report.Figure(f"progress-{name.replace('/', '-')}", draw, caption))
    return found


def draw_progress(
    cells: Sequence[SnapshotCell], snapshots: Sequence[SnapshotRow], measures: Measures, unit: str
) -> Figure:
    """One interpretation's ε against examples seen, below the learning curve, a column per phase.

    The cells are on snapshots whose examples are known; a snapshot is crossed where the rules
    found no such interpretation.
    """
    name = cells[0].interpretation
    by_phase = by((row for row in snapshots if row.examples is not None), "phase")
    refused = {
        phase: [row.examples or 0 for row in rows if row.refusals.get(name)]
        for phase, rows in by_phase.items()
    }
    own_cells = by(cells, "phase")
    phases = [phase for phase in by_phase if phase in own_cells or refused[phase]]
    figure, grid = figures.grid(3, len(phases), 6.4, sharex="col", sharey="row")
    for (top, *axes), phase in zip(grid.T, phases, strict=True):
        own, crosses = own_cells.get(phase, []), refused[phase]
        seen = [row.examples or 0 for row in by_phase[phase]]
        for measure, colour in zip(measures.values(), _CURVE_COLOURS, strict=False):
            top.plot(seen, list(map(measure, by_phase[phase])), ".-", color=colour, markersize=4)
        top.set(yscale="log", title=f"phase {phase}")
        for panel, is_replaceability in zip(axes, (False, True), strict=True):
            chosen = [cell for cell in own if cell.axiom.is_replaceability is is_replaceability]
            _draw_cells(panel, chosen, crosses)
        format_examples(axes[-1], [*(cell.examples or 0 for cell in own), *crosses], unit)
    names = ("loss (nats), error", "ε of equivalence", "ε of replaceability")
    for axes, label in zip(grid[:, 0], names, strict=True):
        axes.set_ylabel(label)
    sizes = " or ".join(f"{n:,}" for n in sorted(by(cells, "n")))
    figure.suptitle(f"{name} on training snapshots: ε from {sizes} held-out inputs")
    handles = _legend(cells, measures, has_refusals=any(refused.values()))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def format_examples(axes: Axes, examples: Sequence[int | float], unit: str) -> None:
    """Make the horizontal axis one of examples seen: 0, then logarithmic.

    ``examples`` are those of the snapshots drawn, of a ``unit`` such as ``formulas seen``.
    """
    first, last = min((value for value in examples if value), default=1.0), max(1.0, *examples)
    axes.set_xscale("symlog", linthresh=first, linscale=0.4)
    axes.set_xlim(-0.1 * first, 1.2 * max(first, last))
    decades = range(math.ceil(math.log10(first)), math.floor(math.log10(last)) + 1)
    # The first snapshot may lie above the last power of ten.
    axes.set_xticks([0, *(10.0**decade for decade in decades)] if decades else [0, first])
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlabel(f"{unit}\n(logarithmic from the first snapshot after 0)")


def _draw_cells(axes: Axes, cells: Sequence[SnapshotCell], refused: Sequence[int]) -> None:
    for (component, colour), size in zip(_colours(cells).items(), _MARKER_SIZES, strict=False):
        for is_prefix, dashes in _DASHES.items():
            own = [c for c in cells if (c.component, c.axiom.is_prefix) == (component, is_prefix)]
            _draw_cell(axes, own, colour, size, dashes)
    axes.plot(refused, np.ones(len(refused)), "x", color="0.4", markersize=5)
    for smallest in {cell.epsilon for cell in cells if cell.disagreements == 0}:
        axes.axhline(smallest, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylim(top=1.4)


def _draw_cell(
    axes: Axes, cells: Sequence[SnapshotCell], colour: str, size: float, dashes: str
) -> None:
    examples = np.array([cell.examples for cell in cells], dtype=float)
    epsilon = np.array([cell.epsilon for cell in cells])
    trivial = np.array([cell.verdict in _TRIVIAL for cell in cells], dtype=bool)
    # A small ε that means nothing must not catch the eye: its line is pale, its marker hollow.
    for values, alpha in ((epsilon, 0.3), (np.where(trivial, np.nan, epsilon), 1.0)):
        axes.plot(examples, values, dashes, color=colour, linewidth=1.2, alpha=alpha)
    for chosen, face in ((~trivial, colour), (trivial, "white")):
        look = {"color": colour, "markerfacecolor": face, "markersize": size}
        axes.plot(examples[chosen], epsilon[chosen], "o", **look)


def _legend(
    cells: Sequence[SnapshotCell], measures: Measures, *, has_refusals: bool
) -> list[Line2D]:
    hollow = {"marker": "o", "linestyle": "", "markerfacecolor": "white", "markersize": 3.2}
    labels = dict(zip(measures, _CURVE_COLOURS, strict=False))
    scopes = zip(("prefix axiom", "component axiom"), _DASHES.values(), strict=True)
    looks: dict[str, dict[str, Any]] = {
        **{label: {"color": colour, "marker": "."} for label, colour in labels.items()},
        **{component: {"color": colour} for component, colour in _colours(cells).items()},
        **{scope: {"linestyle": dashes} for scope, dashes in scopes},
        "hollow: no better than a constant answer": hollow,
        "smallest ε possible: no disagreement": {"color": "0.6", "linestyle": ":"},
    }
    if has_refusals:
        looks["no interpretation found"] = {"color": "0.4", "marker": "x", "linestyle": ""}
    return [
        Line2D([], [], label=label, **{"color": "0.3", **look}) for label, look in looks.items()
    ]


def _colours(cells: Sequence[SnapshotCell]) -> dict[str, str]:
    return dict(zip(by(cells, "component"), _COMPONENT_COLOURS, strict=False))
