"""Figures of the network: its training, and its neurons: effects, programs, parts."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from mechval.reporting import figures
from mechval.reporting.figures_progress import error_of
from mechval.reporting.palette import BLACK, BLUE, MARKERS, ORANGE, PURPLE, SERIES, VERMILLION
from mechval.reporting.report import RunFiles, shown_in
from mechval.reporting.shown import by
from mechval.two_sat.circuit.evidence import coverage, gather, neuron_rows
from mechval.two_sat.circuit.evidence.contributions import HISTOGRAMS, HistogramRow
from mechval.two_sat.circuit.sparsity import SNAPSHOTS, SparsityRow
from mechval.two_sat.network.training import LEARNING_CURVE, LearningCurveRow
from mechval.two_sat.report import measured, network_sections
from mechval.two_sat.report.paper_values import CARRYING_NEURONS, TRAINING_LOG

_MOST_LABELLED_NEURONS = 40
_MOST_MARKED_CELLS = 2_500
_ASSIGNMENT = "assignment a (bit v is the value of variable v)"
_TITLES = {
    "training": "phase training: all weights",
    "finishing": "phase finishing: last MLP alone,\non cached residual streams",
}


@shown_in(
    "training",
    LEARNING_CURVE,
    given=lambda files: [network_sections.evaluation_sizes(files), measured.is_paper_size(files)],
)
def draw_learning_curve(
    curve: Sequence[LearningCurveRow], n_formulas: Mapping[str, int], with_published: bool
) -> Figure:
    """Error and loss against formulas seen, per phase, beside the published log if the size is the
    paper's: look for the plateau and the sudden fall after it.

    ``n_formulas`` of the selection split are behind an accuracy, per phase.
    """
    phases = by(curve, "phase")
    figure, found = figures.grid(2, len(phases), 5.2, sharex="col", sharey="row")
    for is_later, ((top, bottom), phase) in enumerate(zip(found.T, phases, strict=True)):
        _draw_error(top, phases[phase], n_formulas[phase])
        _draw_loss(bottom, phases[phase])
        if with_published and not is_later:
            errors = [1 - accuracy for accuracy in TRAINING_LOG.values()]
            look = {"color": VERMILLION, "markersize": 4, "label": "error: published log"}
            top.plot(list(TRAINING_LOG), errors, "s--", **look)
            bottom.set_xscale("log")
        else:
            bottom.set_xlim(left=0)
            bottom.xaxis.set_major_locator(MaxNLocator(4))
        bottom.xaxis.set_major_formatter(EngFormatter(sep=" "))
        top.set_title(_TITLES.get(phase, f"phase {phase}"))
        bottom.set_xlabel("formulas seen in this phase" if is_later else "formulas seen")
    found[0, 0].set_ylabel("1 − accuracy")
    found[1, 0].set_ylabel("cross-entropy (nats)")
    figures.legend_below(figure, figure.axes, 2)
    return figure


@shown_in("training", SNAPSHOTS, given=lambda files: [measured.is_paper_size(files)])
def draw_sparsity(snapshots: Sequence[SparsityRow], with_published: bool) -> Figure:
    """How many neurons carry 99.9 % of the effect during training: the fewer, the easier to
    read."""
    phases = by(snapshots, "phase")
    figure, (found,) = figures.grid(1, len(phases), 3.2, sharey=True)
    for axes, (phase, points) in zip(found, phases.items(), strict=True):
        steps, counts = zip(*((p.step, p.carrying_neurons) for p in points), strict=True)
        axes.plot(steps, counts, "o-", color=BLUE, markersize=3, label="this run")
        if with_published:
            label = f"published model: {CARRYING_NEURONS}"
            axes.axhline(CARRYING_NEURONS, color=VERMILLION, linestyle="--", label=label)
        axes.set_xscale("symlog", linthresh=1)
        label = "optimizer step (log)" if axes is found[0] else "step of this phase (log)"
        axes.set(xlabel=label, xlim=(-0.2, 6 * max(1, steps[-1])))
        axes.set_title(f"{_TITLES.get(phase, f'phase {phase}')}; {counts[-1]} at its end")
    sizes = " or ".join(f"{n:,}" for n in sorted(by(snapshots, "n")))
    found[0].set_ylabel(f"neurons with 99.9 % of the effect\n(N = {sizes} selection formulas)")
    found[0].set_ylim(0, 1.12 * max(point.carrying_neurons for point in snapshots))
    found[0].legend()
    return figure


@shown_in("circuit", neuron_rows.NEURONS, gather.FACTS)
def draw_neuron_effects(
    neurons: Sequence[neuron_rows.NeuronRow], facts: gather.CircuitFacts
) -> Figure:
    """The dotted line marks how many neurons carry 99.9 % of the effect on the answer: the fewer,
    the easier to read."""
    n_carrying = facts.carrying_neurons
    shown = neurons[: max(n_carrying + 10, 3 * n_carrying // 2)]
    ranks, effects = np.arange(1, len(shown) + 1), np.array([row.effect for row in shown])
    positive = np.array([row.coefficient > 0 for row in shown])
    figure, (top, bottom) = figures.panels(2, panel_height=2.1)
    for chosen, colour, marker, label in (
        (positive, BLUE, "o", "coefficient on s positive"),
        (~positive, VERMILLION, "v", "coefficient on s not positive"),
    ):
        top.scatter(ranks[chosen], effects[chosen], s=10, color=colour, marker=marker, label=label)
    top.set(yscale="log", ylabel="effect (logits)")
    top.set_title("largest activation times size of the coefficient on the s logit")
    carried = 100 * np.cumsum([row.effect_share for row in shown])
    bottom.plot(ranks, carried, ".-", color=BLUE, markersize=4)
    bottom.set(xlabel=f"neurons by falling effect, k (of {len(neurons):,})")
    bottom.set_ylabel("carried by the first k (%)")
    label = f"{n_carrying} neurons carry {facts.effect_share:.1%}"
    for axes in (top, bottom):
        axes.axvline(n_carrying, color=BLACK, linestyle=":", linewidth=1, label=label)
        axes.set_xlim(0, len(shown) + 1)
    top.legend(loc="best")
    return figure


def _reading(files: RunFiles) -> list[str] | None:
    neurons, reading = files.rows(neuron_rows.NEURONS), measured.main_tags(files)["reading"]
    return [reading] if any(row.reading[reading].evaluates for row in neurons) else None


@shown_in("circuit", neuron_rows.MEAN_ACTIVATIONS, neuron_rows.NEURONS, given=_reading)
def draw_assignments(
    means: Sequence[neuron_rows.MeanActivationRow],
    neurons: Sequence[neuron_rows.NeuronRow],
    reading: str,
) -> Figure:
    """Each row is a neuron, each column an assignment: one yellow spot per row means a neuron that
    stands for one assignment, a yellow spot in every column that none is forgotten.

    Each row is divided by its largest value, which the bars on the left show; rows are sorted by
    their strongest assignment, so that a neuron's neighbours respond to the same ones.
    """
    read = {row.neuron: row.reading[reading] for row in neurons if row.reading[reading].evaluates}
    chosen = [row for row in means if row.neuron in read]
    values = np.array([list(row.mean_activation.values()) for row in chosen])
    order = np.lexsort((-values.max(axis=1), values.argmax(axis=1)))
    names, values = [chosen[index].neuron for index in order], values[order]
    height = float(np.clip(1.4 + 0.15 * len(names), 3, 7.5))
    figure, ((bars, cells),) = figures.grid(1, 2, height, sharey=True, width_ratios=[1, 5])
    figure.suptitle(f"evaluating neurons of reading {reading}")
    largest = values.max(axis=1, keepdims=True)
    bars.barh(range(len(names)), largest[:, 0].tolist(), color="0.6", height=0.8)
    bars.invert_xaxis()
    bars.xaxis.set_major_locator(MaxNLocator(3))
    is_labelled = len(names) <= _MOST_LABELLED_NEURONS
    bars.set_yticks(range(len(names)) if is_labelled else [], names * is_labelled)
    bars.set_ylabel("neuron" if is_labelled else f"{len(names)} neurons")
    bars.set_xlabel("largest mean\nactivation")
    relative = np.divide(values, largest, out=np.zeros_like(values), where=largest > 0)
    figures.heat_map(cells, relative, "cividis", 0.0, 1.0)
    cells.set_xlabel(_ASSIGNMENT)
    if values.size <= _MOST_MARKED_CELLS:
        marked = [(a, row) for row, name in enumerate(names) for a in read[name].assignments]
        cells.scatter(*np.array(marked).reshape(-1, 2).T, s=5, color=VERMILLION, linewidths=0)
        cells.set_title("dot: assignment is in the neuron's disjunction", loc="left")
    label = "mean activation over formulas that a\nsatisfies, of the neuron's largest"
    figures.colour_bar(figure, [cells], label)
    return figure


@shown_in("evidence", neuron_rows.ASSIGNMENT_EFFECTS)
def draw_assignment_effects(effects: Sequence[neuron_rows.AssignmentEffectRow]) -> Figure:
    """Total effect on s over formulas that an assignment satisfies; bars of like height mean that
    every assignment is covered about as well."""
    figure, (axes,) = figures.panels(1, panel_height=2.2)
    axes.bar([row.assignment for row in effects], [row.total_effect for row in effects], color=BLUE)
    axes.set(ylabel="total effect\n(logits on s)", xlabel=_ASSIGNMENT)
    axes.set_title("mean over the test formulas that an assignment satisfies")
    return figure


@shown_in("evidence", coverage.PROGRAM_QUALITY, coverage.COVERAGE, neuron_rows.NEURONS)
def draw_neuron_programs(
    quality: Sequence[coverage.QualityRow],
    covering: Sequence[coverage.CoverageRow],
    neurons: Sequence[neuron_rows.NeuronRow],
) -> Figure:
    """F1 of each neuron's programs, one point per neuron and program: points far below 1 are
    neurons that the program does not describe well."""
    effects = {row.neuron: row.effect for row in neurons}
    figure, found = figures.facets(covering, "reading", panel_height=2.5)
    for axes, reading, programs in found:
        chosen = by(quality, "reading").get(reading, [])
        places = [effects[row.neuron] for row in chosen]
        for covered, colour, marker in zip(programs, SERIES, MARKERS, strict=False):
            told = f"{covered.covered_pruned} ({covered.covered_unpruned}) of {covered.assignments}"
            f1 = [row.f1(covered.program) for row in chosen]
            label = f"{covered.program}: {told}"
            axes.scatter(places, f1, s=14, color=colour, marker=marker, alpha=0.8, label=label)
        axes.set(ylabel="F1 on test formulas", xlabel="largest effect of the neuron (logits on s)")
        axes.set_title(f"programs of single neurons, reading {reading}")
        figures.legend_beside(axes, title="covered assignments\npruned (unpruned)")
    return figure


@shown_in("evidence", HISTOGRAMS, gather.FACTS)
def draw_clause_contributions(rows: Sequence[HistogramRow], facts: gather.CircuitFacts) -> Figure:
    """How single clauses push the shown neuron: where orange lies left of blue, clauses that
    violate its assignments push it down."""
    figure, found = figures.facets(rows, "head", "quantity", columns=2, panel_height=1.5)
    for axes, (head, quantity), own in found:
        edges = [row.low for row in own] + [own[-1].high]
        for group, colour in zip(own[0].clauses, (BLUE, ORANGE, VERMILLION), strict=False):
            counts = np.array([row.clauses[group] for row in own])
            share = 100 * counts / max(counts.sum(), 1)
            axes.stairs(share, edges, fill=True, color=colour, alpha=0.45, label=group)
            axes.stairs(share, edges, color=colour, linewidth=1)
        axes.set(yscale="log", title=f"head {head}, {quantity}", ylabel="clauses (%)")
    for axes, *_ in found[-2:]:
        axes.set(xlabel="contribution of one clause\n(exp(score) × value; exp(score))")
    figures.legend_below(figure, [found[0][0]], 3)
    told = "clauses by whether they violate its assignments"
    figure.suptitle(f"neuron {facts.shown_neuron}: {told}")
    return figure


def _draw_error(axes: Axes, points: Sequence[LearningCurveRow], n_formulas: int) -> None:
    seen, none = [point.examples for point in points], error_of(1.0, n_formulas)
    errors = [error_of(point.selection_accuracy, n_formulas) for point in points]
    label = f"error: this run, selection split (N = {n_formulas:,})"
    axes.plot(seen, errors, "o-", color=BLUE, markersize=2.5, label=label)
    axes.set_yscale("log")
    if none in errors:
        label = f"no error in {n_formulas:,}"
        axes.axhline(none, color="0.6", linewidth=0.8, linestyle=":", label=label)


def _draw_loss(axes: Axes, points: Sequence[LearningCurveRow]) -> None:
    seen = [point.examples for point in points]
    training, selection = zip(*((p.train_loss, p.selection_loss) for p in points), strict=True)
    axes.plot(seen, training, color=ORANGE, label="loss: training, mean since last point")
    axes.plot(seen, selection, "--", color=PURPLE, label="loss: selection split")
    axes.set_yscale("log")
