"""Figure of an ε surface: heat maps over cut and high value, and what depends on the cut alone."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.markdown import significant
from mechval.reporting.palette import GREEN
from mechval.two_sat.claim.surface import SurfaceRow
from mechval.two_sat.configs import ReadingName, Residual, Version
from mechval.two_sat.report.figures.variants import (
    EVALUATE_EQUIVALENCE,
    EVALUATE_REPLACEABILITY,
    OUTPUT_EQUIVALENCE,
    VERSION_STYLE,
)

_COLOURS = "cividis"
# The same in every figure, so that figures compare.
_SCALE = LogNorm(1e-5, 1.0, clip=True)
_AXIS = {
    "activation": ("activation cut of α", "high value of γ"),
    "multiple": ("cut of α (multiple of the neuron's own)", "high value (multiple of its own)"),
}


def draw_surface(
    rows: Sequence[SurfaceRow],
    reading: ReadingName,
    residual: Residual,
    published: Mapping[Version, float],
) -> Figure:
    """ε of evaluate replaceability by cut and high value; below, ε of the cells without a high.

    Args:
        published: ε that a contour is drawn for, by version; none where it has no entry.
    """
    chosen = [row for row in rows if row.reading == reading]
    versions: list[Version] = list(dict.fromkeys(row.version for row in chosen if row.version))
    cut_label, high_label = _AXIS[chosen[0].unit]
    figure = Figure(figsize=(PAGE_WIDTH, 5.6), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[3, 2])
    top, bottom = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    panels = top.subplots(1, len(versions), sharey=True, squeeze=False)[0]
    for axes, version in zip(panels, versions, strict=True):
        cells = [
            row
            for row in chosen
            if (row.version, row.residual, row.cell) == (version, residual, EVALUATE_REPLACEABILITY)
        ]
        _draw_heat_map(axes, cells, published.get(version))
        axes.set_xlabel(cut_label)
    panels[0].set_ylabel(high_label)
    top.colorbar(ScalarMappable(_SCALE, _COLOURS), ax=list(panels), label="ε")
    _draw_by_cut(bottom.subplots(), chosen, versions)
    bottom.axes[0].set_xlabel(f"{cut_label}; in brackets: how many bits are constant there")
    figure.suptitle(f"reading {reading}, residual {residual}", fontsize=9)
    return figure


def _draw_heat_map(axes: Axes, cells: Sequence[SurfaceRow], published: float | None) -> None:
    cuts = sorted({row.cut for row in cells})
    highs = sorted({row.high for row in cells if row.high is not None})
    epsilons = {(row.high, row.cut): row.epsilon for row in cells}
    values = np.array([[epsilons[high, cut] for cut in cuts] for high in highs])
    axes.imshow(values, norm=_SCALE, cmap=_COLOURS, aspect="auto", origin="lower")
    axes.set_xticks(range(len(cuts)), [f"{cut:g}" for cut in cuts])
    axes.set_yticks(range(len(highs)), [f"{high:g}" for high in highs])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if _SCALE(value) > 0.55 else "white"
        axes.text(
            column, row, f"{value:#.2g}", ha="center", va="center", color=colour, fontsize=6.5
        )
    title = f"{EVALUATE_REPLACEABILITY}: {cells[0].version}"
    # A contour needs a grid that has a surface, and a level that the surface reaches.
    if published and min(values.shape) > 1 and values.min() < published < values.max():
        level = [np.log(published)]
        axes.contour(np.log(values), levels=level, colors="black", linewidths=1, linestyles="--")
        title += f"\ndashed: published {significant(published)}"
    axes.set_title(title)


def _draw_by_cut(axes: Axes, rows: Sequence[SurfaceRow], versions: Sequence[Version]) -> None:
    cuts = sorted({row.cut for row in rows})
    curves: list[tuple[str, Version | None, tuple[str, str]]] = [
        *((EVALUATE_EQUIVALENCE, version, VERSION_STYLE[version]) for version in versions),
        (OUTPUT_EQUIVALENCE, None, (GREEN, "^")),
    ]
    for cell, version, (colour, marker) in curves:
        epsilons = {
            row.cut: row.epsilon for row in rows if (row.cell, row.version) == (cell, version)
        }
        label = f"{cell}: {version}" if version else cell
        values = [epsilons[cut] for cut in cuts]
        axes.plot(values, marker=marker, markersize=4, color=colour, label=label)
    constant = {row.cut: row.constant_bits for row in rows}
    axes.set_xticks(
        range(len(cuts)),
        [f"{cut:g}" + f"\n({constant[cut]})" * (constant[cut] > 0) for cut in cuts],
    )
    axes.set_yscale("log")
    axes.set_ylabel("ε")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
