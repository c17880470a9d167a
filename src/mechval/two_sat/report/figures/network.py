"""Figures of the training: the learning curve, and sparsity over the snapshots."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from mechval.reporting import figures
from mechval.reporting.palette import BLUE, ORANGE, PURPLE, VERMILLION
from mechval.reporting.shown import by
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


def draw_sparsity(snapshots: Sequence[SnapshotRow], with_published: bool) -> Figure:
    """Neurons that carry 99.9 % of the effect at each weight snapshot, one column per phase."""
    phases = by(snapshots, "phase")
    figure, (found,) = figures.grid(1, len(phases), 3.2, sharey=True)
    for axes, (phase, points) in zip(found, phases.items(), strict=True):
        steps, counts = [p.step for p in points], [p.carrying_neurons for p in points]
        axes.plot(steps, counts, "o-", color=BLUE, markersize=3, label="this run")
        if with_published:
            label = f"published model: {CARRYING_NEURONS}"
            axes.axhline(CARRYING_NEURONS, color=VERMILLION, linestyle="--", label=label)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(-0.2, 6 * max(1, steps[-1]))
        axes.set_xlabel("optimizer step (log)" if axes is found[0] else "step of this phase (log)")
        axes.set_title(f"{_TITLES.get(phase, f'phase {phase}')}; {counts[-1]} at its end")
    sizes = " or ".join(f"{n:,}" for n in sorted(by(snapshots, "n")))
    found[0].set_ylabel(f"neurons with 99.9 % of the effect\n(N = {sizes} selection formulas)")
    found[0].set_ylim(0, 1.12 * max(point.carrying_neurons for point in snapshots))
    found[0].legend()
    return figure


def _draw_error(axes: Axes, points: Sequence[LearningCurveRow], n_formulas: int) -> None:
    # A measured error of zero has no place on a log axis: it is drawn at half an error.
    none = 0.5 / n_formulas
    errors = [max(1 - point.selection_accuracy, none) for point in points]
    label = f"error: this run, selection split (N = {n_formulas:,})"
    seen = [point.examples for point in points]
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
