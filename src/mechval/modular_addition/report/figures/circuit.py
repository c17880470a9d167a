"""Figures of the circuit: the embedding's frequencies, the neurons', the logits', the losses."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mechval.modular_addition.circuit.examples import BRIGHTEST, Examples
from mechval.modular_addition.circuit.extract import EXPLAINED, Frequency, Neuron
from mechval.modular_addition.circuit.losses import Loss
from mechval.reporting import figures
from mechval.reporting.palette import BLUE, GREEN, ORANGE, SKY_BLUE, VERMILLION
from mechval.reporting.shown import by


def draw_embedding(frequencies: Sequence[Frequency]) -> Figure:
    """Norm along every wave, and the power in descending order with the cut that was made."""
    figure, ((top,), (bottom,)) = figures.grid(2, 1, 4.8)
    numbers = np.array([row.frequency for row in frequencies])
    cosines = [row.embedding_cos_norm for row in frequencies]
    sines = [row.embedding_sin_norm for row in frequencies]
    top.bar(numbers - 0.2, cosines, 0.4, color=BLUE, label="cosine")
    top.bar(numbers + 0.2, sines, 0.4, color=ORANGE, label="sine")
    for row, *norms in zip(frequencies, cosines, sines, strict=True):
        if row.is_key:
            _label_bar(top, str(row.frequency), row.frequency, max(norms))
    top.margins(y=0.15)
    top.set(xlabel="frequency k (waves over the residues)", ylabel="norm of the embedding")
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
    axes.set(xlabel="rank by power", ylabel="share of all waves' power")
    axes.set_title(
        "the cut: largest ratio between neighbours with at least half of the power\n"
        "and at most half of the frequencies above it"
    )
    axes.legend()


def draw_neurons(neurons: Sequence[Neuron], frequencies: Sequence[Frequency]) -> Figure:
    """How far one frequency explains each neuron, and how many neurons each frequency has."""
    figure, ((left, right),) = figures.grid(1, 2, 2.9, width_ratios=[3, 2])
    explained = [neuron.variance_explained for neuron in neurons]
    left.hist(explained, bins=np.linspace(0, 1, 41).tolist(), color=BLUE)
    left.axvline(EXPLAINED, color=VERMILLION, linestyle="--", label=f"{EXPLAINED:.0%}")
    left.set_xlabel("share of a neuron's variance that its best frequency explains")
    left.set(ylabel=f"neurons (of {len(neurons):,})", title="hidden neurons on all inputs")
    left.legend()
    occurring = [row for row in frequencies if row.neurons]
    places = np.arange(len(occurring))
    right.bar(places, [row.neurons for row in occurring], color=SKY_BLUE, label="all")
    counted = [row.neurons_explained for row in occurring]
    right.bar(places, counted, 0.5, color=BLUE, label=f"≥ {EXPLAINED:.0%} explained")
    labels = [f"{row.frequency}{'*' if row.is_key else ''}" for row in occurring]
    right.set_xticks(places, labels, rotation=90 if len(places) > 8 else 0)
    right.set(xlabel="best frequency (*: key)", ylabel="neurons")
    right.margins(y=0.35)
    right.legend(loc="upper center", ncols=2)
    return figure


def draw_logits(frequencies: Sequence[Frequency]) -> Figure:
    """Coefficient of cos(w_k(a+b−c)) in the logits, per frequency."""
    figure, ((axes,),) = figures.grid(1, 1, 2.9)
    numbers = np.array([row.frequency for row in frequencies])
    values = np.array([row.logit_coefficient for row in frequencies])
    is_key = np.array([row.is_key for row in frequencies])
    axes.bar(numbers[~is_key], values[~is_key], color=SKY_BLUE, label="other frequencies")
    axes.bar(numbers[is_key], values[is_key], color=VERMILLION, label="key frequencies")
    for row in frequencies:
        if row.logit_variance_share >= 0.005:
            text = f"{row.frequency}: {row.logit_variance_share:.1%}"
            _label_bar(axes, text, row.frequency, row.logit_coefficient)
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.margins(y=0.15)
    axes.set(xlabel="frequency k", ylabel="coefficient (logits)")
    axes.set_title("logits as Σ coefficient · cos(w_k(a+b−c)); label: share of their variance")
    axes.legend()
    return figure


def draw_losses(losses: Sequence[Loss]) -> Figure:
    """Loss of the network, restricted to the key frequencies, and without them."""
    figure, ((axes,),) = figures.grid(1, 1, 3.0)
    names, parts = list(by(losses, "logits")), by(losses, "inputs")
    places = np.arange(len(names))
    width = 0.8 / len(parts)
    colours = zip(parts.items(), (BLUE, ORANGE, GREEN), strict=True)
    for index, ((part, rows), colour) in enumerate(colours):
        shift = (index - (len(parts) - 1) / 2) * width
        values, label = [row.loss for row in rows], f"{part} (N = {rows[0].n:,})"
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


def draw_neurons_over_inputs(examples: Examples, neurons: Sequence[Neuron]) -> Figure:
    """Per key frequency that has neurons, the one that it explains most of, over a and b."""
    figure, (panels,) = figures.grid(1, len(examples.neurons), 2.5, sharey=True)
    chosen = zip(examples.frequencies.tolist(), examples.neurons.tolist(), strict=True)
    for axes, (frequency, neuron), levels in zip(panels, chosen, examples.levels, strict=True):
        look = {"origin": "lower", "interpolation": "nearest"}
        axes.imshow(levels.numpy(), cmap="cividis", vmin=0, vmax=BRIGHTEST, **look)
        share = neurons[neuron].variance_explained
        axes.set(title=f"k = {frequency}\nneuron {neuron} ({share:.0%})", xlabel="b")
    panels[0].set_ylabel("a")
    figure.suptitle("activation of one neuron per key frequency (bright: high)", fontsize=10)
    return figure


def draw_logit_spectrum(examples: Examples) -> Figure:
    """Norm of the logits along every product of a wave of a and a wave of b."""
    figure = Figure(figsize=(figures.PAGE_WIDTH * 0.7, 3.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        examples.spectrum.numpy(), cmap="cividis", origin="lower", interpolation="nearest"
    )
    axes.set(xlabel="frequency of b (0: constant)", ylabel="frequency of a (0: constant)")
    axes.set_title("logits over the inputs, norm by two-dimensional frequency\n(mean left out)")
    figure.colorbar(image, ax=axes, label="norm over numbers and phases (logits)")
    return figure


def _label_bar(axes: Axes, text: str, x: int | float, height: float) -> None:
    axes.annotate(text, (x, height), (0, 2), textcoords="offset points", ha="center")
