"""Figures of the MLP: ablations, coefficients, assignments, programs and contributions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechval.reporting.palette import BLACK, BLUE, ORANGE, VERMILLION
from mechval.two_sat.circuit.evidence.ablations import AblationRow, LogitDifferenceRow
from mechval.two_sat.circuit.evidence.contribution_rows import HistogramRow, PreactivationRow
from mechval.two_sat.circuit.evidence.contributions import GROUPS
from mechval.two_sat.circuit.evidence.neuron_rows import AssignmentEffectRow, NeuronRow
from mechval.two_sat.circuit.evidence.program_rows import CoverageRow, QualityRow
from mechval.two_sat.report.figures.panels import COLOURS, MARKERS, grid

_WIDE_RANGE = 100
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


def draw_ablations(
    rows: Sequence[AblationRow], differences: Sequence[LogitDifferenceRow]
) -> Figure:
    """Label flips of each ablation with 95 % intervals, and the direct effects behind them."""
    figure, (flips, logits) = grid(2, columns=1, panel_height=2.0)
    rates = np.array([row.rate for row in rows])
    bounds = np.array([[row.lower, row.upper] for row in rows]).T
    flips.barh(range(len(rows)), 100 * rates, color=BLUE, height=0.6)
    errors = 100 * np.abs(bounds - rates)
    flips.errorbar(
        100 * rates, range(len(rows)), xerr=errors, fmt="none", ecolor=BLACK, elinewidth=1
    )
    for place, rate in enumerate(rates):
        flips.annotate(
            f"{100 * rate:.3g} %",
            (100 * bounds[1, place], place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    flips.set_yticks(range(len(rows)), [row.description for row in rows], fontsize=7)
    flips.invert_yaxis()
    flips.set_xlim(right=max(5.0, 115 * float(bounds[1].max())))
    flips.set_xlabel("labels that flip (%)")
    flips.set_title(f"block 1: label flips, {rows[0].n} test formulas, 95 % intervals")
    for place, row in enumerate(differences):
        logits.plot([row.smallest, row.largest], [place, place], color=BLUE, linewidth=2)
        logits.plot(row.mean, place, "o", color=VERMILLION)
    logits.set_yticks(range(len(differences)), [row.part for row in differences])
    logits.invert_yaxis()
    logits.margins(y=0.2)
    logits.axvline(0, color=BLACK, linestyle=":", linewidth=1)
    logits.set_xlabel("direct effect on logit s minus logit u (logits)")
    logits.set_title("parts of the residual stream at ':'; dot: mean")
    return figure


def draw_coefficients(rows: Sequence[NeuronRow]) -> Figure:
    """Size of every neuron's coefficient on the ``s`` logit, in falling order."""
    figure, (axes,) = grid(1, columns=1, panel_height=2.6)
    ordered = sorted(rows, key=lambda row: -abs(row.coefficient))
    values = np.array([row.coefficient for row in ordered])
    ranks = np.arange(1, len(values) + 1)
    for chosen, colour, marker, label in (
        (values > 0, BLUE, "o", "positive"),
        (values < 0, VERMILLION, "v", "negative"),
    ):
        if not chosen.any():
            continue
        axes.scatter(
            ranks[chosen], np.abs(values[chosen]), s=8, color=colour, marker=marker, label=label
        )
    zeros = int((values == 0).sum())
    sizes = np.abs(values[values != 0])
    if len(sizes) and sizes.max() > _WIDE_RANGE * sizes.min():
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(f"hidden neurons of block 1 by falling size ({zeros} of {len(values)} are 0)")
    axes.set_ylabel("size of the coefficient\non the s logit")
    axes.set_title("output coefficients of the hidden neurons")
    axes.legend(loc="best")
    return figure


def draw_assignments(effects: Sequence[AssignmentEffectRow]) -> Figure:
    """Total effect of all neurons per assignment."""
    figure, (axes,) = grid(1, columns=1, panel_height=2.4)
    axes.bar([row.assignment for row in effects], [row.total_effect for row in effects], color=BLUE)
    axes.set_ylabel("total effect\n(logits on s)")
    axes.set_xlabel("assignment a (bit v is the value of variable v)")
    axes.set_title("mean over the test formulas that an assignment satisfies")
    axes.set_xlim(-0.5, len(effects) - 0.5)
    return figure


def draw_programs(
    quality: Sequence[QualityRow], coverage: Sequence[CoverageRow], neurons: Sequence[NeuronRow]
) -> Figure:
    """F1 of each program against the neurons' largest effects, per reading."""
    readings = list(dict.fromkeys(row.reading for row in coverage))
    effects = {row.neuron: row.effect for row in neurons}
    figure, panels = grid(len(readings), columns=1, panel_height=2.5)
    for axes, reading in zip(panels, readings, strict=True):
        chosen = [row for row in quality if row.reading == reading]
        for index, covered in enumerate(row for row in coverage if row.reading == reading):
            axes.scatter(
                [effects[row.neuron] for row in chosen],
                [row.f1(covered.program) for row in chosen],
                s=14,
                color=COLOURS[index],
                marker=MARKERS[index],
                alpha=0.8,
                label=f"{covered.program}: {covered.covered_pruned} "
                f"({covered.covered_unpruned}) of {covered.assignments}",
            )
        axes.set_ylabel("F1 on test formulas")
        axes.set_xlabel("largest effect of the neuron (logits on s)")
        axes.set_title(f"programs of single neurons, reading {reading}")
        axes.legend(
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            title="covered assignments\npruned (unpruned)",
            title_fontsize=8,
        )
    return figure


def draw_contributions(rows: Sequence[HistogramRow], neuron: int) -> Figure:
    """What each clause adds to numerator and denominator, per head, for one neuron."""
    heads = list(dict.fromkeys(row.head for row in rows))
    figure, panels = grid(2 * len(heads), columns=2, panel_height=1.5)
    colours: dict[str, str] = dict(zip(GROUPS, (BLUE, ORANGE, VERMILLION), strict=True))
    cells = [(head, quantity) for head in heads for quantity in ("numerator", "denominator")]
    for axes, (head, quantity) in zip(panels, cells, strict=True):
        own = [row for row in rows if (row.head, row.quantity) == (head, quantity)]
        edges = [row.low for row in own] + [own[-1].high]
        for group in own[0].clauses:
            counts = np.array([row.clauses[group] for row in own])
            share = 100 * counts / max(counts.sum(), 1)
            axes.stairs(share, edges, fill=True, color=colours[group], alpha=0.45, label=group)
            axes.stairs(share, edges, color=colours[group], linewidth=1)
        axes.set_yscale("log")
        axes.set_title(f"head {head}, {quantity}")
        axes.set_ylabel("clauses (%)")
    for axes in panels[-2:]:
        axes.set_xlabel("contribution of one clause\n(exp(score) × value; exp(score))")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    title = f"neuron {neuron}: clauses by whether they violate its assignments"
    figure.suptitle(title, fontsize=9)
    return figure


def draw_preactivation(rows: Sequence[PreactivationRow], neuron: int) -> Figure:
    """Mean parts of one neuron's pre-activation, where it is active and where it is silent."""
    figure, (axes,) = grid(1, columns=1, panel_height=2.6)
    parts = list(dict.fromkeys(row.part for row in rows))
    for shift, active, colour, label in (
        (-0.2, False, VERMILLION, "silent"),
        (0.2, True, BLUE, "active"),
    ):
        chosen = [row for row in rows if row.is_active is active]
        if chosen:
            axes.barh(
                [parts.index(row.part) + shift for row in chosen],
                [row.mean for row in chosen],
                xerr=[row.sd for row in chosen],
                height=0.38,
                color=colour,
                error_kw={"elinewidth": 0.8},
                label=f"{label}, {chosen[0].n} formulas",
            )
    axes.set_yticks(range(len(parts)), parts, fontsize=7)
    axes.invert_yaxis()
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.set_xlabel("part of the pre-activation, mean ± standard deviation")
    axes.set_title(f"neuron {neuron}: what its pre-activation is made of (active: above 0)")
    axes.legend(loc="best")
    return figure
