"""Examples to look at: one neuron per key frequency over all inputs, and the logits' spectrum."""

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Float32, Float64, Int64, UInt8
from safetensors import SafetensorError
from torch import Tensor

from mechval import tables
from mechval.modular_addition.circuit.extract import Circuit
from mechval.modular_addition.network.components import Activations, Logits
from mechval.modular_addition.problem import ModularAddition

FILE_NAME = "examples.safetensors"
BRIGHTEST = 255


@dataclass(frozen=True, eq=False)
class Examples:
    """What the figures of examples are drawn from: of each key frequency that has neurons, the one
    that it explains most of and its activations over a and b, linear from the least (0) to the
    largest (``BRIGHTEST``); and :func:`logit_spectrum`."""

    frequencies: Int64[Tensor, " key"]
    neurons: Int64[Tensor, " key"]
    levels: UInt8[Tensor, "key p p"]
    spectrum: Float32[Tensor, "wave_a wave_b"]


def pick_examples(problem: ModularAddition, activations: Activations, circuit: Circuit) -> Examples:
    """Pick the neurons and shade their activations on all inputs."""
    best = torch.tensor([row.frequency for row in circuit.neurons])
    shares = [row.variance_explained for row in circuit.neurons]
    explained = torch.tensor(shares, dtype=torch.float64)
    frequencies = circuit.key.frequencies[torch.isin(circuit.key.frequencies, best)]
    neurons = torch.where(best == frequencies[:, None], explained, -1.0).argmax(dim=1)
    shown = activations.hidden.T[neurons].double()
    least = shown.amin(dim=1, keepdim=True)
    span = (shown.amax(dim=1, keepdim=True) - least).clamp_min(torch.finfo(shown.dtype).tiny)
    levels = ((shown - least) / span * BRIGHTEST).round().to(torch.uint8)
    spectrum = logit_spectrum(problem, activations.logits).float()
    return Examples(frequencies, neurons, levels.unflatten(1, (problem.p, problem.p)), spectrum)


def save_examples(examples: Examples, directory: Path) -> None:
    """Write them into ``FILE_NAME`` in ``directory``."""
    content = {name: part.contiguous() for name, part in vars(examples).items()}
    (directory / FILE_NAME).write_bytes(safetensors.torch.save(content))


def load_examples(directory: Path) -> Examples:
    """Read what :func:`save_examples` wrote; raises MechvalError if it is missing or damaged."""
    path = directory / FILE_NAME
    try:
        return Examples(**safetensors.torch.load(path.read_bytes()))
    except (OSError, SafetensorError, TypeError) as error:
        raise tables.unusable(path, error) from None


def logit_spectrum(problem: ModularAddition, logits: Logits) -> Float64[Tensor, "wave_a wave_b"]:
    """Root of the mean square of the numbers' logits at frequencies (k_a, k_b), 0 to p/2.

    The four signs of a pair of frequencies are taken together; the mean over inputs is left out.
    """
    p = problem.p
    grid = logits[:, :p].double().unflatten(0, (p, p))
    power = (torch.fft.fft2(grid, dim=(0, 1)).abs().square() / p**4).sum(dim=2)
    power[0, 0] = 0
    # Negative frequencies are added to positive ones, along each axis.
    n_mirrored = (p - 1) // 2
    for _ in range(2):
        folded = power[: p // 2 + 1].clone()
        folded[1 : n_mirrored + 1] += power[p - n_mirrored :].flip(0)
        power = folded.T
    return power.sqrt()
