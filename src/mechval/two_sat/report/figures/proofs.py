"""Figures of derivability and size, and of what is proved: margins of parsing, drift by source."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mechval.reporting import figures
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from mechval.two_sat.certify.parsing.certificate import CaseStatus, ParsingRow
from mechval.two_sat.claim.derivability import DerivabilityRow, PartRow
from mechval.two_sat.claim.sizes import SizeRow
from mechval.two_sat.interpretation import COMPONENT_NAMES

CONTROL = "(control)"
"""How the name of an ablation ends in which the named parts are replaced."""
_JITTER = 0.12
_COLOURS = {"lookup table": ORANGE, "constant": GREEN}


def draw_derivability(parts: Sequence[PartRow], outside: Sequence[DerivabilityRow]) -> Figure:
    """Which component each weight reaches, and what the label loses outside the named parts."""
    heights = [len(parts), len(outside)]
    figure, found = figures.grid(2, 1, 1.2 + 0.16 * sum(heights), height_ratios=heights)
    reached, changed = found.flat
    _draw_parts(reached, parts)
    _draw_outside(changed, outside)
    figures.legend_below(figure, [changed], columns=2)
    for axes in (reached, changed):
        axes.invert_yaxis()
    return figure


def draw_sizes(rows: Sequence[SizeRow]) -> Figure:
    """Length of every program beside that of the weights; rows without a length are left out."""
    known = [row for row in rows if row.bits]
    figure, (axes,) = figures.panels(1, panel_height=0.6 + 0.18 * len(known))
    for place, row in enumerate(known):
        colour = BLACK if "weights" in row.what else _COLOURS.get(row.what, BLUE)
        axes.barh(place, row.bits or 0, color=colour, height=0.7)
        figures.note(axes, f"{row.bits:,}", row.bits or 0, place, size=6)
    names = [", ".join(filter(None, (row.what, row.setting, row.reading))) for row in known]
    axes.set_yticks(range(len(known)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set(xscale="log", xlim=(1, 12 * max(row.bits or 0 for row in known)))
    axes.set_xlabel("length (bits; weights count 32 bits each)")
    axes.set_title("programs in one prefix code (blue; table of all truth tables: orange), weights")
    return figure


def draw_margins(rows: Sequence[ParsingRow]) -> Figure:
    """Proved and attained margin of every clause at every position, the earlier clauses free."""
    figure, (axes,) = figures.panels(1, panel_height=2.8)
    position = np.array([row.clause_position for row in rows])
    proved = np.array([row.margin for row in rows])
    is_certified = np.array([row.status is CaseStatus.CERTIFIED for row in rows])
    attained = [row.attained_margin for row in rows]
    axes.plot(position + _JITTER, attained, ".", color=ORANGE, label="smallest margin found")
    for chosen, marker, colour, label in (
        (is_certified, ".", BLUE, "proved lower bound"),
        (~is_certified, "x", VERMILLION, "not certified"),
    ):
        if chosen.any():
            places = (position - _JITTER)[chosen]
            axes.plot(places, proved[chosen], marker, color=colour, label=label)
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.set_xticks(sorted(set(position.tolist())))
    axes.set_xlabel("clause position, from 0 (one dot per clause)")
    axes.set_ylabel("margin (residual along the\ndifference of unit prototypes)")
    counted = f"{int(is_certified.sum())} of {len(rows)} cases certified"
    axes.set_title(f"Parsing, all earlier clauses free: {counted}")
    axes.legend(loc="upper right")
    return figure


def _draw_parts(axes: Axes, parts: Sequence[PartRow]) -> None:
    """A box where a weight is declared, a dot where it is found to reach the output."""
    columns = {name: column for column, name in enumerate(COMPONENT_NAMES)}
    declared = [columns[row.component] for row in parts]
    reached = [(columns[name], place) for place, row in enumerate(parts) for name in row.reaches]
    box = {"markersize": 8, "markerfacecolor": "none", "color": BLUE}
    axes.plot(declared, range(len(parts)), "s", label="declared in", **box)
    axes.plot(*np.array(reached).reshape(-1, 2).T, ".", color=VERMILLION, label="reaches output of")
    axes.set_yticks(range(len(parts)), [f"{r.weight} ({r.numbers:,})" for r in parts], fontsize=6)
    axes.set_ylabel("weight (numbers in it)")
    axes.set_xlim(-0.5, len(columns) + 0.6)
    axes.set_xticks(range(len(columns)), list(columns))
    axes.legend(loc="center right")


def _draw_outside(axes: Axes, rows: Sequence[DerivabilityRow]) -> None:
    # No changed label has no place on a log axis: it is drawn at half a label.
    least = 100 * 0.5 / rows[0].n
    for is_control, colour, marker, label in (
        (False, BLUE, "o", "outside the named parts"),
        (True, ORANGE, "D", "the named parts (control)"),
    ):
        for place, row in enumerate(rows):
            if row.replaced.endswith(CONTROL) is is_control:
                rate, bound = max(100 * row.rate, least), 100 * row.epsilon
                axes.plot([rate, bound], [place, place], color=colour, linewidth=1)
                axes.plot(rate, place, marker, color=colour, markersize=4, label=label)
                axes.plot(bound, place, "|", color=colour)
                figures.note(axes, f"{row.disagreements:,}", bound, place, size=6)
                label = ""
    axes.set_yticks(range(len(rows)), [_outside_name(row) for row in rows], fontsize=6)
    axes.set_xscale("log")
    axes.set_xlim(0.7 * least, 400)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("replaced by its mean")
    axes.set_xlabel(f"labels changed and 95 % bound (% of {rows[0].n:,})")


def _outside_name(row: DerivabilityRow) -> str:
    reading = f", reading {row.reading}" if row.reading else ""
    return f"{row.component}: {row.replaced.removesuffix(CONTROL).strip()}{reading}"
