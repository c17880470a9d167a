"""Pictures drawn from activations themselves: single neurons, and the spectrum of the logits."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64, Int
from matplotlib.figure import Figure
from torch import Tensor

from mechval.modular_addition.circuit.extract import NeuronWaves
from mechval.modular_addition.network.components import Activations
from mechval.modular_addition.problem import ModularAddition
from mechval.reporting.figures import PAGE_WIDTH


def draw_neurons_over_inputs(
    problem: ModularAddition,
    activations: Activations,
    neurons: NeuronWaves,
    key: Int[Tensor, " key"],
) -> Figure:
    """Per key frequency that has neurons, the one that it explains most of, over a and b."""
    chosen = list(_representatives(neurons, key))
    figure = Figure(figsize=(PAGE_WIDTH, 2.5), layout="constrained")
    panels = figure.subplots(1, len(chosen), sharey=True, squeeze=False)[0]
    for axes, (frequency, neuron) in zip(panels, chosen, strict=True):
        grid = activations.hidden[:, neuron].unflatten(0, (problem.p, problem.p))
        axes.imshow(grid.numpy(), cmap="cividis", origin="lower", interpolation="nearest")
        share = float(neurons.explained[neuron])
        axes.set_title(f"k = {frequency}\nneuron {neuron} ({share:.0%})")
        axes.set_xlabel("b")
    panels[0].set_ylabel("a")
    figure.suptitle("activation of one neuron per key frequency (bright: high)", fontsize=10)
    return figure


def draw_logit_spectrum(problem: ModularAddition, logits: Float[Tensor, "pair d_vocab"]) -> Figure:
    """Norm of the logits along every product of a wave of a and a wave of b."""
    norms = logit_spectrum(problem, logits)
    figure = Figure(figsize=(PAGE_WIDTH * 0.7, 3.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(norms.numpy(), cmap="cividis", origin="lower", interpolation="nearest")
    axes.set_xlabel("frequency of b (0: constant)")
    axes.set_ylabel("frequency of a (0: constant)")
    axes.set_title("logits over the inputs, norm by two-dimensional frequency\n(mean left out)")
    figure.colorbar(image, ax=axes, label="norm over numbers and phases (logits)")
    return figure


def logit_spectrum(
    problem: ModularAddition, logits: Float[Tensor, "pair d_vocab"]
) -> Float64[Tensor, "wave_a wave_b"]:
    """Root of the mean square of the numbers' logits at frequencies (k_a, k_b), 0 to p/2.

    The four signs of a pair of frequencies are taken together; the mean over inputs is left out.
    """
    p = problem.p
    grid = logits[:, :p].double().unflatten(0, (p, p))
    power = (torch.fft.fft2(grid, dim=(0, 1)).abs().square() / p**4).sum(dim=2)
    power[0, 0] = 0
    return _folded(_folded(power).T).T.sqrt()


def _folded(power: Float64[Tensor, "wave other"]) -> Float64[Tensor, "folded other"]:
    """Add negative frequencies to positive ones, along the first axis."""
    p = len(power)
    folded = power[: p // 2 + 1].clone()
    n_mirrored = (p - 1) // 2
    folded[1 : n_mirrored + 1] += power[p - n_mirrored :].flip(0)
    return folded


def _representatives(neurons: NeuronWaves, key: Int[Tensor, " key"]) -> Iterator[tuple[int, int]]:
    for frequency in key.tolist():
        mine = neurons.frequency == frequency
        if bool(mine.any()):
            yield frequency, int(torch.where(mine, neurons.explained, -1.0).argmax())
