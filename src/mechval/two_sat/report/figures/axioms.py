"""Figure of the axiom table: ε by axiom and component, beside the published one."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.markdown import significant
from mechval.two_sat.interpretation import PARSE
from mechval.two_sat.report import published_values
from mechval.two_sat.report.report_variants import Validated, Variant

_COLOURS = "cividis"
# The same in every run, so that figures compare; 3.7e-5 is the least ε at the paper's N.
_LEAST, _MOST = 1e-5, 1.0


def draw_axiom_table(found: Sequence[Validated], variant: Variant, with_published: bool) -> Figure:
    """ε of one variant's interpretations, with the published values below.

    Args:
        found: one interpretation per version of the evaluate component.
    """
    columns = _columns(found)
    names = [name for name, _, _ in columns]
    ours = [
        [version.cell(axiom, component).epsilon for _, version, component in columns]
        for axiom in found[0].axioms
    ]
    panels = {f"this run: reading {variant.reading}, residual {variant.residual}": ours}
    if with_published:
        panels[f"published (N = {published_values.TEST_FORMULAS:,})"] = _published(found, columns)
    figure = Figure(figsize=(PAGE_WIDTH, 0.6 + 2.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    scale = LogNorm(_LEAST, _MOST, clip=True)
    for panel, (title, values) in zip(axes, panels.items(), strict=True):
        _draw_cells(panel, np.array(values), found[0].axioms, names, scale)
        panel.set_title(title)
    confidence = found[0].row.confidence
    figure.colorbar(
        ScalarMappable(scale, _COLOURS),
        ax=list(axes),
        label=f"ε (one-sided {confidence:.0%} bound)",
    )
    return figure


def _columns(found: Sequence[Validated]) -> list[tuple[str, Validated, str]]:
    """Title, interpretation and component; parse is the same in every version, so shown once."""
    columns = [(PARSE, found[0], PARSE)]
    for version in found:
        rest = [component for component in version.components if component != PARSE]
        columns += [(f"{component}\n({version.version})", version, component) for component in rest]
    return columns


def _published(
    found: Sequence[Validated], columns: Sequence[tuple[str, Validated, str]]
) -> list[list[float]]:
    return [
        [
            published_values.AXIOM_TABLE[version.version, axiom, component].epsilon
            for _, version, component in columns
        ]
        for axiom in found[0].axioms
    ]


def _draw_cells(
    axes: Axes,
    values: Float[np.ndarray, "axiom column"],
    axioms: Sequence[str],
    columns: Sequence[str],
    scale: LogNorm,
) -> None:
    axes.imshow(values, norm=scale, cmap=_COLOURS, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(axioms)), axioms)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if scale(value) > 0.55 else "white"
        axes.text(column, row, significant(value), ha="center", va="center", color=colour)
