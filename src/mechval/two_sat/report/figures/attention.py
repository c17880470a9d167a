"""Figures of attention as it happens: one formula, and averages."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mechval.two_sat.circuit.evidence.attention import MeanAttentionRow
from mechval.two_sat.circuit.evidence.scores import PatternRow
from mechval.two_sat.report.figures.panels import COLOURS, MARKERS, grid, heatmap


def draw_formula_attention(rows: Sequence[PatternRow]) -> Figure:
    """Every head of both blocks on one formula."""
    heads = list(dict.fromkeys((row.block, row.head) for row in rows))
    figure, panels = grid(len(heads), columns=3, panel_height=2.3)
    image = None
    for axes, (block, head) in zip(panels, heads, strict=True):
        chosen = [row for row in rows if (row.block, row.head) == (block, head)]
        pattern = np.array([[value or 0.0 for value in row.attention.values()] for row in chosen])
        image = heatmap(axes, pattern, cmap="cividis", low=0.0, high=1.0)
        axes.set_title(f"block {block}, head {head}")
        axes.set_xlabel("position asked")
        axes.set_ylabel("asking position")
    assert image is not None
    figure.colorbar(image, ax=panels, label="attention weight")
    figure.suptitle("attention on the first test formula", fontsize=9)
    return figure


def draw_mean_attention(rows: Sequence[MeanAttentionRow]) -> Figure:
    """Mean attention by position asked, per block."""
    figure, panels = grid(2, columns=1, panel_height=2.2)
    for block, axes in enumerate(panels):
        own = [row for row in rows if row.block == block]
        heads = list(dict.fromkeys(row.head for row in own))
        for index, head in enumerate(heads):
            chosen = [row for row in own if row.head == head]
            axes.plot(
                [row.position for row in chosen],
                [row.attention for row in chosen],
                color=COLOURS[index % len(COLOURS)],
                marker=MARKERS[index % len(MARKERS)],
                markersize=3,
                linewidth=0.8,
                label=f"head {head}",
            )
        axes.set_ylabel("mean attention weight")
        axes.set_ylim(bottom=0)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), ncols=1 + len(heads) // 9)
        axes.set_title(f"block {block}, {_ASKING[block]} ({own[0].n} formulas)")
    panels[-1].set_xlabel("position asked (second literals stand at 4i+2)")
    return figure


_ASKING = ("mean over all second literals", "from ':'")
