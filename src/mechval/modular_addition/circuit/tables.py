"""The circuit as tables: what later stages and the report read."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from mechval import tables
from mechval.modular_addition.circuit.extract import Circuit

EXPLAINED = 0.85
"""A neuron counts as one of a frequency's if it explains this share (Nanda et al.'s number)."""


@dataclass(frozen=True)
class Frequency:
    """Where one frequency occurs.

    Attributes:
        neurons: how many it explains best; ``neurons_explained`` of them by at least EXPLAINED.
        logit_coefficient, logit_variance_share, logit_sum_wave_share: see
            :class:`~mechval.modular_addition.circuit.extract.LogitWaves`.
    """

    frequency: int = tables.told()
    is_key: bool = tables.told()
    embedding_cos_norm: float = tables.number()
    embedding_sin_norm: float = tables.number()
    embedding_power_share: float = tables.number("embedding power", "%")
    unembedding_power_share: float = tables.number("unembedding power", "%")
    neurons: int = tables.told()
    neurons_explained: int = tables.told("neurons ≥ 85 %")
    logit_coefficient: float = tables.number(unit="logits")
    logit_variance_share: float = tables.number("logit variance", "%")
    logit_sum_wave_share: float = tables.number("on waves of a + b", "%")


@dataclass(frozen=True)
class Neuron:
    """By which frequency one hidden neuron is explained best, and how far."""

    neuron: int = tables.told()
    frequency: int = tables.told()
    variance_explained: float = tables.number(unit="%")
    variance: float = tables.number()


@dataclass(frozen=True)
class Facts:
    """The circuit in a few numbers; shares are those of the key frequencies."""

    key_frequencies: tuple[int, ...]
    key_frequency_count: int
    gap: float
    embedding_power_share: float
    neurons: int
    neurons_of_key_frequencies: int
    neurons_explained: int
    neuron_variance_explained: float
    logit_variance_share: float
    logit_variance_share_all_frequencies: float
    logit_sum_wave_share: float


FREQUENCIES = tables.Table("circuit/frequencies.csv", Frequency)
NEURONS = tables.Table("circuit/neurons.csv", Neuron)
FACTS = tables.Record("circuit/metrics.json", Facts)


def frequency_rows(circuit: Circuit) -> list[Frequency]:
    """One row per frequency."""
    explained = circuit.neurons.explained >= EXPLAINED
    powers = (circuit.power.sum(dim=1), circuit.unembedding_power.sum(dim=1))
    embedding, unembedding = (power / (float(power.sum()) or 1.0) for power in powers)
    rows: list[Frequency] = []
    for index, frequency in enumerate(circuit.frequencies.tolist()):
        mine = circuit.neurons.frequency == frequency
        rows.append(
            Frequency(
                frequency=frequency,
                is_key=frequency in circuit.key.frequencies,
                embedding_cos_norm=float(circuit.power[index, 0].sqrt()),
                embedding_sin_norm=float(circuit.power[index, 1].sqrt()),
                embedding_power_share=float(embedding[index]),
                unembedding_power_share=float(unembedding[index]),
                neurons=int(mine.sum()),
                neurons_explained=int((mine & explained).sum()),
                logit_coefficient=float(circuit.logits.coefficient[index]),
                logit_variance_share=float(circuit.logits.share[index]),
                logit_sum_wave_share=float(circuit.logits.sum_share[index]),
            )
        )
    return rows


def neuron_rows(circuit: Circuit) -> list[Neuron]:
    """One row per hidden neuron."""
    found = circuit.neurons
    columns = (found.frequency.tolist(), found.explained.tolist(), found.variance.tolist())
    return [Neuron(index, *values) for index, values in enumerate(zip(*columns, strict=True))]


def circuit_facts(circuit: Circuit) -> Facts:
    """The circuit in a few numbers."""
    is_key = torch.isin(circuit.frequencies, circuit.key.frequencies)
    neurons = circuit.neurons
    variance = float(neurons.variance.sum()) or 1.0
    return Facts(
        key_frequencies=tuple(circuit.key.frequencies.tolist()),
        key_frequency_count=len(circuit.key.frequencies),
        gap=circuit.key.gap,
        embedding_power_share=circuit.key.share,
        neurons=len(neurons.frequency),
        neurons_of_key_frequencies=int(
            torch.isin(neurons.frequency, circuit.key.frequencies).sum()
        ),
        neurons_explained=int((neurons.explained >= EXPLAINED).sum()),
        neuron_variance_explained=float((neurons.explained * neurons.variance).sum()) / variance,
        logit_variance_share=float(circuit.logits.share[is_key].sum()),
        logit_variance_share_all_frequencies=float(circuit.logits.share.sum()),
        logit_sum_wave_share=float(circuit.logits.sum_share[is_key].sum()),
    )


def load_key_frequencies(directory: Path) -> Int[Tensor, " key"]:
    """The key frequencies that the circuit stage found, empty if none; see ``Table.read``."""
    chosen = [row.frequency for row in FREQUENCIES.read(directory) if row.is_key]
    return torch.tensor(chosen, dtype=torch.long)
