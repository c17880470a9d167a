"""The Fourier circuit of any network for modular addition, read off its weights and outputs.

Key frequencies come from the embedding; what the hidden neurons, the logits and the loss say about
them is measured beside, on all p² inputs, and chooses nothing.

Source: Nanda et al., ICLR 2023; PAPER.md section 3.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from mechval.modular_addition.circuit.fourier import (
    KeyFrequencies,
    all_frequencies,
    find_key_frequencies,
    wave_power,
    waves,
)
from mechval.modular_addition.configs import CircuitConfig
from mechval.modular_addition.network.components import Activations
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer


@dataclass(frozen=True)
class NeuronWaves:
    """By which frequency each hidden neuron is explained best.

    Attributes:
        frequency: the best one of all frequencies.
        explained: of the neuron's variance over all inputs, the share of terms of degree up to
            two in that frequency alone (cos and sin of w_k a, of w_k b, and their products); 0
            for a neuron that is constant.
        variance: of the activation over all inputs.
    """

    frequency: Int[Tensor, " neuron"]
    explained: Float64[Tensor, " neuron"]
    variance: Float64[Tensor, " neuron"]


@dataclass(frozen=True)
class LogitWaves:
    """The logits of the numbers as Σ_k coefficient_k · cos(w_k(a + b - c)).

    Attributes:
        coefficient: per frequency, by least squares.
        share: of the variance that each term explains. The logits of an input are centred first,
            since the softmax does not see their mean.
        sum_share: of the variance of each number's logit over the inputs, the share on the waves
            of ``a + b`` at this frequency, whatever number they favour.
    """

    coefficient: Float64[Tensor, " frequency"]
    share: Float64[Tensor, " frequency"]
    sum_share: Float64[Tensor, " frequency"]


@dataclass(frozen=True)
class Circuit:
    """The circuit of one network.

    Attributes:
        frequencies: all of them; the axis of ``power`` and ``logits``.
        power: squared norm of the embedding along each cosine and sine.
        unembedding_power: the same for the unembedding of the numbers.
        key: the frequencies that stand out of the embedding.
    """

    frequencies: Int[Tensor, " frequency"]
    power: Float64[Tensor, "frequency 2"]
    unembedding_power: Float64[Tensor, "frequency 2"]
    key: KeyFrequencies
    neurons: NeuronWaves
    logits: LogitWaves


def extract_circuit(
    model: Transformer, problem: ModularAddition, activations: Activations, config: CircuitConfig
) -> Circuit:
    """Read the circuit off; ``activations`` are those of ``model`` on all inputs."""
    frequencies = all_frequencies(problem.p)
    embedding = model.W_E.detach().cpu()[: problem.p]
    unembedding = model.W_U.detach().cpu().T[: problem.p]
    power = wave_power(embedding, frequencies)
    return Circuit(
        frequencies=frequencies,
        power=power,
        unembedding_power=wave_power(unembedding, frequencies),
        key=find_key_frequencies(power.sum(dim=1), frequencies, config.smallest_gap),
        neurons=neuron_waves(problem, activations.hidden),
        logits=logit_waves(problem, activations.logits),
    )


def neuron_waves(problem: ModularAddition, hidden: Float[Tensor, "pair d_mlp"]) -> NeuronWaves:
    """Explain every hidden neuron by one frequency."""
    p, frequencies = problem.p, all_frequencies(problem.p)
    grid = hidden.unflatten(0, (p, p)).double()
    power = torch.fft.fft2(grid, dim=(0, 1)).abs().square() / p**4
    # A float32 that varies by less than this is a constant.
    rounding = torch.finfo(torch.float64).eps * power[0, 0]
    power[0, 0] = 0
    variance = power.sum(dim=(0, 1))
    power = torch.where(variance > rounding, power, 0.0)
    ends = torch.stack([frequencies, p - frequencies], dim=1)
    on_axes = (power[ends, 0] + power[0, ends]).sum(dim=1)
    products = power[ends[:, :, None], ends[:, None, :]].sum(dim=(1, 2))
    best = ((on_axes + products) / _at_least_tiny(variance)).max(dim=0)
    return NeuronWaves(frequencies[best.indices], best.values, variance)


def logit_waves(problem: ModularAddition, logits: Float[Tensor, "pair d_vocab"]) -> LogitWaves:
    """Expand the numbers' logits in cos(w_k(a + b - c))."""
    p, frequencies = problem.p, all_frequencies(problem.p)
    centred = logits[:, :p].double()
    centred = centred - centred.mean(dim=1, keepdim=True)
    answers = problem.answers(problem.all_pairs())
    offset = (answers[:, None] - torch.arange(p)) % p
    # Every offset occurs p² times, so a sum over inputs and numbers is one over offsets.
    by_offset = torch.zeros(p, dtype=torch.float64)
    by_offset.scatter_add_(0, offset.flatten(), centred.flatten())
    # Half of the p³ entries is the squared norm of a cosine.
    coefficient = waves(p, frequencies)[..., 0].T @ by_offset / (p**3 / 2)
    share = coefficient.square() * (p**3 / 2) / _at_least_tiny(centred.square().sum())
    over_inputs = centred - centred.mean(dim=0)
    on_waves = _sum_basis(problem, frequencies).T @ over_inputs
    sum_share = on_waves.square().sum(dim=1).unflatten(0, (-1, 2)).sum(dim=1)
    return LogitWaves(coefficient, share, sum_share / _at_least_tiny(over_inputs.square().sum()))


def keep_sum_waves(
    problem: ModularAddition,
    logits: Float[Tensor, "pair d_vocab"],
    frequencies: Int[Tensor, " frequency"],
) -> Float64[Tensor, "pair d_vocab"]:
    """The part of each logit, as a function of the input, along the waves of ``a + b``."""
    basis = _sum_basis(problem, frequencies)
    return basis @ (basis.T @ logits.double())


def _sum_basis(
    problem: ModularAddition, frequencies: Int[Tensor, " frequency"]
) -> Float64[Tensor, "pair waves"]:
    """Cosine and sine of w_k(a + b) on every input, of norm 1, K pairs side by side."""
    answers = problem.answers(problem.all_pairs())
    return waves(problem.p, frequencies)[answers].flatten(1) * (math.sqrt(2) / problem.p)


def _at_least_tiny(total: Float64[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    return total.clamp_min(torch.finfo(torch.float64).tiny)
