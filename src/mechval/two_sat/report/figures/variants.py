"""Figures of the variants: tolerance, number of leaves, rivals; rows in, figure out."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mechval.axioms import Axiom
from mechval.axioms.report import cell_name
from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILLION
from mechval.two_sat.claim.variants.implication_graph import ONE_BIT
from mechval.two_sat.claim.variants.tolerance import ToleranceRow
from mechval.two_sat.claim.variants.variant import VariantRow
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.interpretation import EVALUATE, OUTPUT

VERSION_STYLE = {"trees": (BLUE, "o"), "disjunction": (VERMILLION, "s")}
EVALUATE_EQUIVALENCE = cell_name(Axiom.PREFIX_EQUIVALENCE, EVALUATE)
EVALUATE_REPLACEABILITY = cell_name(Axiom.PREFIX_REPLACEABILITY, EVALUATE)
OUTPUT_EQUIVALENCE = cell_name(Axiom.COMPONENT_EQUIVALENCE, OUTPUT)
OUTPUT_PREFIX = cell_name(Axiom.PREFIX_EQUIVALENCE, OUTPUT)

_CELL_STYLE = {EVALUATE_EQUIVALENCE: (BLUE, "o"), EVALUATE_REPLACEABILITY: (ORANGE, "D")}
_PROGRAM_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, SKY_BLUE, ORANGE)
_HEIGHT = 3.0
# The same in every figure, so that figures compare.
_EPSILONS = (1e-5, 1.0)


def draw_tolerance(rows: Sequence[ToleranceRow]) -> Figure:
    """ε of evaluate equivalence against how many neurons may be wrong, a panel per reading."""
    readings = list(dict.fromkeys(row.reading for row in rows))
    figure = Figure(figsize=(PAGE_WIDTH, _HEIGHT), layout="constrained")
    panels = figure.subplots(1, len(readings), sharey=True, squeeze=False)[0]
    last = 1 + max((row.tolerance for row in rows if row.disagreements), default=0)
    for axes, reading in zip(panels, readings, strict=True):
        for version, (colour, marker) in VERSION_STYLE.items():
            curve = [
                row
                for row in rows
                if (row.reading, row.version) == (reading, version) and row.tolerance <= last
            ]
            if curve:
                axes.plot(
                    [row.tolerance for row in curve],
                    [row.epsilon for row in curve],
                    marker=marker,
                    markersize=4,
                    color=colour,
                    label=version,
                )
        axes.set_yscale("log")
        axes.set_title(f"reading {reading}")
        n_neurons = next(row.n_neurons for row in rows if row.reading == reading)
        axes.set_xlabel(f"wrong neurons tolerated (of {n_neurons})")
        axes.legend()
    panels[0].set_ylabel("ε (upper bound of disagreement)")
    figure.suptitle(f"{EVALUATE_EQUIVALENCE} where some neurons may be wrong", fontsize=9)
    return figure


def draw_leaves(rows: Sequence[VariantRow], reading: ReadingName) -> Figure:
    """ε of evaluate against the number of leaves that each tree may have."""
    chosen = [row for row in rows if row.family == "leaves" and row.reading == reading]
    settings = list(dict.fromkeys(row.setting for row in chosen))
    figure = Figure(figsize=(PAGE_WIDTH, _HEIGHT), layout="constrained")
    axes = figure.subplots()
    for cell, (colour, marker) in _CELL_STYLE.items():
        epsilons = {row.setting: row.epsilon for row in chosen if row.cell == cell}
        values = [epsilons[setting] for setting in settings]
        axes.plot(values, marker=marker, color=colour, label=cell)
    axes.set_xticks(range(len(settings)), [str(setting) for setting in settings])
    axes.set_yscale("log")
    axes.set_xlabel("most leaves per tree")
    axes.set_ylabel("ε (upper bound of disagreement)")
    axes.set_title(f"trees of other sizes, reading {reading}")
    axes.legend()
    return figure


def draw_rivals(rows: Sequence[VariantRow], reading: ReadingName) -> Figure:
    """ε of the trees, the disjunctions and the rivals, beside that of a constant program."""
    residual = next(
        row.residual for row in rows if row.family == "rival" and row.reading == reading
    )
    chosen = [
        row
        for row in rows
        if row.family in ("main", "rival") and (row.reading, row.residual) == (reading, residual)
    ]
    programs = list(dict.fromkeys(row.version for row in chosen))
    cells = (EVALUATE_EQUIVALENCE, EVALUATE_REPLACEABILITY, OUTPUT_PREFIX)
    figure = Figure(figsize=(PAGE_WIDTH, _HEIGHT + 0.4), layout="constrained")
    axes = figure.subplots()
    for number, program in enumerate(programs):
        bars = {row.cell: row for row in chosen if row.version == program}
        _draw_program(axes, [bars[cell] for cell in cells], number, len(programs))
    _draw_constant(axes, cells, chosen[0].constant_rate)
    axes.set_xticks(range(len(cells)), [cell.replace("/", "\n") for cell in cells])
    axes.set_yscale("log")
    axes.set_ylim(*_EPSILONS)
    axes.set_ylabel("ε (upper bound of disagreement)")
    figure.suptitle(
        f"rival programs, reading {reading}, residual {residual}; hatched: compares one bit only",
        fontsize=9,
    )
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw_program(axes: Axes, bars: Sequence[VariantRow], number: int, n_programs: int) -> None:
    width = 0.8 / n_programs
    places = np.arange(len(bars)) - 0.4 + width * (number + 0.5)
    drawn = axes.bar(
        places,
        [bar.epsilon for bar in bars],
        width * 0.92,
        color=_PROGRAM_COLOURS[number % len(_PROGRAM_COLOURS)],
        label=bars[0].version,
    )
    for patch, bar in zip(drawn, bars, strict=True):
        if bar.equivalence == ONE_BIT:
            patch.set_hatch("///")


def _draw_constant(axes: Axes, cells: Sequence[str], rate: float) -> None:
    """Mark the constant program's rate at the cells that compare labels."""
    first = cells.index(EVALUATE_REPLACEABILITY)
    label = "rate of the constant program"
    axes.hlines(rate, first - 0.45, len(cells) - 0.55, BLACK, "--", linewidth=1, label=label)
