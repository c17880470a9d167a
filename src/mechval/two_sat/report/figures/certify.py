"""Figures of what is proved: margins of parsing by clause position, drift by source."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLUE, ORANGE, VERMILLION
from mechval.two_sat.certify.parsing.certificate import CaseStatus
from mechval.two_sat.report.certify_records import DriftRow, ParsingRow

_JITTER = 0.12


def draw_margins(rows: Sequence[ParsingRow]) -> Figure:
    """Proved and attained margin of every clause at every position, the earlier clauses free."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    position = np.array([row.clause_position + 1 for row in rows])
    proved = np.array([row.margin for row in rows])
    attained = np.array([row.attained_margin for row in rows])
    is_certified = np.array([row.status is CaseStatus.CERTIFIED for row in rows])
    axes.plot(position + _JITTER, attained, ".", color=ORANGE, label="smallest margin found")
    axes.plot(
        (position - _JITTER)[is_certified],
        proved[is_certified],
        ".",
        color=BLUE,
        label="proved lower bound",
    )
    if not is_certified.all():
        axes.plot(
            (position - _JITTER)[~is_certified],
            proved[~is_certified],
            "x",
            color=VERMILLION,
            label="not certified",
        )
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.set_xticks(sorted(set(position.tolist())))
    axes.set_xlabel("clause position (one dot per clause)")
    axes.set_ylabel("margin (residual along the\ndifference of unit prototypes)")
    counted = f"{int(is_certified.sum())} of {len(rows)} cases certified"
    axes.set_title(f"Parsing, all earlier clauses free: {counted}")
    axes.set_xmargin(0.03)
    axes.legend(loc="upper right")
    return figure


def draw_drift(rows: Sequence[DriftRow]) -> Figure:
    """The bound of the drift that γ_1 can cause, source by source, beside the margin it faces."""
    figure = Figure(figsize=(PAGE_WIDTH, 2.4), layout="constrained")
    axes = figure.subplots()
    place = np.arange(len(rows))[::-1]
    axes.barh(
        place + 0.18, [row.median_drift for row in rows], 0.34, color=BLUE, label="drift bound"
    )
    axes.barh(place - 0.18, [row.median_margin for row in rows], 0.34, color=ORANGE, label="margin")
    axes.set_yticks(place, [f"{row.source}\n{row.share:.1%} certified" for row in rows])
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlabel("logit difference s − u, median over formulas (linear below 1)")
    told = f"What replacing the parse prefix can change (N = {rows[0].n:,} formulas)"
    figure.suptitle(told, x=0.01, ha="left", size=9)
    figure.legend(loc="outside upper right", ncols=2)
    return figure
