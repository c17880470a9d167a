"""Figures of the training: the learning curve, and sparsity over the snapshots."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.palette import BLUE, ORANGE, PURPLE, VERMILLION
from mechval.two_sat.circuit.sparsity import SnapshotRow
from mechval.two_sat.network.training import LearningCurveRow
from mechval.two_sat.report import published_values

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
            _draw_published_log(top)
        top.set_title(_TITLES.get(phase, f"phase {phase}"))
        bottom.set_xlabel("formulas seen" if is_first else "formulas seen in this phase")
        _format_counts(bottom, is_log=is_first and with_published)
    axes[0, 0].set_ylabel("1 − accuracy")
    axes[1, 0].set_ylabel("cross-entropy (nats)")
    _add_legend(figure)
    return figure


def draw_sparsity(snapshots: Sequence[SnapshotRow], with_published: bool) -> Figure:
    """Neurons that carry 99.9 % of the effect at each weight snapshot, one column per phase."""
    phases = list(dict.fromkeys(point.phase for point in snapshots))
    figure = Figure(figsize=(PAGE_WIDTH, 3.2), layout="constrained")
    axes = figure.subplots(1, len(phases), sharey=True, squeeze=False)[0]
    for panel, phase in zip(axes, phases, strict=True):
        points = [point for point in snapshots if point.phase == phase]
        counts = [point.carrying_neurons for point in points]
        panel.plot([point.step for point in points], counts, "o-", color=BLUE, markersize=3)
        panel.annotate(
            str(counts[-1]),
            (points[-1].step, counts[-1]),
            (5, 3),
            textcoords="offset points",
            color=BLUE,
        )
        if with_published:
            panel.axhline(published_values.CARRYING_NEURONS, color=VERMILLION, linestyle="--")
        panel.set_xscale("symlog", linthresh=1)
        panel.set_xlim(-0.2, 6 * max(1, points[-1].step))
        panel.set_xlabel(
            "optimizer step (log)" if phase == phases[0] else "step of this phase (log)"
        )
        panel.set_title(_TITLES.get(phase, f"phase {phase}"))
    _finish_sparsity(axes[0], snapshots, with_published)
    return figure


def _draw_error(axes: Axes, points: Sequence[LearningCurveRow], n_formulas: int) -> None:
    # A measured error of zero has no place on a log axis: it is drawn at half an error.
    errors = [max(1 - point.selection_accuracy, 0.5 / n_formulas) for point in points]
    label = f"error: this run, selection split (N = {n_formulas:,})"
    axes.plot(_examples(points), errors, "o-", color=BLUE, markersize=2.5, label=label)
    axes.set_yscale("log")
    if any(point.selection_accuracy == 1 for point in points):
        axes.axhline(
            0.5 / n_formulas,
            color="0.6",
            linewidth=0.8,
            linestyle=":",
            label=f"no error in {n_formulas:,}",
        )


def _draw_loss(axes: Axes, points: Sequence[LearningCurveRow]) -> None:
    training = [point.train_loss for point in points]
    selection = [point.selection_loss for point in points]
    axes.plot(
        _examples(points), training, color=ORANGE, label="loss: training, mean since last point"
    )
    axes.plot(_examples(points), selection, "--", color=PURPLE, label="loss: selection split")
    axes.set_yscale("log")


def _draw_published_log(axes: Axes) -> None:
    log = published_values.TRAINING_LOG
    axes.plot(
        [point.formulas for point in log],
        [1 - point.test_accuracy for point in log],
        "s--",
        color=VERMILLION,
        markersize=4,
        label=f"error: published log, epochs {', '.join(str(point.epoch) for point in log)}",
    )


def _add_legend(figure: Figure) -> None:
    """One legend below all panels, where it hides no curve."""
    entries = {
        str(label): handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=2)


def _format_counts(axes: Axes, *, is_log: bool) -> None:
    if is_log:
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


def _finish_sparsity(axes: Axes, snapshots: Sequence[SnapshotRow], with_published: bool) -> None:
    sizes = sorted({point.n for point in snapshots})
    n_formulas = " or ".join(f"{n:,}" for n in sizes)
    axes.set_ylabel(f"neurons with 99.9 % of the effect\n(N = {n_formulas} selection formulas)")
    axes.set_ylim(0, 1.12 * max(point.carrying_neurons for point in snapshots))
    if with_published:
        axes.annotate(
            f"published model: {published_values.CARRYING_NEURONS}",
            (0.02, published_values.CARRYING_NEURONS),
            (0, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            color=VERMILLION,
            fontsize=8,
        )


def _examples(points: Sequence[LearningCurveRow]) -> list[int]:
    return [point.examples for point in points]
