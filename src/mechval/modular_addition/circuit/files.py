"""The circuit as tables: what later stages and the report read."""

from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from mechval.errors import MechvalError
from mechval.modular_addition.circuit.extract import Circuit
from mechval.reporting.tables import Row, read_csv, write_csv

FREQUENCIES, NEURONS, LOSSES = "frequencies.csv", "neurons.csv", "losses.csv"

EXPLAINED = 0.85
"""A neuron counts as one of a frequency's if it explains this share (Nanda et al.'s number)."""


def frequency_rows(circuit: Circuit) -> list[Row]:
    """One row per frequency: where it occurs, and whether it is a key frequency."""
    total = float(circuit.power.sum()) or 1.0
    total_unembedding = float(circuit.unembedding_power.sum()) or 1.0
    key = set(circuit.key.frequencies.tolist())
    rows: list[Row] = []
    for index, frequency in enumerate(circuit.frequencies.tolist()):
        mine = circuit.neurons.frequency == frequency
        clustered = mine & (circuit.neurons.explained >= EXPLAINED)
        rows.append(
            {
                "frequency": frequency,
                "is_key": frequency in key,
                "embedding_cos_norm": float(circuit.power[index, 0].sqrt()),
                "embedding_sin_norm": float(circuit.power[index, 1].sqrt()),
                "embedding_power_share": float(circuit.power[index].sum()) / total,
                "unembedding_power_share": float(circuit.unembedding_power[index].sum())
                / total_unembedding,
                "neurons": int(mine.sum()),
                "neurons_explained": int(clustered.sum()),
                "logit_coefficient": float(circuit.logits.coefficient[index]),
                "logit_variance_share": float(circuit.logits.share[index]),
                "logit_sum_wave_share": float(circuit.logits.sum_share[index]),
            }
        )
    return rows


def neuron_rows(circuit: Circuit) -> list[Row]:
    """One row per hidden neuron."""
    neurons = circuit.neurons
    return [
        {
            "neuron": index,
            "frequency": int(frequency),
            "variance_explained": float(neurons.explained[index]),
            "variance": float(neurons.variance[index]),
        }
        for index, frequency in enumerate(neurons.frequency)
    ]


def circuit_facts(circuit: Circuit) -> dict[str, object]:
    """The circuit in a few numbers."""
    is_key = torch.isin(circuit.frequencies, circuit.key.frequencies)
    neurons = circuit.neurons
    of_key = torch.isin(neurons.frequency, circuit.key.frequencies)
    variance = float(neurons.variance.sum()) or 1.0
    return {
        "key_frequencies": circuit.key.frequencies.tolist(),
        "key_frequency_count": len(circuit.key.frequencies),
        "gap": circuit.key.gap,
        "embedding_power_share": circuit.key.share,
        "neurons": len(neurons.frequency),
        "neurons_of_key_frequencies": int(of_key.sum()),
        "neurons_explained": int((neurons.explained >= EXPLAINED).sum()),
        "neuron_variance_explained": float((neurons.explained * neurons.variance).sum()) / variance,
        "logit_variance_share": float(circuit.logits.share[is_key].sum()),
        "logit_variance_share_all_frequencies": float(circuit.logits.share.sum()),
        "logit_sum_wave_share": float(circuit.logits.sum_share[is_key].sum()),
    }


def save_circuit(circuit: Circuit, directory: Path) -> None:
    """Write the tables of the frequencies and of the neurons."""
    write_csv(frequency_rows(circuit), directory / FREQUENCIES)
    write_csv(neuron_rows(circuit), directory / NEURONS)


def load_key_frequencies(directory: Path) -> Int[Tensor, " key"]:
    """The key frequencies that the circuit stage found; empty if it found none.

    Raises:
        MechvalError: if the table is missing or is not that table.
    """
    path = directory / FREQUENCIES
    try:
        rows = read_csv(path)
        chosen = [int(row["frequency"]) for row in rows if _is_true(row["is_key"])]
    except (OSError, LookupError, ValueError) as error:
        raise MechvalError(
            f"{path} cannot be read ({type(error).__name__}: {error}); "
            "allowed: the table that the circuit stage writes."
        ) from None
    return torch.tensor(chosen, dtype=torch.long)


def _is_true(text: str) -> bool:
    return {"True": True, "False": False}[text]
