"""Figures of the claim: tolerance, rivals, surfaces, and margins of parsing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mechval.axioms.report import CELLS, INTERPRETATIONS, Cell
from mechval.reporting import figures
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, SERIES, VERMILLION
from mechval.reporting.report import RunFiles, shown_in
from mechval.reporting.shown import by, significant
from mechval.two_sat.certify.parsing.certificate import PARSING, CaseStatus, ParsingRow
from mechval.two_sat.claim.surface import SURFACE, SurfaceRow
from mechval.two_sat.claim.variants.rivals import ONE_BIT
from mechval.two_sat.claim.variants.tolerance import TOLERANCE, ToleranceRow
from mechval.two_sat.claim.variants.variant import VARIANTS
from mechval.two_sat.programs.versions import CLAIMED
from mechval.two_sat.report import measured
from mechval.two_sat.report.paper_values import BY_KEY

_STYLES = ((BLUE, "o"), (VERMILLION, "s"), (ORANGE, "v"), (BLACK, "D"))
_UNITS = {
    "activation": ("activation cut of α", "high value of γ"),
    "multiple": ("cut of α (multiple of the neuron's own)", "high value (multiple of its own)"),
}
_BOUND = "ε (upper bound of disagreement)"
_EQUIVALENCE = "prefix equivalence/evaluate"
_REPLACEABILITY = "prefix replaceability/evaluate"
_JITTER = 0.12
_OUTPUT = "prefix equivalence/output"


@shown_in("variants", TOLERANCE)
def draw_tolerance(rows: Sequence[ToleranceRow]) -> Figure:
    """ε of evaluate when up to so many wrong neurons are forgiven: a curve that falls at once means
    that most wrong states differ in one or two neurons."""
    last = 1 + max((row.tolerance for row in rows if row.disagreements), default=0)
    figure, found = figures.facets(rows, "tags.reading", columns=2)
    for axes, reading, own in found:
        own = [row for row in own if row.tolerance <= last]
        for version, curve in by(own, "tags.version").items():
            axes.plot([row.epsilon for row in curve], label=version, **_look(version))
        axes.set(yscale="log", title=f"reading {reading}")
        axes.set_xlabel(f"wrong neurons tolerated (of {own[0].n_neurons})")
        axes.legend()
    found[0][0].set_ylabel(_BOUND)
    figure.suptitle(f"{_EQUIVALENCE} where some neurons may be wrong")
    return figure


def _look(version: str | None) -> dict[str, Any]:
    """Of a version's curve, or of the one that has none."""
    colour, marker = _STYLES[[*CLAIMED].index(version) % len(_STYLES)] if version else (GREEN, "^")
    return {"color": colour, "marker": marker, "markersize": 4}


def _rivals(files: RunFiles) -> dict[str, list[Any]]:
    """By reading that rivals have."""
    rivals = by(files.rows(VARIANTS), "tags.family").get("rival", [])
    constant = files.rows(INTERPRETATIONS)[0].constant.rate
    cells = by((*files.rows(CELLS), *rivals), "tags.reading", "tags.residual")
    readings = by(rivals, "tags.reading", "tags.residual")
    return {reading: [cells[reading, residual], constant] for reading, residual in readings}


@shown_in("variants", given=_rivals)
def draw_rivals(rows: Sequence[Cell], constant: float) -> Figure:
    """Rival programs beside the claimed trees and disjunctions, reading *. A rival that says when
    each neuron fires and has lower bars in every group would be the better explanation. A program
    with a hatched bar says nothing of neurons: it is compared by one bit, whether any of them
    fires, so its bars tell that the answer is right and not how the network finds it. Dashed: a
    constant answer."""
    cells = (_EQUIVALENCE, _REPLACEABILITY, _OUTPUT)
    figure, (axes,) = figures.panels(1, panel_height=3.0)
    programs: dict[str, dict[str, Cell]] = {}
    for row in rows:
        programs.setdefault(row.tags.get("setting") or row.tags["version"], {})[row.name] = row
    width = 0.8 / len(programs)
    for place, (program, found) in enumerate(programs.items()):
        for column, name in enumerate(cells):
            centre, colour = column - 0.4 + width * (place + 0.5), SERIES[place % len(SERIES)]
            hatch = "///" if found[name].equivalence == ONE_BIT else ""
            look: dict[str, Any] = {"color": colour, "hatch": hatch}
            label = "" if column else program
            axes.bar(centre, found[name].epsilon, width * 0.92, label=label, **look)
    # Only the cells that compare labels stand beside a constant answer.
    label = "rate of the constant program"
    axes.hlines(constant, 0.55, len(cells) - 0.55, BLACK, "--", linewidth=1, label=label)
    axes.set_xticks(range(len(cells)), [cell.replace("/", "\n") for cell in cells])
    axes.set(yscale="log", ylim=figures.EPSILONS, ylabel=_BOUND)
    told = "rival programs, reading {reading}, residual {residual}; hatched: compares one bit only"
    figure.suptitle(told.format(**rows[0].tags))
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _surfaces(files: RunFiles) -> dict[str, list[Any]]:
    """By reading that rivals have; with the ε that the paper prints, by version."""
    rivals = by(files.rows(VARIANTS), "tags.family").get("rival", [])
    surface, printed = by(files.rows(SURFACE), "reading"), {}
    if measured.is_paper_size(files):
        printed = {name: BY_KEY.get(f"{name}/{_REPLACEABILITY}") for name in CLAIMED}
    epsilons = {name: float(row.printed) for name, row in printed.items() if row}
    return {
        reading: [surface.get(reading, []), residual, epsilons]
        for reading, residual in by(rivals, "tags.reading", "tags.residual")
    }


@shown_in("variants", given=_surfaces)
def draw_surface(rows: Sequence[SurfaceRow], residual: str, printed: Mapping[str, float]) -> Figure:
    """ε when α's cut and γ's high value are moved, reading *: a wide pale area means that the
    interpretation does not hang on these constants (dark is worse).

    The rows are of one reading; a contour is drawn for the ``printed`` ε of a version, if any.
    """
    versions = [version for version in by(rows, "version") if version]
    cut_label, high_label = _UNITS[rows[0].unit]
    figure = Figure(figsize=(figures.PAGE_WIDTH, 2.3 * (1 + len(versions))), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[len(versions), 1])
    top, bottom = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    found = top.subplots(len(versions), 1, sharex=True, squeeze=False)[:, 0]
    by_cell = by(rows, "cell", "version", "residual")
    for axes, version in zip(found, versions, strict=True):
        _draw_surface(axes, by_cell[_REPLACEABILITY, version, residual], printed.get(version))
        axes.set_ylabel(high_label)
    found[-1].set_xlabel(cut_label)
    figures.epsilon_scale(top, list(found))
    axes = bottom.subplots()
    _draw_by_cut(axes, rows, versions)
    axes.set_xlabel(f"{cut_label}\nin brackets: how many bits are constant there")
    figure.suptitle(f"reading {rows[0].reading}, residual {residual}")
    return figure


@shown_in("parsing", PARSING)
def draw_parsing_margins(rows: Sequence[ParsingRow]) -> Figure:
    """Margin by which each clause is told from its nearest rival at each position, whatever clauses
    come before: a proved bound above zero means that no formula has it misread."""
    figure, (axes,) = figures.panels(1, panel_height=2.8)
    certified = [row for row in rows if row.status is CaseStatus.CERTIFIED]
    others = [row for row in rows if row.status is not CaseStatus.CERTIFIED]
    for own, name, shift, marker, colour, label in (
        (rows, "attained_margin", _JITTER, ".", ORANGE, "smallest margin found"),
        (certified, "margin", -_JITTER, ".", BLUE, "proved lower bound"),
        (others, "margin", -_JITTER, "x", VERMILLION, "not certified"),
    ):
        if own:
            points = [(row.clause_position + shift, getattr(row, name)) for row in own]
            axes.plot(*zip(*points, strict=True), marker, color=colour, label=label)
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.set_xticks(sorted(by(rows, "clause_position")))
    label = "margin (residual along the\ndifference of unit prototypes)"
    axes.set(xlabel="clause position, from 0 (one dot per clause)", ylabel=label)
    counted = f"{len(certified)} of {len(rows)} cases certified"
    axes.set_title(f"Parsing, all earlier clauses free: {counted}")
    axes.legend(loc="upper right")
    return figure


def _draw_surface(axes: Axes, rows: Sequence[SurfaceRow], printed: float | None) -> None:
    cuts = sorted({row.cut for row in rows})
    highs = sorted({row.high for row in rows if row.high is not None})
    epsilons = {(row.high, row.cut): row.epsilon for row in rows}
    values = np.array([[epsilons[high, cut] for cut in cuts] for high in highs])
    names = [[f"{value:g}" for value in own] for own in (highs, cuts)]
    figures.epsilon_map(axes, values, *names)
    axes.invert_yaxis()
    title = f"{rows[0].cell}: {rows[0].version}"
    # A contour needs a grid that has a surface, and a level that the surface reaches.
    if printed and min(values.shape) > 1 and values.min() < printed < values.max():
        level = [np.log(printed)]
        axes.contour(np.log(values), levels=level, colors="black", linewidths=1, linestyles="--")
        title += f"\ndashed: printed {significant(printed)}"
    axes.set_title(title)


def _draw_by_cut(axes: Axes, rows: Sequence[SurfaceRow], versions: Sequence[str]) -> None:
    cuts = sorted({row.cut for row in rows})
    by_cell = by(rows, "cell", "version")
    curves = [(_EQUIVALENCE, version) for version in versions]
    for cell, version in [*curves, ("component equivalence/output", None)]:
        epsilons = {row.cut: row.epsilon for row in by_cell[cell, version]}
        label = f"{cell}: {version}" if version else cell
        axes.plot([epsilons[cut] for cut in cuts], label=label, **_look(version))
    constant = {row.cut: row.constant_bits for row in rows}
    names = [f"{cut:g}" + f"\n({constant[cut]})" * (constant[cut] > 0) for cut in cuts]
    axes.set_xticks(range(len(cuts)), names)
    axes.set(yscale="log", ylabel="ε")
    figures.legend_beside(axes)
