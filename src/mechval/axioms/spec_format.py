"""What the two files of a saved interpretation may hold, and how they are read."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from mechval.config import Config, parse_config
from mechval.errors import MechvalError

SPEC, TENSORS = "interpretation.json", "interpretation.safetensors"


class PartSpec(Config):
    """A function ``module:name``, or the method ``module:Class.name`` of an object."""

    reference: str = Field(description="a text such as module:name")
    object: int | None = Field(default=None, ge=0, description="null, or an object's number")


class TensorSpec(Config):
    """What a tensor of the safetensors file must be."""

    shape: tuple[int, ...] = Field(description="a list of integers")
    dtype: str = Field(description="a text such as torch.float32")


class ObjectSpec(Config):
    """An instance of a dataclass: its plain fields, and its tensors without their numbers.

    A module has attributes of all its submodules in place of fields, and their classes.
    """

    reference: str = Field(description="a text such as module:Class")
    values: dict[str, Any] = Field(description="plain values by field")
    tensors: dict[str, TensorSpec] = Field(description="shape and dtype by field")
    modules: dict[str, str] | None = Field(
        default=None, description="null, or the classes of a module's submodules by place"
    )


class EquivalenceSpec(Config):
    """An equivalence with its distance as a part."""

    name: str = Field(description="a text")
    distance: PartSpec = Field(description="a part")
    tolerance: int | float = Field(description="a number of at least 0")
    n_parts: int = Field(description="an integer from 1 up")


class PlaceSpec(Config):
    """A `mechval.axioms.Part`: entries of a tensor of a state."""

    name: str = Field(description="a text")
    output: int | str | None = Field(description="null, a number or a name")
    index: Any = Field(
        description="null, an integer, a list of them, ..., {slice: [start, stop, step]} or "
        "{axes: [one for each]}"
    )


class VariableSpec(Config):
    """A variable of the program's states and its carrier."""

    component: str = Field(description="a component's name")
    value: PlaceSpec = Field(description="its place in the program's state")
    carrier: PlaceSpec = Field(description="its place in the network's state")


class ProvenanceSpec(Config):
    """Version and digests; None where there is nothing to take a digest of."""

    mechval: str = Field(description="a version")
    parts: dict[str, str | None] = Field(description="digests of sources, by part")
    network: str | None = Field(description="null, or the digest of all parameters and buffers")
    result: str | None = Field(description="null, or the digest of the result's record")


class InterpretationSpec(Config):
    """The whole of ``interpretation.json``."""

    format: Literal[2] = Field(description="2")
    name: str = Field(description="a text")
    tags: tuple[tuple[str, str], ...] = Field(description="a list of pairs of texts")
    components: tuple[str, ...] = Field(description="a list of names")
    abstract: tuple[PartSpec, ...] = Field(description="a list of parts")
    alphas: tuple[PartSpec, ...] = Field(description="a list of parts")
    gammas: tuple[PartSpec, ...] = Field(description="a list of parts")
    equivalences: tuple[EquivalenceSpec, ...] = Field(description="a list of equivalences")
    variables: tuple[VariableSpec, ...] = Field(default=(), description="a list of variables")
    objects: tuple[ObjectSpec, ...] = Field(description="a list of objects")
    tensors_sha256: str = Field(description="the digest of the safetensors file")
    provenance: ProvenanceSpec = Field(description="version and digests")


def tensor_spec(tensor: Tensor) -> TensorSpec:
    """What is written of a tensor beside its numbers."""
    return TensorSpec(shape=tuple(tensor.shape), dtype=str(tensor.dtype))


def plain(value: Any, place: str) -> Any:
    """A plain value as JSON holds it; raises MechvalError, naming its place, for any other."""
    if isinstance(value, tuple):
        return [plain(entry, place) for entry in value]
    is_number = isinstance(value, int | float) and abs(value) < float("inf")
    if not (value is None or is_number or isinstance(value, str)):
        raise MechvalError(
            f"{place}={value!r} cannot be saved; allowed: finite numbers, texts, booleans, None, "
            "tuples of these, or a tensor (in a module: as a buffer)."
        )
    return value


def from_plain(value: Any) -> Any:
    """The value that `plain` was given."""
    return tuple(map(from_plain, value)) if isinstance(value, list) else value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MechvalError(
            f"{path} cannot be read ({type(error).__name__}); allowed: a file that "
            "save_interpretation wrote."
        ) from None


def spec_text(spec: InterpretationSpec) -> bytes:
    """The spec as it is written."""
    text = json.dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True)
    return f"{text}\n".encode()


def read_spec(path: Path) -> InterpretationSpec:
    """The spec; raises MechvalError if it is missing, damaged or another."""
    content = _read(path)
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise MechvalError(f"{path} is no JSON object; allowed: what save_interpretation wrote.")
    return parse_config(InterpretationSpec, values, prefix=path.name)


def read_tensors(path: Path, spec: InterpretationSpec) -> dict[str, Tensor]:
    """The tensors by name; raises MechvalError if they are missing, damaged or not the spec's."""
    content = _read(path)
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise MechvalError(
            f"{path} is damaged ({error}); allowed: what save_interpretation wrote."
        ) from None
    expected = {
        f"objects.{number}.{field}": told
        for number, described in enumerate(spec.objects)
        for field, told in described.tensors.items()
    }
    if expected.keys() != tensors.keys():
        raise MechvalError(f"{path} holds {sorted(tensors)}; allowed: {sorted(expected)}.")
    for name, told in expected.items():
        found = tensor_spec(tensors[name])
        if found != told:
            raise MechvalError(
                f"{path}: {name} has shape {found.shape} and type {found.dtype}; allowed: "
                f"{told.shape} and {told.dtype}, as {SPEC} says."
            )
    if hashlib.sha256(content).hexdigest() != spec.tensors_sha256:
        raise MechvalError(f"{path} is not the file that {SPEC} was written with; allowed: it.")
    return tensors
