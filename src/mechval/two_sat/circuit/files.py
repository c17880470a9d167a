"""The circuit as files: tensors in safetensors, programs in JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from mechval import tables
from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.neurons import Levels, NeuronEffects
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import Claimed
from mechval.two_sat.programs.versions import CLAIMED

TENSORS = "circuit.safetensors"

_CIRCUIT_TENSORS = (
    "prototypes",
    "mean_resid_post",
    "mean_resid_mid",
    "mean_attn_out",
    "mean_hidden",
    "own_clause_attention",
)
_READING_TENSORS = ("neurons", "constant_neurons", "on_rate", "mean_activation")


@dataclass(frozen=True)
class Programs:
    """``readings``: of each one its programs as they were fitted, trees before pruning, one entry
    per neuron in the order of the reading's tensor ``neurons``."""

    majority_label: int = tables.told()
    readings: Mapping[ReadingName, Mapping[str, Sequence[Any]]] = tables.told()


PROGRAMS = tables.Record("circuit/programs.json", Programs)


def save_circuit(circuit: Circuit, directory: Path) -> None:
    """Write ``circuit.safetensors`` and ``programs.json``; same circuit, same bytes."""
    tensors: dict[str, Tensor] = {name: getattr(circuit, name) for name in _CIRCUIT_TENSORS}
    tensors["coefficient"] = circuit.effects.coefficient
    tensors["max_activation"] = circuit.effects.max_activation
    for name, reading in circuit.readings.items():
        for part in _READING_TENSORS:
            tensors[f"{name}.{part}"] = getattr(reading, part)
        tensors[f"{name}.cut"] = reading.levels.cut
        tensors[f"{name}.high"] = reading.levels.high
    content = save({name: t.cpu().contiguous().clone() for name, t in tensors.items()})
    write_whole(directory / TENSORS, content)
    readings: dict[ReadingName, dict[str, Sequence[Any]]] = {
        name: {made.kept_as: made.to_json() for made in reading.fitted.values()}
        for name, reading in circuit.readings.items()
    }
    PROGRAMS.write(Programs(circuit.majority_label, readings), directory)


def load_circuit(directory: Path, problem: Problem) -> Circuit:
    """Read what :func:`save_circuit` wrote. Raises MechvalError naming the file that is missing or
    damaged."""
    programs, path = PROGRAMS.read(directory), PROGRAMS.path(directory)
    try:
        fitted: dict[ReadingName, dict[str, Claimed]] = {
            name: {
                version: program.from_json(kept[program.kept_as], problem.n_assignments)
                for version, program in CLAIMED.items()
            }
            for name, kept in programs.readings.items()
        }
        path = directory / TENSORS
        tensors = load_file(path)
        readings: dict[ReadingName, Reading] = {
            name: _reading(name, tensors, made) for name, made in fitted.items()
        }
        return Circuit(
            **{name: tensors[name] for name in _CIRCUIT_TENSORS},
            effects=NeuronEffects(tensors["coefficient"], tensors["max_activation"]),
            majority_label=programs.majority_label,
            readings=readings,
        )
    except (SafetensorError, OSError, KeyError, MechvalError) as error:
        raise MechvalError(
            f"{path} cannot be read ({error}); allowed: the file as the circuit stage writes it."
        ) from None


def _reading(name: str, tensors: dict[str, Tensor], fitted: Mapping[str, Claimed]) -> Reading:
    return Reading(
        **{part: tensors[f"{name}.{part}"] for part in _READING_TENSORS},
        levels=Levels(tensors[f"{name}.cut"], tensors[f"{name}.high"]),
        fitted=fitted,
    )
