"""The Fourier circuit of any network for modular addition, read off its weights and outputs.

Key frequencies are those at which the hidden neurons write waves of a + b into the logits, on all
p² inputs (deviation U16). Those that stand out of the embedding, and what the logits and the loss
say, are measured beside and choose nothing. The circuit is its tables.

Source: Nanda et al., ICLR 2023; paper section 5.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from mechval import tables
from mechval.modular_addition.circuit import fourier
from mechval.modular_addition.circuit.fourier import Frequencies, all_frequencies, waves
from mechval.modular_addition.circuit.key_frequencies import KeyFrequencies, find_key_frequencies
from mechval.modular_addition.configs import CircuitConfig
from mechval.modular_addition.network.components import Activations, Logits
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer


@dataclass(frozen=True)
class Frequency:
    """Where one frequency occurs.

    It explains so many ``neurons`` best, ``neurons_explained`` of them by at least the set
    share ``explained``. For
    the logits see :func:`logit_waves` and :func:`sum_wave_shares`, the latter also of what the
    neurons alone write into them; that chooses the key frequencies. ``is_embedded``: does the
    embedding's power choose it?
    """

    frequency: int
    is_key: bool
    is_embedded: bool
    embedding_cos_norm: float
    embedding_sin_norm: float
    embedding_power_share: float = tables.number("embedding power", "%")
    unembedding_power_share: float = tables.number("unembedding power", "%")
    neurons: int = tables.told()
    neurons_explained: int = tables.told()
    logit_coefficient: float = tables.number(unit="logits")
    logit_variance_share: float = tables.number("logit variance", "%")
    logit_sum_wave_share: float = tables.number("on waves of a + b", "%")
    neuron_sum_wave_share: float = tables.number("by neurons, on waves of a + b", "%")


@dataclass(frozen=True)
class Neuron:
    """By which frequency a hidden neuron is explained best.

    Explained is, of its variance over all inputs, the share of terms of degree up to two in that
    frequency alone (cos and sin of w_k a, of w_k b, and their products); 0 for a constant neuron.
    """

    neuron: int
    frequency: int
    variance_explained: float
    variance: float


@dataclass(frozen=True)
class Facts:
    """The circuit in a few numbers; shares are those of the key frequencies.

    The rule that chose them chooses ``embedded_frequencies`` from the embedding's power.
    """

    key_frequencies: tuple[int, ...]
    key_frequency_count: int
    gap: float
    embedded_frequencies: tuple[int, ...]
    embedded_gap: float
    embedding_power_share: float
    neurons: int
    neurons_of_key_frequencies: int
    neurons_explained: int
    neuron_variance_explained: float
    logit_variance_share: float
    logit_variance_share_all_frequencies: float
    logit_sum_wave_share: float
    neuron_sum_wave_share: float


FREQUENCIES = tables.Table("circuit/frequencies.csv", Frequency)
NEURONS = tables.Table("circuit/neurons.csv", Neuron)
FACTS = tables.Record("circuit/metrics.json", Facts)


@dataclass(frozen=True)
class Circuit:
    """The circuit of one network: all frequencies (ascending), all hidden neurons.

    Of the frequencies, the ``key`` ones and those that the same rule finds in the embedding.
    """

    key: KeyFrequencies
    embedded: KeyFrequencies
    frequencies: tuple[Frequency, ...]
    neurons: tuple[Neuron, ...]

    @property
    def facts(self) -> Facts:
        """The circuit in a few numbers."""
        keys = [row for row in self.frequencies if row.is_key]
        variance = sum(row.variance for row in self.neurons) or 1.0
        explained = sum(row.variance_explained * row.variance for row in self.neurons)
        return Facts(
            key_frequencies=tuple(row.frequency for row in keys),
            key_frequency_count=len(keys),
            gap=self.key.gap,
            embedded_frequencies=tuple(self.embedded.frequencies.tolist()),
            embedded_gap=self.embedded.gap,
            embedding_power_share=sum((row.embedding_power_share for row in keys), 0.0),
            neurons=len(self.neurons),
            neurons_of_key_frequencies=sum(row.neurons for row in keys),
            neurons_explained=sum(row.neurons_explained for row in self.frequencies),
            neuron_variance_explained=explained / variance,
            logit_variance_share=sum((row.logit_variance_share for row in keys), 0.0),
            logit_variance_share_all_frequencies=sum(
                row.logit_variance_share for row in self.frequencies
            ),
            logit_sum_wave_share=sum((row.logit_sum_wave_share for row in keys), 0.0),
            neuron_sum_wave_share=self.key.share,
        )


def extract_circuit(
    model: Transformer, problem: ModularAddition, activations: Activations, config: CircuitConfig
) -> Circuit:
    """Read the circuit off; ``activations`` are those of ``model`` on all inputs."""
    frequencies = all_frequencies(problem.p)
    cos_sin, read = (
        fourier.wave_power(matrix.detach().cpu()[: problem.p], frequencies)
        for matrix in (model.W_E, model.W_U.T)
    )
    power, unembedding = cos_sin.sum(dim=1), read.sum(dim=1)
    power, unembedding = (each / (float(each.sum()) or 1.0) for each in (power, unembedding))
    written = sum_wave_shares(problem, _written(model, activations))
    key, embedded = (
        find_key_frequencies(shares, frequencies, config.smallest_gap)
        for shares in (written, power)
    )
    neurons = neuron_waves(problem, activations.hidden)
    best = torch.tensor([row.frequency for row in neurons])
    is_explained = torch.tensor([row.variance_explained >= config.explained for row in neurons])
    columns = (
        frequencies,
        *(torch.isin(frequencies, each.frequencies) for each in (key, embedded)),
        *cos_sin.sqrt().T,
        power,
        unembedding,
        *(
            torch.bincount(each, minlength=len(frequencies) + 1)[1:]
            for each in (best, best[is_explained])
        ),
        *logit_waves(problem, activations.logits),
        sum_wave_shares(problem, activations.logits),
        written,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return Circuit(key, embedded, tuple(Frequency(*row) for row in rows), neurons)


def neuron_waves(
    problem: ModularAddition, hidden: Float[Tensor, "pair d_mlp"]
) -> tuple[Neuron, ...]:
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
    columns = (frequencies[best.indices].tolist(), best.values.tolist(), variance.tolist())
    return tuple(Neuron(index, *row) for index, row in enumerate(zip(*columns, strict=True)))


def logit_waves(
    problem: ModularAddition, logits: Logits
) -> tuple[Float64[Tensor, " frequency"], ...]:
    """Expand the numbers' logits as Σ_k coefficient_k · cos(w_k(a + b - c)).

    By frequency: the coefficient, by least squares; and the share of the variance that its term
    explains (the logits of an input are centred first, since the softmax does not see their mean).
    """
    p, frequencies = problem.p, all_frequencies(problem.p)
    centred = _centred(problem, logits)
    answers = problem.answers(problem.all_pairs())
    offset = (answers[:, None] - torch.arange(p)) % p
    # Every offset occurs p² times, so a sum over inputs and numbers is one over offsets.
    by_offset = torch.zeros(p, dtype=torch.float64)
    by_offset.scatter_add_(0, offset.flatten(), centred.flatten())
    # Half of the p³ entries is the squared norm of a cosine.
    coefficient = waves(p, frequencies)[..., 0].T @ by_offset / (p**3 / 2)
    share = coefficient.square() * (p**3 / 2) / _at_least_tiny(centred.square().sum())
    return coefficient, share


def sum_wave_shares(problem: ModularAddition, logits: Logits) -> Float64[Tensor, " frequency"]:
    """Of the variance over the inputs of each number's logit, the share on waves of ``a + b``.

    By frequency, whatever number the waves favour; logits are centred as in :func:`logit_waves`.
    """
    centred = _centred(problem, logits)
    over_inputs = centred - centred.mean(dim=0)
    on_waves = _sum_basis(problem, all_frequencies(problem.p)).T @ over_inputs
    share = on_waves.square().sum(dim=1).unflatten(0, (-1, 2)).sum(dim=1)
    return share / _at_least_tiny(over_inputs.square().sum())


def _written(model: Transformer, activations: Activations) -> Logits:
    """What the hidden neurons alone write into the logits."""
    weights = model.block(0).mlp.W_out.detach() @ model.W_U.detach()
    return activations.hidden.double() @ weights.cpu().double()


def _centred(problem: ModularAddition, logits: Logits) -> Float64[Tensor, "pair p"]:
    numbers = logits[:, : problem.p].double()
    return numbers - numbers.mean(dim=1, keepdim=True)


def keep_sum_waves(
    problem: ModularAddition, logits: Logits, frequencies: Frequencies
) -> Float64[Tensor, "pair d_vocab"]:
    """The part of each logit, as a function of the input, along the waves of ``a + b``."""
    basis = _sum_basis(problem, frequencies)
    return basis @ (basis.T @ logits.double())


def _sum_basis(problem: ModularAddition, frequencies: Frequencies) -> Float64[Tensor, "pair waves"]:
    """Cosine and sine of w_k(a + b) on every input, of norm 1, K pairs side by side."""
    answers = problem.answers(problem.all_pairs())
    return waves(problem.p, frequencies)[answers].flatten(1) * (math.sqrt(2) / problem.p)


def _at_least_tiny(total: Float64[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    return total.clamp_min(torch.finfo(torch.float64).tiny)
