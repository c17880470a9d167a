"""Figures of attention: as it happens on formulas, and what the weights alone say about it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechval.reporting import figures
from mechval.reporting.palette import BLACK, GREEN, MARKERS, SERIES
from mechval.two_sat.circuit.evidence.answer_extremes import AnswerExtremeRow
from mechval.two_sat.circuit.evidence.attention import MeanAttentionRow, OwnClauseRow
from mechval.two_sat.circuit.evidence.clause_scores import ClauseScoreRow
from mechval.two_sat.circuit.evidence.scores import PatternRow, ScoreRow
from mechval.two_sat.circuit.evidence.worst_case import WorstCaseRow

_CHOICES = {"paper": ("any literals", "--"), "admissible": ("admissible clauses", "-")}
_TARGETS = {"own_clause": "own clause", "first_literal": "first literal"}
_ASKING = ("mean over all second literals", "from ':'")


def draw_patterns(rows: Sequence[PatternRow], title: str, columns: int) -> Figure:
    """Attention weights by position asked, a row per asking position and a panel per head."""
    heads = list(dict.fromkeys((row.block, row.head) for row in rows))
    figure, found = figures.panels(len(heads), columns, panel_height=2.4)
    image = None
    for axes, (block, head) in zip(found, heads, strict=True):
        chosen = [row for row in rows if (row.block, row.head) == (block, head)]
        pattern = np.array([[weight or 0.0 for weight in row.attention.values()] for row in chosen])
        image = figures.heat_map(axes, pattern, "cividis", 0.0, 1.0)
        axes.set_title(f"block {block}, head {head}")
        axes.set_xlabel("position asked")
        axes.set_ylabel("asking position")
    assert image is not None
    figure.colorbar(image, ax=found, label="attention weight")
    figure.suptitle(title, fontsize=9)
    return figure


def draw_mean_attention(rows: Sequence[MeanAttentionRow]) -> Figure:
    """Mean attention by position asked, per block."""
    figure, found = figures.panels(2, columns=1, panel_height=2.2)
    for block, axes in enumerate(found):
        own = [row for row in rows if row.block == block]
        heads = list(dict.fromkeys(row.head for row in own))
        for index, head in enumerate(heads):
            chosen = [row for row in own if row.head == head]
            axes.plot(
                [row.position for row in chosen],
                [row.attention for row in chosen],
                color=SERIES[index % len(SERIES)],
                marker=MARKERS[index % len(MARKERS)],
                markersize=3,
                linewidth=0.8,
                label=f"head {head}",
            )
        axes.set_ylabel("mean attention weight")
        axes.set_ylim(bottom=0)
        figures.legend_beside(axes, ncols=1 + len(heads) // 9)
        axes.set_title(f"block {block}, {_ASKING[block]} ({own[0].n:,} formulas)")
    found[-1].set_xlabel("position asked (second literals stand at 4i+2)")
    return figure


def draw_scores(rows: Sequence[ScoreRow], head: int) -> Figure:
    """The four score tables of one head of block 0."""
    own = [row for row in rows if row.head == head]
    names = [row.query for row in own]
    scores = np.array([[row.score[name] for name in names] for row in own], dtype=float)
    tokens = sum(not name.startswith("p") for name in names)
    parts = {
        ("token", "token"): scores[:tokens, :tokens],
        ("token", "position"): scores[:tokens, tokens:],
        ("position", "token"): scores[tokens:, :tokens],
        ("position", "position"): scores[tokens:, tokens:],
    }
    figure, found = figures.panels(4, columns=2, panel_height=2.7)
    for axes, ((asking, asked), part) in zip(found, parts.items(), strict=True):
        reach = float(np.nanmax(np.abs(part))) or 1.0
        image = figures.heat_map(axes, part, "PuOr", -reach, reach)
        axes.set_title(f"{asking} to {asked}")
        axes.set_ylabel(f"asking {asking}")
        axes.set_xlabel(f"{asked} asked")
        labels = {"token": names[:tokens], "position": names[tokens:]}
        figures.label_cells(axes, labels[asked], labels[asking])
        figure.colorbar(image, ax=axes, label="score / √d_head")
    figure.suptitle(f"block 0, head {head}: scores before the softmax", fontsize=9)
    return figure


def draw_own_clause(worst: Sequence[WorstCaseRow], means: Sequence[OwnClauseRow]) -> Figure:
    """Attention of second literals to their clause: the mean, and the least over all choices."""
    heads = list(dict.fromkeys(row.head for row in worst))
    figure, found = figures.panels(len(heads), columns=2, panel_height=2.6)
    for axes, head in zip(found, heads, strict=True):
        own = [row for row in means if row.head == head]
        clauses = [row.clause for row in own]
        weights = [row.own_clause_attention for row in own]
        axes.plot(clauses, weights, "^-", color=GREEN, markersize=4, label="own clause, mean")
        for choice, (told, style) in _CHOICES.items():
            for index, (target, name) in enumerate(_TARGETS.items()):
                chosen = [
                    row.weight
                    for row in worst
                    if (row.head, row.choice, row.target) == (head, choice, target)
                ]
                axes.plot(
                    chosen,
                    style,
                    color=SERIES[index],
                    marker=MARKERS[index],
                    markersize=4,
                    label=f"{name}, least over {told}",
                )
        # A clause takes four tokens; its second literal, the third, sees those before and itself.
        uniform = [2 / (4 * clause + 3) for clause in clauses]
        axes.plot(clauses, uniform, ":", color="0.4", label="own clause, uniform attention")
        axes.set_ylim(0, 1.03)
        axes.set_title(f"block 0, head {head}")
        axes.set_xlabel("clause position (from 0)")
        axes.set_ylabel("attention weight")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figures.legend_below(figure, found[:1], 2)
    return figure


def draw_answer_extremes(rows: Sequence[AnswerExtremeRow], n_ctx: int) -> Figure:
    """Range of attention weights that ``:`` can give in block 0.

    Args:
        n_ctx: positions that it sees.
    """
    figure = Figure(figsize=(figures.PAGE_WIDTH, 1.2 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        axes.plot([row.smallest, row.largest], [place, place], "o-", color=SERIES[0], markersize=5)
        for value, side, shift in ((row.smallest, "right", -6), (row.largest, "left", 6)):
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
    figures.legend_beside(axes)
    return figure


def draw_clause_scores(rows: Sequence[ClauseScoreRow]) -> Figure:
    """Unscaled score of every ordered literal pair in block 1, per head."""
    heads = list(dict.fromkeys(row.head for row in rows))
    literals = list(dict.fromkeys(row.second for row in rows))
    figure, found = figures.panels(len(heads), columns=2, panel_height=2.6)
    reach = max(abs(row.score) for row in rows) or 1.0
    image = None
    for axes, head in zip(found, heads, strict=True):
        scores = np.array([row.score for row in rows if row.head == head])
        image = figures.heat_map(axes, scores.reshape(-1, len(literals)), "PuOr", -reach, reach)
        axes.set_title(f"block 1, head {head}")
        axes.set_xlabel("second literal")
        axes.set_ylabel("first literal")
        figures.label_cells(axes, literals, literals)
    assert image is not None
    figure.colorbar(image, ax=found, label="score of the clause, unscaled")
    return figure
