"""Figures of what the weights alone say about attention."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLACK
from mechval.two_sat.circuit.evidence.answer_extremes import AnswerExtremeRow
from mechval.two_sat.circuit.evidence.clause_scores import ClauseScoreRow
from mechval.two_sat.circuit.evidence.scores import PatternRow, ScoreRow
from mechval.two_sat.circuit.evidence.worst_case import WorstCaseRow
from mechval.two_sat.report.figures.panels import COLOURS, MARKERS, grid, heatmap, label_ticks

_CHOICE_NAMES = {"paper": "any literals", "admissible": "admissible clauses"}


def draw_block0_scores(rows: Sequence[ScoreRow], head: int) -> Figure:
    """The four score tables of one head of block 0."""
    own = [row for row in rows if row.head == head]
    names = [row.query for row in own]
    scores = np.array([list(row.score.values()) for row in own], dtype=float)
    positions = sum(name.startswith("p") for name in names)
    tokens = len(names) - positions
    parts = {
        "token to token": scores[:tokens, :tokens],
        "token to position": scores[:tokens, tokens:],
        "position to token": scores[tokens:, :tokens],
        "position to position (causal part)": scores[tokens:, tokens:],
    }
    figure, panels = grid(4, columns=2, panel_height=2.7)
    for axes, (title, part) in zip(panels, parts.items(), strict=True):
        reach = float(np.nanmax(np.abs(part))) or 1.0
        image = heatmap(axes, part, cmap="PuOr", low=-reach, high=reach)
        asking, asked = title.split(" (")[0].split(" to ")
        axes.set_title(title)
        axes.set_ylabel(f"asking {asking}")
        axes.set_xlabel(f"{asked} asked")
        if asked == "token":
            label_ticks(axes, names[:tokens], "x")
        if asking == "token":
            label_ticks(axes, names[:tokens], "y")
        figure.colorbar(image, ax=axes, label="score / √d_head")
    figure.suptitle(f"block 0, head {head}: scores before the softmax", fontsize=9)
    return figure


def draw_expected_attention(rows: Sequence[PatternRow]) -> Figure:
    """Softmax of the mean scores, from the positions of second literals."""
    heads = list(dict.fromkeys(row.head for row in rows))
    figure, panels = grid(len(heads), columns=2, panel_height=2.6)
    image = None
    for axes, head in zip(panels, heads, strict=True):
        chosen = [row for row in rows if row.head == head]
        pattern = np.array([[value or 0.0 for value in row.attention.values()] for row in chosen])
        image = heatmap(axes, pattern, cmap="cividis", low=0.0, high=1.0)
        axes.set_title(f"block 0, head {head}: softmax of the mean scores")
        axes.set_xlabel("position asked")
        axes.set_ylabel("clause of the asking\nsecond literal")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    assert image is not None
    figure.colorbar(image, ax=panels, label="attention weight")
    return figure


def draw_worst_case(rows: Sequence[WorstCaseRow]) -> Figure:
    """The least weight per clause, over all literals and over admissible clauses."""
    heads = list(dict.fromkeys(row.head for row in rows))
    figure, panels = grid(len(heads), columns=2, panel_height=2.6)
    styles = (("paper", "--"), ("admissible", "-"))
    targets = (("own_clause", "own clause"), ("first_literal", "first literal"))
    for axes, head in zip(panels, heads, strict=True):
        for choice, style in styles:
            for index, (target, label) in enumerate(targets):
                chosen = [
                    row
                    for row in rows
                    if (row.head, row.choice, row.target) == (head, choice, target)
                ]
                axes.plot(
                    [row.clause for row in chosen],
                    [row.weight for row in chosen],
                    style,
                    color=COLOURS[index],
                    marker=MARKERS[index],
                    markersize=4,
                    label=f"{label}, {_CHOICE_NAMES[choice]}",
                )
        axes.set_ylim(0, 1.03)
        axes.set_title(f"block 0, head {head}: least weight over all token choices")
        axes.set_xlabel("clause position (from 0)")
        axes.set_ylabel("least attention weight")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def draw_answer_extremes(rows: Sequence[AnswerExtremeRow], n_ctx: int) -> Figure:
    """Range of attention weights that ``:`` can give in block 0."""
    figure = Figure(figsize=(PAGE_WIDTH, 1.2 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        low, high = row.smallest, row.largest
        axes.plot([low, high], [place, place], "o-", color=COLOURS[0], markersize=5)
        for value, side in ((low, "right"), (high, "left")):
            shift = -6 if side == "right" else 6
            axes.annotate(
                f"{value:.4f}",
                (value, place),
                (shift, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=8,
            )
    axes.set_yticks(range(len(rows)), [f"{row.version}, head {row.head}" for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.2, y=0.2)
    axes.axvline(1 / n_ctx, color=BLACK, linestyle=":", label=f"uniform, 1/{n_ctx}")
    axes.set_xlabel("attention weight from ':'")
    axes.set_title("block 0: extreme attention weights of ':' over all tokens")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_clause_scores(rows: Sequence[ClauseScoreRow]) -> Figure:
    """Unscaled block-1 score of every ordered literal pair, per head."""
    heads = list(dict.fromkeys(row.head for row in rows))
    literals = list(dict.fromkeys(row.second for row in rows))
    figure, panels = grid(len(heads), columns=2, panel_height=2.6)
    reach = max(abs(row.score) for row in rows) or 1.0
    image = None
    for axes, head in zip(panels, heads, strict=True):
        own = [row.score for row in rows if row.head == head]
        scores = np.array(own).reshape(len(literals), len(literals))
        image = heatmap(axes, scores, cmap="PuOr", low=-reach, high=reach)
        axes.set_title(f"block 1, head {head}")
        axes.set_xlabel("second literal")
        axes.set_ylabel("first literal")
        label_ticks(axes, literals, "x")
        label_ticks(axes, literals, "y")
    assert image is not None
    figure.colorbar(image, ax=panels, label="score of the clause, unscaled")
    return figure
