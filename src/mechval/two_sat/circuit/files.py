"""The circuit as files: tensors in safetensors, programs in JSON."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mechval.errors import MechvalError
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.circuit.neurons import Levels, NeuronEffects
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import DisjunctionProgram, FittedTrees, TreeProgram

TENSORS = "circuit.safetensors"
PROGRAMS = "programs.json"
_DAMAGES = (
    SafetensorError,
    OSError,
    LookupError,
    TypeError,
    UnicodeDecodeError,
    json.JSONDecodeError,
)

_CIRCUIT_TENSORS = (
    "prototypes",
    "mean_resid_post",
    "mean_resid_mid",
    "mean_attn_out",
    "mean_hidden",
    "own_clause_attention",
)
_READING_TENSORS = ("neurons", "constant_neurons", "on_rate", "mean_activation")


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
    save_file(
        {name: t.cpu().contiguous().clone() for name, t in tensors.items()}, directory / TENSORS
    )
    programs = {
        "majority_label": circuit.majority_label,
        "readings": {name: _programs(reading) for name, reading in circuit.readings.items()},
    }
    (directory / PROGRAMS).write_text(json.dumps(programs, indent=1, sort_keys=True) + "\n")


def load_circuit(directory: Path, problem: Problem) -> Circuit:
    """Read what :func:`save_circuit` wrote.

    Raises:
        MechvalError: naming the file that is missing or damaged.
    """
    try:
        tensors = load_file(directory / TENSORS)
        programs = json.loads((directory / PROGRAMS).read_text())
        return _assemble(tensors, programs, problem)
    except _DAMAGES as error:
        raise MechvalError(
            f"the circuit in {directory} cannot be read ({error}); "
            f"allowed: {TENSORS} and {PROGRAMS} as the circuit stage writes them."
        ) from None


def _programs(reading: Reading) -> dict[str, Any]:
    return {
        "neurons": reading.neurons.tolist(),
        "trees": reading.trees.program.to_json(),
        "unpruned_trees": reading.trees.unpruned.to_json(),
        "disjunctions": reading.disjunctions.to_json(),
    }


def _assemble(tensors: dict[str, Tensor], programs: dict[str, Any], problem: Problem) -> Circuit:
    readings: dict[ReadingName, Reading] = {
        name: _reading(name, tensors, values, problem.n_assignments)
        for name, values in programs["readings"].items()
    }
    return Circuit(
        prototypes=tensors["prototypes"],
        mean_resid_post=tensors["mean_resid_post"],
        mean_resid_mid=tensors["mean_resid_mid"],
        mean_attn_out=tensors["mean_attn_out"],
        mean_hidden=tensors["mean_hidden"],
        own_clause_attention=tensors["own_clause_attention"],
        effects=NeuronEffects(tensors["coefficient"], tensors["max_activation"]),
        majority_label=int(programs["majority_label"]),
        readings=readings,
    )


def _reading(
    name: str, tensors: dict[str, Tensor], values: dict[str, Any], n_assignments: int
) -> Reading:
    parts = {part: tensors[f"{name}.{part}"] for part in (*_READING_TENSORS, "cut", "high")}
    return Reading(
        neurons=parts["neurons"],
        constant_neurons=parts["constant_neurons"],
        levels=Levels(parts["cut"], parts["high"]),
        on_rate=parts["on_rate"],
        mean_activation=parts["mean_activation"],
        trees=FittedTrees(
            unpruned=TreeProgram.from_json(values["unpruned_trees"], n_assignments),
            program=TreeProgram.from_json(values["trees"], n_assignments),
        ),
        disjunctions=DisjunctionProgram.from_json(values["disjunctions"], n_assignments),
    )
