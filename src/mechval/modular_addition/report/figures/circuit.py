"""Figures of the circuit: the embedding's frequencies, the neurons', the logits', the losses."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechval.modular_addition.circuit.files import EXPLAINED
from mechval.modular_addition.report.report_tables import Frequency, Loss, LossPoint, Neuron
from mechval.reporting.figures import PAGE_WIDTH
from mechval.reporting.figures_progress import format_examples
from mechval.reporting.palette import BLACK, BLUE, GREEN, ORANGE, SKY_BLUE, VERMILLION


def draw_embedding(frequencies: Sequence[Frequency]) -> Figure:
    """Norm along every wave, and the power in descending order with the cut that was made."""
    figure = Figure(figsize=(PAGE_WIDTH, 4.8), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    numbers = np.array([row.frequency for row in frequencies])
    for shift, colour, name, values in (
        (-0.2, BLUE, "cosine", [row.embedding_cos_norm for row in frequencies]),
        (0.2, ORANGE, "sine", [row.embedding_sin_norm for row in frequencies]),
    ):
        top.bar(numbers + shift, values, 0.4, color=colour, label=name)
    for row in frequencies:
        if row.is_key:
            height = max(row.embedding_cos_norm, row.embedding_sin_norm)
            top.annotate(
                str(row.frequency),
                (row.frequency, height),
                (0, 2),
                textcoords="offset points",
                ha="center",
            )
    top.margins(y=0.15)
    top.set_xlabel("frequency k (waves over the residues)")
    top.set_ylabel("norm of the embedding")
    top.set_title("embedding of the numbers along cos and sin of w_k n (labelled: key frequencies)")
    top.legend()
    _draw_cut(bottom, frequencies)
    return figure


def _draw_cut(axes: Axes, frequencies: Sequence[Frequency]) -> None:
    ordered = sorted(frequencies, key=lambda row: -row.embedding_power_share)
    ranks = np.arange(1, len(ordered) + 1)
    shares = np.array([row.embedding_power_share for row in ordered])
    is_key = np.array([row.is_key for row in ordered])
    axes.plot(ranks[~is_key], shares[~is_key], "o", color=SKY_BLUE, label="other frequencies")
    axes.plot(ranks[is_key], shares[is_key], "s", color=VERMILLION, label="key frequencies")
    if is_key.any():
        axes.axvline(is_key.sum() + 0.5, color="0.4", linestyle="--", label="largest ratio")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("rank by power")
    axes.set_ylabel("share of all waves' power")
    axes.set_title(
        "the cut: largest ratio between neighbours with at least half of the power\n"
        "and at most half of the frequencies above it"
    )
    axes.legend()


def draw_neurons(neurons: Sequence[Neuron], frequencies: Sequence[Frequency]) -> Figure:
    """How far one frequency explains each neuron, and how many neurons each frequency has."""
    figure = Figure(figsize=(PAGE_WIDTH, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    explained = [neuron.variance_explained for neuron in neurons]
    left.hist(explained, bins=np.linspace(0, 1, 41).tolist(), color=BLUE)
    left.axvline(EXPLAINED, color=VERMILLION, linestyle="--", label=f"{EXPLAINED:.0%}")
    left.set_xlabel("share of a neuron's variance that its best frequency explains")
    left.set_ylabel(f"neurons (of {len(neurons):,})")
    left.set_title("hidden neurons on all inputs")
    left.legend()
    occurring = [row for row in frequencies if row.neurons]
    places = np.arange(len(occurring))
    right.bar(places, [row.neurons for row in occurring], color=SKY_BLUE, label="all")
    right.bar(
        places,
        [row.neurons_explained for row in occurring],
        0.5,
        color=BLUE,
        label=f"≥ {EXPLAINED:.0%} explained",
    )
    labels = [f"{row.frequency}{'*' if row.is_key else ''}" for row in occurring]
    right.set_xticks(places, labels, rotation=90 if len(places) > 8 else 0)
    right.set_xlabel("best frequency (*: key)")
    right.set_ylabel("neurons")
    right.margins(y=0.35)
    right.legend(loc="upper center", ncols=2)
    return figure


def draw_logits(frequencies: Sequence[Frequency]) -> Figure:
    """Coefficient of cos(w_k(a+b−c)) in the logits, per frequency."""
    figure = Figure(figsize=(PAGE_WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    numbers = np.array([row.frequency for row in frequencies])
    values = np.array([row.logit_coefficient for row in frequencies])
    is_key = np.array([row.is_key for row in frequencies])
    axes.bar(numbers[~is_key], values[~is_key], color=SKY_BLUE, label="other frequencies")
    axes.bar(numbers[is_key], values[is_key], color=VERMILLION, label="key frequencies")
    for row in frequencies:
        if row.logit_variance_share >= 0.005:
            axes.annotate(
                f"{row.frequency}: {row.logit_variance_share:.1%}",
                (row.frequency, row.logit_coefficient),
                (0, 2),
                textcoords="offset points",
                ha="center",
            )
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.margins(y=0.15)
    axes.set_xlabel("frequency k")
    axes.set_ylabel("coefficient (logits)")
    axes.set_title("logits as Σ coefficient · cos(w_k(a+b−c)); label: share of their variance")
    axes.legend()
    return figure


def draw_losses(losses: Sequence[Loss]) -> Figure:
    """Loss of the network, restricted to the key frequencies, and without them."""
    figure = Figure(figsize=(PAGE_WIDTH, 3.0), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(row.logits for row in losses))
    parts = list(dict.fromkeys(row.inputs for row in losses))
    places = np.arange(len(names))
    width = 0.8 / len(parts)
    for index, (part, colour) in enumerate(zip(parts, (BLUE, ORANGE, GREEN), strict=True)):
        of_part = {row.logits: row for row in losses if row.inputs == part}
        shift = (index - (len(parts) - 1) / 2) * width
        label = f"{part} (N = {of_part[names[0]].n:,})"
        values = [of_part[name].loss for name in names]
        axes.bar(places + shift, values, width, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_xticks(places, [name.replace(" ", "\n") for name in names])
    axes.set_ylabel("cross-entropy (nats)")
    axes.set_title(
        "logits restricted to the mean and the waves of a+b at the key frequencies, and without "
        "them\n(excluded k: without those of one frequency)"
    )
    axes.margins(y=0.2)
    axes.legend(loc="upper center", ncols=len(parts))
    return figure


def draw_loss_progress(points: Sequence[LossPoint], unit: str) -> Figure:
    """The four losses of the snapshots against examples seen.

    Args:
        points: in the order of the training; those without ``examples`` have no place here.
        unit: what an example is, such as ``inputs seen``.
    """
    timed = [point for point in points if point.examples is not None]
    examples = [point.examples for point in timed if point.examples is not None]
    first = timed[0]
    figure = Figure(figsize=(PAGE_WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    for style, colour, label, losses in (
        (".-", BLACK, f"train (N = {first.train_n:,})", [row.train_loss for row in timed]),
        ("s-", VERMILLION, f"held out (N = {first.test_n:,})", [row.test_loss for row in timed]),
        (
            "o--",
            BLUE,
            f"restricted: only the key frequencies kept (all inputs, N = {first.restricted_n:,})",
            [row.restricted_loss for row in timed],
        ),
        (
            "^--",
            GREEN,
            f"excluded: the key frequencies removed (train inputs, N = {first.excluded_n:,})",
            [row.excluded_loss for row in timed],
        ),
    ):
        axes.plot(examples, losses, style, color=colour, markersize=3.5, label=label)
    axes.set_yscale("log")
    axes.set_ylabel("cross-entropy (nats)")
    format_examples(axes, examples, unit)
    numbers = first.key_frequencies.replace(" ", ", ")
    axes.set_title(f"loss on training snapshots; key frequencies of the final network: {numbers}")
    figure.legend(loc="outside lower center", ncols=1)
    return figure
