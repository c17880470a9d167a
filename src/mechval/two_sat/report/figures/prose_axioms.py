"""Figures of the two axioms that the paper argues in prose: derivability and size."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from mechval.two_sat.interpretation import COMPONENT_NAMES

_CONTROL = "(control)"
_HALF_A_LABEL = 0.5
"""Where a count of 0 is drawn on the logarithmic axis."""

Text = Mapping[str, str]


def draw_derivability(parts: Sequence[Text], composition: Text, outside: Sequence[Text]) -> Figure:
    """Which component each weight reaches, and what the label loses outside the named parts.

    Args:
        parts: rows of ``part_rows``.
        composition: the row of ``composition_row``.
        outside: rows of ``derivability_rows``.
    """
    height = 1.4 + 0.16 * (len(parts) + len(outside))
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained")
    reached, changed = figure.subplots(2, 1, height_ratios=[len(parts), len(outside)])
    _draw_parts(reached, parts)
    n, wrong = int(composition["n"]), int(composition["disagreements"])
    figure.suptitle(
        f"composed components against the network: {n - wrong:,} of {n:,} labels equal, largest "
        f"logit {float(composition['max_logit']):.3g}, "
        f"off by at most {float(composition['max_logit_difference']):.1g}",
        fontsize=8,
    )
    _draw_outside(changed, outside)
    return figure


def draw_sizes(rows: Sequence[Text]) -> Figure:
    """Length of every program beside that of the weights, on a logarithmic axis.

    Args:
        rows: rows of ``size_rows``; those without a length are left out.
    """
    known = [row for row in rows if row["bits"]]
    figure = Figure(figsize=(PAGE_WIDTH, 1.0 + 0.18 * len(known)), layout="constrained")
    axes = figure.subplots()
    bits = np.array([float(row["bits"]) for row in known])
    colours = [_size_colour(row["what"]) for row in known]
    axes.barh(range(len(known)), bits, color=colours, height=0.7, left=0)
    for place, length in enumerate(bits):
        _note(axes, f"{length:,.0f}", length, place)
    axes.set_yticks(range(len(known)), [_size_name(row) for row in known], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(1, 12 * bits.max())
    axes.set_xlabel("length (bits; weights count 32 bits each)")
    axes.set_title("programs in one prefix code (blue; table of all truth tables: orange), weights")
    return figure


def _draw_parts(axes: Axes, parts: Sequence[Text]) -> None:
    """A box where a weight is declared, a dot where it is found to reach the output."""
    for place, row in enumerate(parts):
        declared = COMPONENT_NAMES.index(row["component"])
        axes.plot(declared, place, "s", markersize=8, markerfacecolor="none", color=BLUE)
        for name in row["reaches"].split():
            axes.plot(COMPONENT_NAMES.index(name), place, ".", color=VERMILLION)
    names = [f"{row['weight']} ({int(row['numbers']):,})" for row in parts]
    axes.set_yticks(range(len(parts)), names, fontsize=6)
    axes.set_ylabel("weight (numbers in it)")
    axes.invert_yaxis()
    axes.set_xlim(-0.5, len(COMPONENT_NAMES) + 0.6)
    axes.set_xticks(range(len(COMPONENT_NAMES)), COMPONENT_NAMES)
    axes.plot([], [], "s", markersize=8, markerfacecolor="none", color=BLUE, label="declared in")
    axes.plot([], [], ".", color=VERMILLION, label="reaches output of")
    axes.legend(loc="center right")


def _draw_outside(axes: Axes, rows: Sequence[Text]) -> None:
    n = int(rows[0]["n"])
    least = 100 * _HALF_A_LABEL / n
    for place, row in enumerate(rows):
        rate, bound = 100 * float(row["rate"]), 100 * float(row["epsilon"])
        is_control = row["replaced"].endswith(_CONTROL)
        colour, marker = (ORANGE, "D") if is_control else (BLUE, "o")
        axes.plot([max(rate, least), bound], [place, place], color=colour, linewidth=1)
        axes.plot(bound, place, "|", color=colour)
        axes.plot(max(rate, least), place, marker, color=colour, markersize=4)
        _note(axes, f"{int(row['disagreements']):,}", bound, place)
    axes.set_yticks(range(len(rows)), [_outside_name(row) for row in rows], fontsize=6)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(0.7 * least, 400)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("replaced by its mean")
    axes.set_xlabel(f"labels changed and 95 % bound (% of {n:,})")
    axes.plot([], [], "o", color=BLUE, markersize=4, label="outside the named parts")
    axes.plot([], [], "D", color=ORANGE, markersize=4, label="the named parts (control)")
    axes.legend(loc="lower left")


def _outside_name(row: Text) -> str:
    reading = f", reading {row['reading']}" if row["reading"] else ""
    return f"{row['component']}: {row['replaced'].removesuffix(_CONTROL).strip()}{reading}"


def _size_name(row: Text) -> str:
    return f"{row['what']}, {row['reading']}" if row["reading"] else row["what"]


def _size_colour(what: str) -> str:
    if "weights" in what:
        return BLACK
    return ORANGE if what == "lookup table" else GREEN if what == "constant" else BLUE


def _note(axes: Axes, text: str, x: float, y: int) -> None:
    axes.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=6)
