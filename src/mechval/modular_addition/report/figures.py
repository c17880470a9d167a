"""Figures: the circuit's frequencies, neurons and logits; ε of every cell, decimals, training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from mechval.modular_addition.circuit.examples import BRIGHTEST, Examples, load_examples
from mechval.modular_addition.circuit.extract import FREQUENCIES, NEURONS, Frequency, Neuron
from mechval.modular_addition.circuit.losses import LOSS_POINTS, LossPoint
from mechval.modular_addition.claim.controls import DECIMALS, Differing
from mechval.modular_addition.network.training import ANSWERS, CURVE, Answers, CurvePoint
from mechval.reporting import figures
from mechval.reporting.figures_progress import error_of, format_examples
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, SKY_BLUE, VERMILLION
from mechval.reporting.report import RunFiles, shown_in
from mechval.reporting.shown import by

SEEN = "inputs seen ({:,} in each step)"
"""The unit of what is drawn over the training."""
_LOOK: dict[str, Any] = {"cmap": "cividis", "origin": "lower", "interpolation": "nearest"}


@shown_in("circuit", FREQUENCIES)
def draw_embedding(frequencies: Sequence[Frequency]) -> Figure:
    """The embedding's waves (labelled: the key frequencies), and below how clearly the key
    frequencies stand out of what the neurons write into the logits."""
    figure, ((top,), (bottom,)) = figures.grid(2, 1, 4.8)
    numbers = np.array([row.frequency for row in frequencies])
    cosines = [row.embedding_cos_norm for row in frequencies]
    sines = [row.embedding_sin_norm for row in frequencies]
    top.bar(numbers - 0.2, cosines, 0.4, color=BLUE, label="cosine")
    top.bar(numbers + 0.2, sines, 0.4, color=ORANGE, label="sine")
    for row in frequencies:
        if row.is_key:
            at = row.frequency, max(row.embedding_cos_norm, row.embedding_sin_norm)
            top.annotate(str(at[0]), at, (0, 2), textcoords="offset points", ha="center")
    top.margins(y=0.15)
    top.set(xlabel="frequency k (waves over the residues)", ylabel="norm of the embedding")
    top.set_title("embedding of the numbers along cos and sin of w_k n (labelled: key frequencies)")
    top.legend()
    _draw_cut(bottom, frequencies)
    return figure


def _draw_cut(axes: Axes, frequencies: Sequence[Frequency]) -> None:
    ordered = sorted(frequencies, key=lambda row: -row.neuron_sum_wave_share)
    ranks = np.arange(1, len(ordered) + 1)
    shares = np.array([row.neuron_sum_wave_share for row in ordered])
    is_key = np.array([row.is_key for row in ordered])
    axes.plot(ranks[~is_key], shares[~is_key], "o", color=SKY_BLUE, label="other frequencies")
    axes.plot(ranks[is_key], shares[is_key], "s", color=VERMILLION, label="key frequencies")
    if is_key.any():
        axes.axvline(is_key.sum() + 0.5, color="0.4", linestyle="--", label="largest ratio")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(yscale="log", xlabel="rank", ylabel="share of the variance")
    axes.set_title(
        "what the neurons write into the logits, on waves of a + b; the cut: largest ratio with\n"
        "at least half of the variance and at most half of the frequencies above it"
    )
    axes.legend()


@shown_in("circuit", NEURONS, FREQUENCIES, given=lambda files: [files.settings.circuit.explained])
def draw_neurons(
    neurons: Sequence[Neuron], frequencies: Sequence[Frequency], explained: float
) -> Figure:
    """How much of each neuron one frequency explains: a peak near 1 means neurons that work at a
    single frequency."""
    figure, ((left, right),) = figures.grid(1, 2, 2.9, width_ratios=[3, 2])
    shares = [neuron.variance_explained for neuron in neurons]
    left.hist(shares, bins=np.linspace(0, 1, 41).tolist(), color=BLUE)
    left.axvline(explained, color=VERMILLION, linestyle="--", label=f"{explained:.0%}")
    left.set_xlabel("share of a neuron's variance that its best frequency explains")
    left.set(ylabel=f"neurons (of {len(neurons):,})", title="hidden neurons on all inputs")
    left.legend()
    occurring = [row for row in frequencies if row.neurons]
    places = np.arange(len(occurring))
    right.bar(places, [row.neurons for row in occurring], color=SKY_BLUE, label="all")
    counted = [row.neurons_explained for row in occurring]
    right.bar(places, counted, 0.5, color=BLUE, label=f"≥ {explained:.0%} explained")
    labels = [f"{row.frequency}{'*' if row.is_key else ''}" for row in occurring]
    right.set_xticks(places, labels, rotation=90 if len(places) > 8 else 0)
    right.set(xlabel="best frequency (*: key)", ylabel="neurons")
    right.margins(y=0.35)
    right.legend(loc="upper center", ncols=2)
    return figure


def _over_inputs(files: RunFiles) -> list[Any] | None:
    found = load_examples(files.folder("circuit"))
    return [found, files.rows(NEURONS)] if len(found.neurons) else None


@shown_in("circuit", given=_over_inputs)
def draw_neurons_over_inputs(examples: Examples, neurons: Sequence[Neuron]) -> Figure:
    """One neuron per key frequency over all pairs (a, b): a regular grid means that it responds to
    one wavelength."""
    figure, (panels,) = figures.grid(1, len(examples.neurons), 2.5, sharey=True)
    chosen = zip(examples.frequencies.tolist(), examples.neurons.tolist(), strict=True)
    for axes, (frequency, neuron), levels in zip(panels, chosen, examples.levels, strict=True):
        axes.imshow(levels.numpy(), vmin=0, vmax=BRIGHTEST, **_LOOK)
        share = neurons[neuron].variance_explained
        axes.set(title=f"k = {frequency}\nneuron {neuron} ({share:.0%})", xlabel="b")
    panels[0].set_ylabel("a")
    figure.suptitle("activation of one neuron per key frequency (bright: high)")
    return figure


@shown_in("circuit", given=lambda files: [load_examples(files.folder("circuit"))])
def draw_logit_spectrum(examples: Examples) -> Figure:
    """The logits by frequency of a and of b: spots on the diagonal alone mean that they depend on a
    + b."""
    figure = Figure(figsize=(figures.PAGE_WIDTH * 0.7, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.imshow(examples.spectrum.numpy(), **_LOOK)
    axes.set(xlabel="frequency of b (0: constant)", ylabel="frequency of a (0: constant)")
    axes.set_title("logits over the inputs, norm by two-dimensional frequency\n(mean left out)")
    figures.colour_bar(figure, [axes], "norm over numbers and phases (logits)")
    return figure


@shown_in("readings", DECIMALS)
def draw_decimals(rows: Sequence[Differing]) -> Figure:
    """Share that differs against decimals compared: where the controls (orange, red) lie as low as
    the network (blue), the reading cannot fail and says nothing."""
    panels = by(rows, "map", "reading", "judged_on").values()
    n_rows = -(-len(panels) // 2)
    figure, grid = figures.grid(n_rows, 2, 0.8 + 2.0 * n_rows, sharey=True)
    for axes, of_panel in zip(grid.flat, panels, strict=False):
        _draw_decimals(axes, of_panel)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("share that differs")
    for axes in grid[-1]:
        axes.set_xlabel("decimals compared\n(∠: nearest angle; all: unrounded)")
    figures.legend_below(figure, [grid.flat[0]], 3)
    return figure


def _draw_decimals(axes: Axes, rows: Sequence[Differing]) -> None:
    first, subjects = rows[0], by(rows, "subject").items()
    looks = ((BLUE, "o"), (ORANGE, "s"), (VERMILLION, "^"))
    for (colour, marker), (subject, mine) in zip(looks, subjects, strict=True):
        # Rows run from the nearest angle over the decimals to unrounded.
        of_points, of_waves = [row.rate for row in mine], [row.mean_part_error for row in mine]
        axes.plot(of_points, f"{marker}-", color=colour, markersize=4, label=f"{subject}: points")
        axes.plot(of_waves, f"{marker}:", color=colour, markersize=2.5, label=f"{subject}: waves")
    decimals = sorted({row.decimals for row in rows if row.decimals is not None})
    ticks = ["∠", *map(str, decimals), "all"]
    title = f"{first.map} {first.reading}\non {first.judged_on} (N = {first.n:,})"
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set(ylim=(-0.05, 1.05), title=title)


def _training(files: RunFiles) -> list[Any] | None:
    return [] if files.settings.model.kind == "own" else None


@shown_in("network", CURVE, ANSWERS, given=_training)
def draw_learning_curve(curve: Sequence[CurvePoint], answers: Answers) -> Figure:
    """Loss and error on trained and held-out pairs: a gap that closes late is memorising, then
    grokking."""
    figure, ((top,), (bottom,)) = figures.grid(2, 1, 4.6, sharex=True)
    steps = [point.step for point in curve]
    for colour, style, name, part, n in (
        (BLUE, "-", "trained on", "train", answers.train.n),
        (ORANGE, "--", "held out", "test", answers.test.n),
    ):
        losses = [getattr(point, f"{part}_loss") for point in curve]
        top.plot(steps, losses, style, color=colour, label=f"{name} (N = {n:,})")
        errors = [error_of(getattr(point, f"{part}_accuracy"), n) for point in curve]
        bottom.plot(steps, errors, style, color=colour)
    title = "loss and error during training"
    top.set(yscale="log", ylabel="cross-entropy (nats)", title=title)
    top.legend()
    bottom.set(yscale="log", xlabel="optimizer step (full batch)")
    bottom.set_ylabel("1 − accuracy\n(no error: drawn at half an error)")
    bottom.xaxis.set_major_locator(MaxNLocator(8))
    bottom.xaxis.set_major_formatter(EngFormatter(sep=" "))
    return figure


def _losses(files: RunFiles) -> list[Any] | None:
    points = files.rows(LOSS_POINTS)
    if all(point.examples is None for point in points):
        return None
    return [points, SEEN.format(files.record(ANSWERS).train.n)]


@shown_in("progress", given=_losses)
def draw_losses_over_training(points: Sequence[LossPoint], unit: str) -> Figure:
    """Nanda et al.'s progress measures: the restricted loss falls and the excluded loss rises while
    the network moves to its key waves, before held-out loss falls.

    Points without ``examples`` have no place here; a ``unit`` is such as ``inputs seen``.
    """
    timed = {point.examples: point for point in points if point.examples is not None}
    first = next(iter(timed.values()))
    figure, ((axes,),) = figures.grid(1, 1, 4.0)
    for style, colour, name, words in (
        (".-", BLACK, "train", "train ("),
        ("s-", VERMILLION, "test", "held out ("),
        ("o--", BLUE, "restricted", "restricted: only the key frequencies kept (all inputs, "),
        ("^--", GREEN, "excluded", "excluded: the key frequencies removed (train inputs, "),
    ):
        losses = [point.loss[name] for point in timed.values()]
        label = f"{words}N = {first.n[name]:,})"
        axes.plot(list(timed), losses, style, color=colour, markersize=3.5, label=label)
    axes.set(yscale="log", ylabel="cross-entropy (nats)")
    format_examples(axes, list(timed), unit)
    numbers = ", ".join(map(str, first.key_frequencies))
    axes.set_title(f"loss on training snapshots; key frequencies of the final network: {numbers}")
    figure.legend(loc="outside lower center", ncols=1)
    return figure
