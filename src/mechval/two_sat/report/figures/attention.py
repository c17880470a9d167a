"""Figures of attention: as it happens on formulas, and what the weights alone say about it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechval.reporting import figures
from mechval.reporting.palette import GREEN, MARKERS, SERIES
from mechval.reporting.report import RunFiles, shown_in
from mechval.reporting.shown import by
from mechval.two_sat.circuit.evidence import recording, scores
from mechval.two_sat.circuit.evidence.attention_extremes import WORST_CASES, WorstCaseRow
from mechval.two_sat.circuit.evidence.scores import ClauseScoreRow, PatternRow, ScoreRow
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem

_CHOICES = {"paper": ("any literals", "--"), "admissible": ("admissible clauses", "-")}
_TARGETS = {"own_clause": "own clause", "first_literal": "first literal"}
_ASKING = ("mean over all second literals", "from ':'")


@shown_in("evidence", recording.FORMULA_ATTENTION)
def draw_formula_attention(rows: Sequence[PatternRow]) -> Figure:
    """One formula: in block 0 bright spots along the diagonal look inside clauses; in block 1 each
    head picks certain clauses (last row: the answer's position)."""
    return _draw_patterns(rows, "attention on the first test formula", 3)


def weights(rows: Sequence[PatternRow]) -> Float[np.ndarray, "row position"]:
    """Attention weights, 0 where a position is not seen."""
    return np.array([[weight or 0.0 for weight in row.attention.values()] for row in rows])


def _draw_patterns(rows: Sequence[PatternRow], title: str, columns: int) -> Figure:
    """Attention weights by position asked, a row per asking position and a panel per head."""
    figure, found = figures.facets(rows, "block", "head", columns=columns, panel_height=2.4)
    for axes, (block, head), own in found:
        figures.heat_map(axes, weights(own), "cividis", 0.0, 1.0)
        axes.set(title=f"block {block}, head {head}")
        axes.set(xlabel="position asked", ylabel="asking position")
    figures.colour_bar(figure, [axes for axes, *_ in found], "attention weight")
    figure.suptitle(title)
    return figure


@shown_in("evidence", recording.MEAN_ATTENTION)
def draw_mean_attention(rows: Sequence[recording.MeanAttentionRow]) -> Figure:
    """Averages over formulas: block 0 looks at both literals of clauses, block 1 gathers from every
    clause's second literal (peaks at 4i+2)."""
    figure, found = figures.facets(rows, "block", panel_height=2.2)
    for axes, block, own in found:
        by_head = by(own, "head")
        for index, (head, chosen) in enumerate(by_head.items()):
            places, means = zip(*((row.position, row.attention) for row in chosen), strict=True)
            look: dict[str, Any] = {"color": SERIES[index % len(SERIES)], "markersize": 3}
            look |= {"marker": MARKERS[index % len(MARKERS)], "linewidth": 0.8}
            axes.plot(places, means, label=f"head {head}", **look)
        axes.set(ylabel="mean attention weight", ylim=(0, None))
        axes.set_title(f"block {block}, {_ASKING[block]} ({own[0].n:,} formulas)")
        figures.legend_beside(axes, ncols=1 + len(by_head) // 9)
    found[-1][0].set_xlabel("position asked (second literals stand at 4i+2)")
    return figure


@shown_in("evidence", scores.EXPECTED_ATTENTION, given=lambda files: [files.settings.problem])
def draw_block0_expected_attention(rows: Sequence[PatternRow], problem: Problem) -> Figure:
    """The softmax of the mean scores, from second literals: the blocks along the diagonal are
    clauses that look at their own two literals."""
    seconds = FormulaLayout(problem).second_literal_positions
    asking = [row for row in rows if row.position in seconds]
    return _draw_patterns(asking, "softmax of the mean scores", 2)


@shown_in("evidence", WORST_CASES, recording.OWN_CLAUSE_ATTENTION)
def draw_own_clause_attention(
    worst: Sequence[WorstCaseRow], means: Sequence[recording.OwnClauseRow]
) -> Figure:
    """Attention of a clause's second literal to its clause: the mean over formulas, and the least
    over every choice of tokens, which follows from weights alone and so bounds all formulas.
    Compare with the dotted line of even attention."""
    figure, found = figures.facets(worst, "head", columns=2)
    for axes, head, least in found:
        own = by(means, "head")[head]
        clauses, mean = zip(*((row.clause, row.own_clause_attention) for row in own), strict=True)
        axes.plot(clauses, mean, "^-", color=GREEN, markersize=4, label="own clause, mean")
        by_kind = by(least, "choice", "target")
        for choice, (told, style) in _CHOICES.items():
            for index, (target, name) in enumerate(_TARGETS.items()):
                chosen = [row.weight for row in by_kind[choice, target]]
                label = f"{name}, least over {told}"
                look = {"color": SERIES[index], "marker": MARKERS[index], "markersize": 4}
                axes.plot(chosen, style, label=label, **look)
        # A clause takes four tokens; its second literal, the third, sees those before and itself.
        uniform = [2 / (4 * clause + 3) for clause in clauses]
        axes.plot(clauses, uniform, ":", color="0.4", label="own clause, uniform attention")
        axes.set(ylim=(0, 1.03), title=f"block 0, head {head}")
        axes.set(xlabel="clause position (from 0)", ylabel="attention weight")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figures.legend_below(figure, [found[0][0]], 2)
    return figure


@shown_in("evidence", scores.CLAUSE_SCORES)
def draw_block1_clause_scores(rows: Sequence[ClauseScoreRow]) -> Figure:
    """Score of every clause in each head of block 1 if “:” saw all of block 0 evenly: brown clauses
    are ignored, so each head attends to its own set of literals. Where “:” sees parentheses alone
    in block 0, as in a network that is proved, these are not its scores."""
    literals = list(by(rows, "second"))
    figure, found = figures.facets(rows, "head", columns=2)
    reach = max(abs(row.score) for row in rows) or 1.0
    for axes, head, own in found:
        values = np.array([row.score for row in own]).reshape(-1, len(literals))
        figures.heat_map(axes, values, "PuOr", -reach, reach)
        axes.set(title=f"block 1, head {head}", xlabel="second literal", ylabel="first literal")
        figures.label_cells(axes, literals, literals)
    figures.colour_bar(figure, [axes for axes, *_ in found], "score of the clause, unscaled")
    return figure


def _scores(files: RunFiles) -> dict[str, list[Any]]:
    tokens = Vocabulary(files.settings.problem).d_vocab
    found = by(files.rows(scores.SCORES), "head")
    return {str(head): [rows, tokens] for head, rows in found.items()}


@shown_in("evidence", given=_scores)
def draw_block0_scores_head(rows: Sequence[ScoreRow], tokens: int) -> Figure:
    """Attention scores of block 0, head *, split by token and position: brown columns at brackets
    say “do not look here”.

    The first rows are of ``tokens``, the others of positions.
    """
    names = [row.query for row in rows]
    values = np.array([[row.score[name] for name in names] for row in rows], dtype=float)
    places = {"token": slice(tokens), "position": slice(tokens, None)}
    pairs = [(asking, asked) for asking in places for asked in places]
    figure, found = figures.panels(4, columns=2, panel_height=2.7)
    for axes, (asking, asked) in zip(found, pairs, strict=True):
        part = values[places[asking], places[asked]]
        reach = float(np.nanmax(np.abs(part))) or 1.0
        figures.heat_map(axes, part, "PuOr", -reach, reach)
        axes.set(title=f"{asking} to {asked}", ylabel=f"asking {asking}", xlabel=f"{asked} asked")
        figures.label_cells(axes, names[places[asked]], names[places[asking]])
        figures.colour_bar(figure, [axes], "score / √d_head")
    figure.suptitle(f"block 0, head {rows[0].head}: scores before the softmax")
    return figure
