"""Figures of the training: the learning curve, and sparsity over the snapshots."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from mechval.reporting.figures import PAGE_WIDTH, legend_below
from mechval.reporting.palette import BLUE, ORANGE, PURPLE, VERMILLION
from mechval.two_sat.circuit.sparsity import SnapshotRow
from mechval.two_sat.network.training import LearningCurveRow
from mechval.two_sat.report.published_values import CARRYING_NEURONS, TRAINING_LOG

_TITLES = {
    "training": "phase training: all weights",
    "finishing": "phase finishing: last MLP alone,\non cached residual streams",
}


def draw_learning_curve(
    curve: Sequence[LearningCurveRow], n_formulas: Mapping[str, int], with_published: bool
) -> Figure:
    """Error and loss against formulas seen, one column per phase.

    Args:
        n_formulas: per phase, how many selection formulas an accuracy is measured on.
        with_published: whether to draw the published log beside the training phase.
    """
    phases = list(dict.fromkeys(point.phase for point in curve))
    figure = Figure(figsize=(PAGE_WIDTH, 5.2), layout="constrained")
    axes = figure.subplots(2, len(phases), sharex="col", sharey="row", squeeze=False)
    for (top, bottom), phase in zip(axes.T, phases, strict=True):
        points = [point for point in curve if point.phase == phase]
        is_first = phase == phases[0]
        _draw_error(top, points, n_formulas[phase])
        _draw_loss(bottom, points)
        if is_first and with_published:
            seen, accuracies = list(TRAINING_LOG), TRAINING_LOG.values()
            label, errors = "error: published log", [1 - accuracy for accuracy in accuracies]
            top.plot(seen, errors, "s--", color=VERMILLION, markersize=4, label=label)
            bottom.set_xscale("log")
        else:
            bottom.set_xlim(left=0)
            bottom.xaxis.set_major_locator(MaxNLocator(4))
        bottom.xaxis.set_major_formatter(EngFormatter(sep=" "))
        top.set_title(_TITLES.get(phase, f"phase {phase}"))
        bottom.set_xlabel("formulas seen" if is_first else "formulas seen in this phase")
    axes[0, 0].set_ylabel("1 − accuracy")
    axes[1, 0].set_ylabel("cross-entropy (nats)")
    legend_below(figure, figure.axes, 2)
    return figure


def draw_sparsity(snapshots: Sequence[SnapshotRow], with_published: bool) -> Figure:
    """Neurons that carry 99.9 % of the effect at each weight snapshot, one column per phase."""
    phases = list(dict.fromkeys(point.phase for point in snapshots))
    figure = Figure(figsize=(PAGE_WIDTH, 3.2), layout="constrained")
    axes = figure.subplots(1, len(phases), sharey=True, squeeze=False)[0]
    for panel, phase in zip(axes, phases, strict=True):
        points = [point for point in snapshots if point.phase == phase]
        steps, counts = zip(
            *((point.step, point.carrying_neurons) for point in points), strict=True
        )
        panel.plot(steps, counts, "o-", color=BLUE, markersize=3, label="this run")
        if with_published:
            label = f"published model: {CARRYING_NEURONS}"
            panel.axhline(CARRYING_NEURONS, color=VERMILLION, linestyle="--", label=label)
        panel.set_xscale("symlog", linthresh=1)
        panel.set_xlim(-0.2, 6 * max(1, steps[-1]))
        panel.set_xlabel("optimizer step (log)" if panel is axes[0] else "step of this phase (log)")
        panel.set_title(f"{_TITLES.get(phase, f'phase {phase}')}; {counts[-1]} at its end")
    sizes = " or ".join(f"{n:,}" for n in sorted({point.n for point in snapshots}))
    axes[0].set_ylabel(f"neurons with 99.9 % of the effect\n(N = {sizes} selection formulas)")
    axes[0].set_ylim(0, 1.12 * max(point.carrying_neurons for point in snapshots))
    axes[0].legend()
    return figure


def _draw_error(axes: Axes, points: Sequence[LearningCurveRow], n_formulas: int) -> None:
    # A measured error of zero has no place on a log axis: it is drawn at half an error.
    none = 0.5 / n_formulas
    errors = [max(1 - point.selection_accuracy, none) for point in points]
    label = f"error: this run, selection split (N = {n_formulas:,})"
    axes.plot(_examples(points), errors, "o-", color=BLUE, markersize=2.5, label=label)
    axes.set_yscale("log")
    if none in errors:
        label = f"no error in {n_formulas:,}"
        axes.axhline(none, color="0.6", linewidth=0.8, linestyle=":", label=label)


def _draw_loss(axes: Axes, points: Sequence[LearningCurveRow]) -> None:
    seen = _examples(points)
    training = [point.train_loss for point in points]
    selection = [point.selection_loss for point in points]
    axes.plot(seen, training, color=ORANGE, label="loss: training, mean since last point")
    axes.plot(seen, selection, "--", color=PURPLE, label="loss: selection split")
    axes.set_yscale("log")


def _examples(points: Sequence[LearningCurveRow]) -> list[int]:
    return [point.examples for point in points]
