"""Figures of a theorem: what its network does, how far bounds are from 0, how it was trained."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mechval.reporting import figures
from mechval.reporting.palette import BLUE, ORANGE, SERIES, VERMILLION
from mechval.reporting.report import RunFiles, shown_in
from mechval.reporting.shown import by
from mechval.two_sat.certify.theorem import mechanism
from mechval.two_sat.certify.theorem.mechanism import NeuronAtWork
from mechval.two_sat.certify.theorem.theorem import NEURONS, NeuronBound
from mechval.two_sat.circuit.evidence.recording import FORMULA_ATTENTION
from mechval.two_sat.circuit.evidence.scores import PatternRow
from mechval.two_sat.consolidate.curve import CURVE, CurveRow
from mechval.two_sat.report.figures import attention

_BRIGHTEST = (1.0, 0.2)
"""Attention that is drawn brightest, by block."""
_MOST_UPRIGHT = 12
"""Clauses that are written beside each other."""
_MOST_NAMED = 16
"""Rows that have names, before only each second has one."""

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


def draw_before_and_after(networks: Mapping[str, RunFiles]) -> Figure:
    """Attention of both networks on one formula, the same colours for both. Above, block 0: where a
    row has one bright spot, the end of that clause looks at its own clause and at nothing else.
    Below, block 1: the more even a row, the nearer that head is to an average of the clauses."""
    figure, (first, second) = figures.grid(
        2, len(networks), 3.6, sharex=True, sharey="row", height_ratios=[2, 1]
    )
    for below, above, (name, files) in zip(first, second, networks.items(), strict=True):
        _draw_attention(below, above, files.rows(FORMULA_ATTENTION))
        below.set_title(name)
        above.set_xlabel("position asked")
        for axes in (below, above):
            axes.label_outer()
    for axes in (first, second):
        figures.colour_bar(figure, list(axes), "attention", pad=0.01)
    return figure


def _draw_attention(below: Axes, above: Axes, rows: Sequence[PatternRow]) -> None:
    """Attention of block 0 from the positions that are read, and of block 1 from the last one."""
    answer = max(row.position for row in rows)
    read = {answer, *range(2, answer, 4)}
    asking = [row for row in rows if row.block == 0 and row.position in read]
    last = [row for row in rows if (row.block, row.position) == (1, answer)]
    for axes, own, most in zip((below, above), (asking, last), _BRIGHTEST, strict=True):
        figures.heat_map(axes, attention.weights(own), "cividis", 0.0, most)
    names = [row.token if row.position == answer else str(row.position // 4) for row in asking]
    step = 1 + len(names) // _MOST_NAMED
    below.set_yticks(range(0, len(names), step), names[::step])
    below.set_ylabel("block 0: from the end\nof a clause, from “:”")
    above.set_yticks(range(len(last)), [str(row.head) for row in last])
    above.set_ylabel("block 1, “:”:\nby head")


def _is_bounded(files: RunFiles) -> Sequence[Any] | None:
    return () if any(row.on is not None for row in files.rows(NEURONS)) else None


@shown_in("theorem", NEURONS, given=_is_bounded)
def draw_neuron_bounds(rows: Sequence[NeuronBound]) -> Figure:
    """The smallest pre-activation of every neuron where it must be active and the largest where it
    must not, over all formulas: two groups away from the red interval mean no neuron errs."""
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
    axes.set(xlabel="bound of the pre-activation over all formulas", ylabel="neurons")
    axes.set_title(f"Bounds of {len(known)} of {len(rows)} live neurons")
    if known:
        axes.legend(loc="best")
    return figure


@shown_in(
    "theorem",
    mechanism.ATTENTION,
    mechanism.NEURONS,
    given=lambda files: () if files.has(mechanism.NEURONS) else None,
)
def draw_mechanism(patterns: Sequence[PatternRow], neurons: Sequence[NeuronAtWork]) -> Figure:
    """One formula in the network that is proved. Above, block 0: the end of each clause looks at
    its own clause, “:” at a parenthesis. In the middle, block 1: every head weighs all clauses
    alike. Below, every neuron: above 0 exactly if its assignment satisfies the formula, and lower
    the more clauses it falsifies."""
    figure, ((below,), (above,), (values,)) = figures.grid(3, 1, 5.6, height_ratios=[4, 2, 4])
    _draw_attention(below, above, patterns)
    for axes in (below, above):
        figures.colour_bar(figure, [axes], "attention", pad=0.01)
    tokens = [row.token for row in patterns if (row.block, row.head) == (0, 0)]
    clauses = [" ".join(tokens[place + 1 : place + 3]) for place in range(0, len(tokens) - 1, 4)]
    turn = 90 if len(clauses) > _MOST_UPRIGHT else 0
    below.set_xticks([])
    above.set_xticks([4 * k + 1.5 for k in range(len(clauses))], clauses, rotation=turn)
    above.set_xlabel("the formula, clause by clause, and “:”")
    for is_on, colour, marker in ((True, BLUE, "o"), (False, ORANGE, "v")):
        own = [row for row in neurons if (row.n_falsified == 0) is is_on]
        label = "assignment satisfies the formula" if is_on else "it falsifies a clause or more"
        points = [row.assignment for row in own], [row.pre_activation for row in own]
        values.plot(*points, marker, color=colour, markersize=4, label=label)
    values.axhline(0, color="0.4", linewidth=0.8)
    values.set(xlabel="assignment of the neuron (bit v is the value of variable v)")
    n_on = sum(row.pre_activation > 0 for row in neurons)
    title = f"{len(neurons)} neurons, {n_on} of them active (above 0)"
    values.set(ylabel="pre-activation", title=title)
    figures.legend_below(figure, [values], 2)
    return figure


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
