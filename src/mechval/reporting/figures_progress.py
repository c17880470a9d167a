"""The axioms' ε on training snapshots, below the learning curve; for any network and program.

Drawn from the rows that ``mechval.axioms.progress`` lays out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILLION
from mechval.reporting.tables import Row

PANELS = {"equivalence": (1, 2), "replaceability": (3, 4)}
SCOPES = {1: "prefix", 2: "component", 3: "prefix", 4: "component"}

_COMPONENT_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
# Later components are drawn over earlier ones: where they coincide, a ring of these shows.
_MARKER_SIZES = (6.0, 4.4, 3.0, 2.0)
_CURVE_COLOURS = (BLACK, VERMILLION, SKY_BLUE)
_DASHES: dict[str, Literal["-", "--"]] = {"prefix": "-", "component": "--"}
_TRIVIAL = ("not better than constant", "none: t is constant")


@dataclass(frozen=True)
class Curve:
    """A line of the learning curve: positive values against examples seen in one phase."""

    label: str
    phase: str
    examples: Sequence[int | float]
    values: Sequence[float]


def draw_progress(
    cells: Sequence[Row], curves: Sequence[Curve], *, interpretation: str, unit: str
) -> Figure:
    """Draw one interpretation's ε against examples seen, one column per phase.

    Args:
        cells: rows of ``ProgressTables.cells``; those without ``examples`` have no place here.
        unit: what an example is, such as ``formulas seen``.
    """
    rows = [
        row
        for row in cells
        if row["interpretation"] == interpretation and row["examples"] is not None
    ]
    phases = list(dict.fromkeys(str(row["phase"]) for row in rows))
    figure = Figure(figsize=(PAGE_WIDTH, 6.4), layout="constrained")
    grid = figure.subplots(3, len(phases), sharex="col", sharey="row", squeeze=False)
    for column, phase in zip(grid.T, phases, strict=True):
        of_phase = [row for row in rows if row["phase"] == phase]
        _draw_curves(column[0], [curve for curve in curves if curve.phase == phase])
        for axes, axioms in zip(column[1:], PANELS.values(), strict=True):
            _draw_cells(axes, of_phase, axioms)
        column[0].set_title(f"phase {phase}")
        format_examples(column[-1], [_number(row, "examples") for row in of_phase], unit)
    grid[0, 0].set_ylabel("loss (nats), error")
    for axes, name in zip(grid[1:, 0], PANELS, strict=True):
        axes.set_ylabel(f"ε of {name}")
    title = f"{interpretation} on training snapshots: ε from {_sample_sizes(rows)} held-out inputs"
    figure.suptitle(title, fontsize=10)
    figure.legend(handles=_legend(rows, curves), loc="outside lower center", ncols=2)
    return figure


def _draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    for curve, colour in zip(curves, _CURVE_COLOURS, strict=False):
        axes.plot(curve.examples, curve.values, ".-", color=colour, markersize=4)
    axes.set_yscale("log")


def _draw_cells(axes: Axes, rows: Sequence[Row], axioms: tuple[int, ...]) -> None:
    for (component, colour), size in zip(_colours(rows).items(), _MARKER_SIZES, strict=False):
        for axiom in axioms:
            of_cell = [
                row for row in rows if row["component"] == component and row["axiom"] == axiom
            ]
            _draw_cell(axes, of_cell, colour, size, _DASHES[SCOPES[axiom]])
    refused = [_number(row, "examples") for row in rows if row["reason"] is not None]
    if refused:
        axes.plot(refused, np.ones(len(refused)), "x", color="0.4", markersize=5)
    for smallest in {_number(row, "epsilon") for row in rows if row["disagreements"] == 0}:
        axes.axhline(smallest, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylim(top=1.4)


def _draw_cell(
    axes: Axes, rows: Sequence[Row], colour: str, size: float, dashes: Literal["-", "--"]
) -> None:
    examples = np.array([_number(row, "examples") for row in rows])
    epsilon = np.array([_number(row, "epsilon") for row in rows])
    trivial = np.array([row["verdict"] in _TRIVIAL for row in rows], dtype=bool)
    # A small ε that means nothing must not catch the eye: its line is pale, its marker hollow.
    axes.plot(examples, epsilon, dashes, color=colour, linewidth=1.2, alpha=0.3)
    axes.plot(
        examples, np.where(trivial, np.nan, epsilon), dashes, color=colour, linewidth=1.2, alpha=1
    )
    for chosen, face in ((~trivial, colour), (trivial, "white")):
        axes.plot(
            examples[chosen],
            epsilon[chosen],
            "o",
            color=colour,
            markerfacecolor=face,
            markersize=size,
        )


def format_examples(axes: Axes, examples: Sequence[int | float], unit: str) -> None:
    """Make the horizontal axis one of examples seen: 0, then logarithmic.

    Args:
        examples: of the snapshots that are drawn.
        unit: what an example is, such as ``formulas seen``.
    """
    first, last = min((value for value in examples if value), default=1.0), max(1.0, *examples)
    axes.set_xscale("symlog", linthresh=first, linscale=0.4)
    axes.set_xlim(-0.1 * first, 1.2 * max(first, last))
    decades = range(math.ceil(math.log10(first)), math.floor(math.log10(last)) + 1)
    # The first snapshot may lie above the last power of ten.
    axes.set_xticks([0, *(10.0**decade for decade in decades)] if decades else [0, first])
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlabel(f"{unit}\n(logarithmic from the first snapshot after 0)")


def _sample_sizes(rows: Sequence[Row]) -> str:
    sizes = sorted({int(_number(row, "n")) for row in rows if row["n"] is not None})
    return " or ".join(f"{size:,}" for size in sizes)


def _legend(rows: Sequence[Row], curves: Sequence[Curve]) -> list[Line2D]:
    labels = dict.fromkeys(curve.label for curve in curves)
    return [
        *(
            Line2D([], [], color=colour, marker=".", label=label)
            for label, colour in zip(labels, _CURVE_COLOURS, strict=False)
        ),
        *(Line2D([], [], color=colour, label=name) for name, colour in _colours(rows).items()),
        *(
            Line2D([], [], color="0.3", linestyle=dashes, label=f"{scope} axiom")
            for scope, dashes in _DASHES.items()
        ),
        Line2D(
            [],
            [],
            color="0.3",
            marker="o",
            linestyle="",
            markerfacecolor="white",
            markersize=3.2,
            label="hollow: no better than a constant answer",
        ),
        Line2D([], [], color="0.6", linestyle=":", label="smallest ε possible: no disagreement"),
        *_refusal_entry(rows),
    ]


def _refusal_entry(rows: Sequence[Row]) -> list[Line2D]:
    if all(row["reason"] is None for row in rows):
        return []
    return [Line2D([], [], color="0.4", marker="x", linestyle="", label="no interpretation found")]


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    components = dict.fromkeys(str(row["component"]) for row in rows if row["component"])
    return dict(zip(components, _COMPONENT_COLOURS, strict=False))


def _number(row: Row, column: str) -> float:
    value = row[column]
    assert isinstance(value, int | float)
    return float(value)
