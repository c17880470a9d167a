"""An interpretation as files: its program, translations and equivalences, not its network.

``interpretation.json`` names the functions and holds the plain values,
``interpretation.safetensors`` the fitted tensors. Loading imports nothing that the files name: a
function is looked up among the parts that the caller hands in.
"""

import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from mechval.axioms.base import (
    Equivalence,
    Interpretation,
    Map,
    exact_labels,
    identity,
    n_differing,
)
from mechval.config import Config, parse_config
from mechval.errors import MechvalError

SPEC, TENSORS = "interpretation.json", "interpretation.safetensors"
_BUILT_IN = (identity, n_differing, exact_labels.distance)
_MAPS = ("abstract", "alphas", "gammas")


class PartSpec(Config):
    """A function ``module:name``, or the method ``module:Class.name`` of an object."""

    reference: str = Field(description="a text such as module:name")
    object: int | None = Field(default=None, ge=0, description="null, or an object's number")


class TensorSpec(Config):
    """What a tensor of the safetensors file must be."""

    shape: tuple[int, ...] = Field(description="a list of integers")
    dtype: str = Field(description="a text such as torch.float32")


class ObjectSpec(Config):
    """An instance of a dataclass: its plain fields, and its tensors without their numbers."""

    reference: str = Field(description="a text such as module:Class")
    values: dict[str, Any] = Field(description="plain values by field")
    tensors: dict[str, TensorSpec] = Field(description="shape and dtype by field")


class EquivalenceSpec(Config):
    """An equivalence with its distance as a part."""

    name: str = Field(description="a text")
    distance: PartSpec = Field(description="a part")
    tolerance: int | float = Field(description="a number of at least 0")
    n_parts: int = Field(description="an integer from 1 up")


class InterpretationSpec(Config):
    """The whole of ``interpretation.json``."""

    format: Literal[1] = Field(description="1")
    name: str = Field(description="a text")
    tags: tuple[tuple[str, str], ...] = Field(description="a list of pairs of texts")
    components: tuple[str, ...] = Field(description="a list of names")
    abstract: tuple[PartSpec, ...] = Field(description="a list of parts")
    alphas: tuple[PartSpec, ...] = Field(description="a list of parts")
    gammas: tuple[PartSpec, ...] = Field(description="a list of parts")
    equivalences: tuple[EquivalenceSpec, ...] = Field(description="a list of equivalences")
    objects: tuple[ObjectSpec, ...] = Field(description="a list of objects")
    tensors_sha256: str = Field(description="the digest of the safetensors file")


def save_interpretation(interpretation: Interpretation, directory: Path) -> None:
    """Write both files; the same interpretation gives the same bytes.

    Its maps and distances must be functions at the top of a module, or instances, or methods of
    instances, of a dataclass there whose fields are tensors, numbers, texts, booleans, None or
    tuples of such plain values.

    Raises MechvalError naming the part that cannot be written.
    """
    writer = _Writer()
    maps = {field: tuple(map(writer.part, getattr(interpretation, field))) for field in _MAPS}
    equivalences = tuple(
        EquivalenceSpec.model_validate({**vars(known), "distance": writer.part(known.distance)})
        for known in interpretation.equivalences
    )
    tensors = save(writer.tensors)
    spec = InterpretationSpec(
        format=1,
        name=interpretation.name,
        tags=tuple(interpretation.tags.items()),
        components=interpretation.components,
        **maps,
        equivalences=equivalences,
        objects=tuple(writer.objects),
        tensors_sha256=hashlib.sha256(tensors).hexdigest(),
    )
    text = json.dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True)
    directory.mkdir(parents=True, exist_ok=True)
    # The spec last: it tells by its digest whether the tensors beside it are its own.
    _replace(directory / TENSORS, tensors)
    _replace(directory / SPEC, f"{text}\n".encode())


def load_interpretation(
    directory: Path, concrete: tuple[Map, ...], parts: Iterable[Callable[..., Any]]
) -> Interpretation:
    """Read an interpretation back, to be that of the network with the components t_1 … t_d.

    The spec may name no function or dataclass but ``parts``, among which `identity`, the distance
    of `exact_labels` and `n_differing` always are.

    Raises MechvalError if a file is missing or damaged, for a function that is not among the parts,
    for a tensor of another shape or type, or if the lengths do not fit together.
    """
    spec = _read_spec(directory / SPEC)
    tensors = _read_tensors(directory / TENSORS, spec)
    known = {_reference(part): part for part in (*_BUILT_IN, *parts)}
    made = [_make_object(known, told, at, tensors) for at, told in enumerate(spec.objects)]

    def find(part: PartSpec) -> Callable[..., Any]:
        return _resolve(known, part, spec, made)

    return Interpretation(
        name=spec.name,
        tags=dict(spec.tags),
        components=spec.components,
        concrete=concrete,
        **{field: tuple(map(find, getattr(spec, field))) for field in _MAPS},
        equivalences=tuple(
            Equivalence(told.name, find(told.distance), told.tolerance, told.n_parts)
            for told in spec.equivalences
        ),
    )


class _Writer:
    """Numbers the objects that parts belong to and gathers their tensors."""

    def __init__(self) -> None:
        self.objects: list[ObjectSpec] = []
        self.tensors: dict[str, Tensor] = {}
        self._numbers: dict[int, int] = {}

    def part(self, applied: Callable[..., Any]) -> PartSpec:
        """How a map or a distance is written."""
        if inspect.isfunction(applied):
            return PartSpec(reference=_reference(applied))
        is_method = inspect.ismethod(applied)
        owner = applied.__self__ if is_method else applied
        name = applied.__name__ if is_method else "__call__"
        if isinstance(owner, type) or not is_dataclass(owner):
            raise MechvalError(
                f"part {applied!r} cannot be saved; allowed: a function, or (a method of) an "
                "instance of a dataclass."
            )
        return PartSpec(reference=f"{_reference(type(owner))}.{name}", object=self._number(owner))

    def _number(self, owner: Any) -> int:
        number = self._numbers.setdefault(id(owner), len(self.objects))
        if number == len(self.objects):
            self.objects.append(self._object(owner, number))
        return number

    def _object(self, owner: Any, number: int) -> ObjectSpec:
        values = {field.name: getattr(owner, field.name) for field in fields(owner)}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        for name, value in tensors.items():
            self.tensors[f"objects.{number}.{name}"] = value.detach().cpu().contiguous().clone()
        return ObjectSpec(
            reference=_reference(type(owner)),
            values={
                name: _plain(value, f"{type(owner).__name__}.{name}")
                for name, value in values.items()
                if name not in tensors
            },
            tensors={name: _tensor_spec(value) for name, value in tensors.items()},
        )


def _reference(part: Callable[..., Any]) -> str:
    """``module:qualified name``; a script run by ``python -m`` has the name it is imported by."""
    qualified = getattr(part, "__qualname__", "<nameless>")
    if "<" in qualified:
        raise MechvalError(
            f"part {qualified} cannot be saved; allowed: a function or class at the top of a "
            "module."
        )
    module = part.__module__
    told = getattr(sys.modules.get(module), "__spec__", None) if module == "__main__" else None
    return f"{told.name if told else module}:{qualified}"


def _plain(value: Any, place: str) -> Any:
    if isinstance(value, tuple):
        return [_plain(entry, place) for entry in value]
    is_number = isinstance(value, int | float) and abs(value) < float("inf")
    if not (value is None or is_number or isinstance(value, str)):
        raise MechvalError(
            f"{place}={value!r} cannot be saved; allowed: tensors, finite numbers, texts, "
            "booleans, None, or tuples of these but tensors."
        )
    return value


def _from_plain(value: Any) -> Any:
    return tuple(map(_from_plain, value)) if isinstance(value, list) else value


def _tensor_spec(tensor: Tensor) -> TensorSpec:
    return TensorSpec(shape=tuple(tensor.shape), dtype=str(tensor.dtype))


def _replace(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content)
    aside.replace(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MechvalError(
            f"{path} cannot be read ({type(error).__name__}); allowed: a file that "
            "save_interpretation wrote."
        ) from None


def _read_spec(path: Path) -> InterpretationSpec:
    try:
        values = json.loads(_read(path))
    except (json.JSONDecodeError, UnicodeDecodeError):
        values = None
    if not isinstance(values, dict):
        raise MechvalError(f"{path} is no JSON object; allowed: what save_interpretation wrote.")
    return parse_config(InterpretationSpec, values, prefix=path.name)


def _read_tensors(path: Path, spec: InterpretationSpec) -> dict[str, Tensor]:
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
        found = _tensor_spec(tensors[name])
        if found != told:
            raise MechvalError(
                f"{path}: {name} has shape {found.shape} and type {found.dtype}; allowed: "
                f"{told.shape} and {told.dtype}, as {SPEC} says."
            )
    if hashlib.sha256(content).hexdigest() != spec.tensors_sha256:
        raise MechvalError(f"{path} is not the file that {SPEC} was written with; allowed: it.")
    return tensors


def _look_up(known: Mapping[str, Callable[..., Any]], reference: str) -> Callable[..., Any]:
    if reference not in known:
        raise MechvalError(
            f"the spec names the unknown part {reference}; allowed: the parts handed in, "
            f"{', '.join(known)}."
        )
    return known[reference]


def _make_object(
    known: Mapping[str, Callable[..., Any]],
    described: ObjectSpec,
    number: int,
    tensors: Mapping[str, Tensor],
) -> Any:
    make = kind = _look_up(known, described.reference)
    expected = {field.name for field in fields(kind)} if is_dataclass(kind) else set()
    found = {*described.values, *described.tensors}
    if found != expected:
        raise MechvalError(
            f"object {number}, a {described.reference}, has the fields {sorted(found)}; allowed: "
            f"{sorted(expected)}."
        )
    own = {field: tensors[f"objects.{number}.{field}"] for field in described.tensors}
    return make(**{name: _from_plain(value) for name, value in described.values.items()}, **own)


def _resolve(
    known: Mapping[str, Callable[..., Any]],
    part: PartSpec,
    spec: InterpretationSpec,
    objects: list[Any],
) -> Callable[..., Any]:
    if part.object is None:
        return _look_up(known, part.reference)
    if part.object >= len(objects):
        raise MechvalError(
            f"part {part.reference} belongs to object {part.object}; allowed: 0 to "
            f"{len(objects) - 1}."
        )
    class_name, _, method = part.reference.rpartition(".")
    owner, told = objects[part.object], spec.objects[part.object].reference
    if class_name != told or not callable(vars(type(owner)).get(method)):
        raise MechvalError(
            f"part {part.reference} is no method of object {part.object}, a {told}; "
            "allowed: one that its class defines."
        )
    return owner if method == "__call__" else getattr(owner, method)
