"""The figure of a consolidation: how a network came to be one that can be proved."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mechval.reporting import figures
from mechval.reporting.palette import SERIES
from mechval.reporting.report import shown_in
from mechval.reporting.shown import by
from mechval.two_sat.consolidate.curve import CURVE, CurveRow

_PANELS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("least log-odds of\nwhat is read (nats)", "linear"): {
        "own_gap": "own clause, block 0",
        "colon_gap": "“:”, block 0",
        "unread_gap": "“:”, block 1",
    },
    ("spread", "log"): {
        "position_spread": "scores over positions (nats)",
        "value_spread": "values over positions",
        "clause_spread": "scores over clauses (nats)",
    },
    ("worst neuron (levels)", "symlog"): {
        "random_margin": "right by, random formulas",
        "pool_margin": "right by, hard formulas",
        "lower_bound": "bound where satisfied",
        "upper_bound": "bound where falsified",
    },
}


@shown_in("consolidation", CURVE)
def draw_consolidation(curve: Sequence[CurveRow]) -> Figure:
    """From a trained network to one that can be proved. Above, attention on what is read grows
    against all else; in the middle, what depends on positions and then on clauses vanishes; below,
    the worst neuron: proved where both bounds lie on their own sides of 0."""
    starts, steps = [0], []
    for rows in by(curve, "phase").values():
        steps += [starts[-1] + row.step for row in rows]
        starts.append(steps[-1])
    figure, found = figures.panels(len(_PANELS), panel_height=1.5)
    for axes, ((label, scale), names) in zip(found, _PANELS.items(), strict=True):
        for colour, (name, told) in zip(SERIES, names.items(), strict=False):
            # Matplotlib leaves out what is NaN: without a pool there is no margin on it.
            values = np.array([getattr(row, name) for row in curve], dtype=float)
            axes.plot(steps, values, ".-", color=colour, markersize=3, label=told)
        axes.set(yscale=scale, ylabel=label, xlim=(0, steps[-1]))
        for start in starts[1:-1]:
            axes.axvline(start, color="0.6", linewidth=0.8, linestyle=":")
        figures.legend_beside(axes)
    found[-1].axhline(0, color="0.4", linewidth=0.8)
    found[-1].set_xlabel(f"step; dotted: from {', '.join(by(curve, 'phase'))} to the next")
    return figure
