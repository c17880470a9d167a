"""Figures of the circuit: what neurons respond to, their effects, and block 0's attention."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILLION
from mechval.two_sat.circuit.evidence.attention import OwnClauseRow
from mechval.two_sat.circuit.evidence.facts import CircuitFacts
from mechval.two_sat.circuit.evidence.neuron_rows import MeanActivationRow, NeuronRow
from mechval.two_sat.configs import ReadingName

_MOST_LABELLED_NEURONS = 60
_MOST_MARKED_CELLS = 2_500


def draw_assignments(
    rows: Sequence[MeanActivationRow], read: Sequence[NeuronRow], reading: ReadingName
) -> Figure:
    """Mean activation of each evaluating neuron over the formulas each assignment satisfies.

    Each row is divided by its largest value, which the bars on the left show; rows are sorted by
    their strongest assignment, so that a neuron's neighbours respond to the same ones.
    """
    readings = {row.neuron: row.reading[reading] for row in read}
    chosen = [row for row in rows if readings[row.neuron].evaluates]
    neurons = [row.neuron for row in chosen]
    means = np.array([list(row.mean_activation.values()) for row in chosen])
    marked = np.zeros(means.shape, dtype=bool)
    for index, neuron in enumerate(neurons):
        marked[index, list(readings[neuron].assignments)] = True
    order = np.lexsort((-means.max(axis=1), means.argmax(axis=1)))
    figure = Figure(
        figsize=(PAGE_WIDTH, float(np.clip(1.4 + 0.13 * len(neurons), 3, 7))), layout="constrained"
    )
    figure.suptitle(f"evaluating neurons of reading {reading}", fontsize=9)
    bars, cells = figure.subplots(1, 2, sharey=True, width_ratios=[1, 5])
    _draw_largest(bars, means[order].max(axis=1), [neurons[index] for index in order])
    _draw_responses(figure, cells, means[order], marked[order])
    return figure


def draw_effects(neurons: Sequence[NeuronRow], facts: CircuitFacts) -> Figure:
    """Effects in falling order, and the share of the total that the first k neurons carry."""
    shown = [
        neuron
        for neuron in neurons
        if neuron.is_carrying
        or any(read.evaluates or read.is_constant for read in neuron.reading.values())
    ]
    ordered = sorted(shown, key=lambda neuron: -neuron.effect)
    ranks = np.arange(1, len(ordered) + 1)
    effects = np.array([neuron.effect for neuron in ordered])
    positive = np.array([neuron.coefficient > 0 for neuron in ordered])
    figure = Figure(figsize=(PAGE_WIDTH, 4.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    for chosen, colour, marker, label in (
        (positive, BLUE, "o", "coefficient on s positive"),
        (~positive, VERMILLION, "v", "coefficient on s not positive"),
    ):
        top.scatter(ranks[chosen], effects[chosen], s=10, color=colour, marker=marker, label=label)
    top.set_yscale("log")
    top.set_ylabel("effect (logits)")
    top.set_title("largest activation times size of the coefficient on the s logit")
    shares = np.cumsum([neuron.effect_share for neuron in ordered])
    bottom.plot(ranks, 100 * shares, ".-", color=BLUE, markersize=4)
    bottom.set_ylabel("carried by the first k (%)")
    bottom.set_xlabel("neurons by falling effect, k")
    bottom.set_xlim(left=0)
    bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (top, bottom):
        axes.axvline(facts.carrying_neurons, color=BLACK, linestyle=":", linewidth=1)
    cut = f"{facts.carrying_neurons} neurons carry {facts.effect_share:.1%}"
    top.plot([], [], ":", color=BLACK, linewidth=1, label=cut)
    top.legend(loc="best")
    return figure


def draw_own_clause_attention(rows: Sequence[OwnClauseRow]) -> Figure:
    """Attention from each second literal to the two literals of its clause, per head."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    heads = sorted({row.head for row in rows})
    styles = zip(
        cycle((BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY_BLUE)), cycle("osv^D"), strict=False
    )
    for head, (colour, marker) in zip(heads, styles, strict=False):
        chosen = [row for row in rows if row.head == head]
        axes.plot(
            [row.clause for row in chosen],
            [row.own_clause_attention for row in chosen],
            color=colour,
            marker=marker,
            markersize=4,
            label=f"head {head}",
        )
    clauses = sorted({row.clause for row in rows})
    uniform = [_uniform_attention(clause) for clause in clauses]
    axes.plot(clauses, uniform, ":", color="0.4", label="uniform attention")
    axes.set_ylim(0, 1.03)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("clause position (from 0)")
    axes.set_ylabel("mean attention to own two literals")
    axes.set_title("block 0, from the second literal of a clause to both of its literals")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), ncols=1 + len(heads) // 12)
    return figure


def _draw_largest(
    axes: Axes, largest: Float[np.ndarray, " neuron"], neurons: Sequence[int]
) -> None:
    axes.barh(range(len(neurons)), largest, color="0.6", height=0.8)
    axes.invert_xaxis()
    axes.set_xlabel("largest mean\nactivation")
    axes.xaxis.set_major_locator(MaxNLocator(3))
    if len(neurons) <= _MOST_LABELLED_NEURONS:
        axes.set_yticks(range(len(neurons)), [str(neuron) for neuron in neurons], fontsize=6)
        axes.set_ylabel("neuron")
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(neurons)} neurons")


def _draw_responses(
    figure: Figure,
    axes: Axes,
    means: Float[np.ndarray, "neuron assignment"],
    marked: Bool[np.ndarray, "neuron assignment"],
) -> None:
    largest = means.max(axis=1, keepdims=True)
    relative = np.divide(means, largest, out=np.zeros_like(means), where=largest > 0)
    image = axes.imshow(
        relative, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
    )
    axes.set_xlabel("assignment a (bit v is the value of variable v)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=16, integer=True, steps=[1, 2, 4, 8, 10]))
    axes.tick_params(left=False, labelleft=False)
    if marked.size <= _MOST_MARKED_CELLS:
        rows, columns = marked.nonzero()
        axes.scatter(columns, rows, s=5, color=VERMILLION, linewidths=0)
        axes.set_title("dot: assignment is in the neuron's disjunction", loc="left")
    figure.colorbar(
        image,
        ax=axes,
        label="mean activation over formulas that a\nsatisfies, of the neuron's largest",
    )


def _uniform_attention(clause: int) -> float:
    """Two of the positions that the second literal of a clause sees, itself included.

    A clause takes four tokens, its second literal is the third of them.
    """
    return 2 / (4 * clause + 3)
