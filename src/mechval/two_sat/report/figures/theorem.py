"""The figure of a theorem: how far every neuron's bounds stay away from 0."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from mechval.reporting import figures
from mechval.reporting.palette import BLUE, ORANGE, VERMILLION
from mechval.two_sat.certify.theorem.theorem import NeuronBound


def draw_neuron_bounds(rows: Sequence[NeuronBound]) -> Figure:
    """How far every neuron stays from 0 on either side, beside what its bounds can be moved by."""
    figure, (axes,) = figures.panels(1, panel_height=2.2)
    known = [row for row in rows if row.on is not None and row.off is not None]
    for values, colour, label in (
        ([row.on or 0.0 for row in known], BLUE, "least where its assignment satisfies"),
        ([row.off or 0.0 for row in known], ORANGE, "largest where it does not"),
    ):
        if values:
            axes.hist(values, bins=24, color=colour, alpha=0.8, label=label)
    interval = max((row.interval or 0.0 for row in known), default=0.0)
    axes.axvspan(-interval, interval, color=VERMILLION, label=f"interval: ±{interval:.1g}")
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_xlabel("bound of the pre-activation over all formulas")
    axes.set_ylabel("neurons")
    axes.set_title(f"Bounds of {len(known)} of {len(rows)} live neurons")
    if known:
        axes.legend(loc="best")
    return figure
