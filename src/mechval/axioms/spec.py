"""An interpretation as files: its program, translations and equivalences, not its network.

``interpretation.json`` names the functions and holds the plain values,
``interpretation.safetensors`` the fitted tensors. Loading imports nothing that the files name: a
function is looked up among the parts that the caller hands in.
"""

import hashlib
import inspect
import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

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
from mechval.axioms.provenance import changes, reference_of, trace
from mechval.axioms.spec_format import (
    EquivalenceSpec,
    InterpretationSpec,
    ObjectSpec,
    PartSpec,
    TensorSpec,
)
from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.files import write_whole

SPEC, TENSORS = "interpretation.json", "interpretation.safetensors"
_BUILT_IN = (identity, n_differing, exact_labels.distance)
_MAPS = ("abstract", "alphas", "gammas")


def save_interpretation(interpretation: Interpretation, directory: str | Path) -> None:
    """Write both files; the same interpretation gives the same bytes.

    Recorded are the version of mechval, digests of every part's source and of the network (if its
    components are a `CutNetwork`'s), and of the result that stands in the same folder, if one does.

    Its maps and distances must be functions at the top of a module, or instances, or methods of
    instances, of a dataclass there whose fields are tensors, numbers, texts, booleans, None or
    tuples of such plain values.

    Raises MechvalError naming the part that cannot be written, or could not be loaded: a method
    that its class inherits, an object that its fields do not make, a part of a script.
    """
    directory, writer = Path(directory), _Writer()
    maps = {field: tuple(map(writer.part, getattr(interpretation, field))) for field in _MAPS}
    equivalences = tuple(
        EquivalenceSpec.model_validate({**vars(known), "distance": writer.part(known.distance)})
        for known in interpretation.equivalences
    )
    tensors = save(writer.tensors)
    spec = InterpretationSpec(
        format=2,
        name=interpretation.name,
        tags=tuple(interpretation.tags.items()),
        components=interpretation.components,
        **maps,
        equivalences=equivalences,
        objects=tuple(writer.objects),
        tensors_sha256=hashlib.sha256(tensors).hexdigest(),
        provenance=trace(interpretation.concrete, writer.sources, directory),
    )
    text = json.dumps(spec.model_dump(mode="json"), indent=1, sort_keys=True)
    directory.mkdir(parents=True, exist_ok=True)
    # The spec last: it tells by its digest whether the tensors beside it are its own.
    write_whole(directory / TENSORS, tensors)
    write_whole(directory / SPEC, f"{text}\n".encode())


def load_interpretation(
    directory: str | Path, concrete: tuple[Map, ...], parts: Iterable[Callable[..., Any]]
) -> Interpretation:
    """Read an interpretation back, to be that of the network with the components t_1 … t_d.

    The spec may name no function or dataclass but ``parts``, among which `identity`, the distance
    of `exact_labels` and `n_differing` always are. A UserWarning says what has changed since it
    was saved: the version of mechval, the source of a part, the network, the result beside it.

    Raises MechvalError if a file is missing or damaged, for a function that is not among the parts,
    for a tensor of another shape or type, or if the lengths do not fit together.
    """
    directory = Path(directory)
    spec = _read_spec(directory / SPEC)
    tensors = _read_tensors(directory / TENSORS, spec)
    known = {reference_of(part): part for part in (*_BUILT_IN, *parts)}
    made = [_make_object(known, told, at, tensors) for at, told in enumerate(spec.objects)]
    for change in changes(spec.provenance, concrete, known, directory):
        warnings.warn(f"{directory / SPEC}: {change}", stacklevel=2)

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
        self.sources: dict[str, Callable[..., Any]] = {}
        self._numbers: dict[int, int] = {}

    def part(self, applied: Callable[..., Any]) -> PartSpec:
        """How a map or a distance is written."""
        if inspect.isfunction(applied):
            return PartSpec(reference=self._noted(applied))
        is_method = inspect.ismethod(applied)
        owner = applied.__self__ if is_method else applied
        name = applied.__name__ if is_method else "__call__"
        if isinstance(owner, type) or not is_dataclass(owner):
            raise MechvalError(
                f"part {applied!r} cannot be saved; allowed: a function, or (a method of) an "
                "instance of a dataclass."
            )
        if name not in vars(type(owner)):
            raise MechvalError(
                f"part {type(owner).__name__}.{name} cannot be saved, as its class inherits it; "
                "allowed: a method that the class itself defines."
            )
        reference = f"{self._noted(type(owner))}.{name}"
        return PartSpec(reference=reference, object=self._number(owner))

    def _noted(self, part: Callable[..., Any]) -> str:
        reference = reference_of(part)
        if part not in _BUILT_IN:
            self.sources[reference] = part
        return reference

    def _number(self, owner: Any) -> int:
        number = self._numbers.setdefault(id(owner), len(self.objects))
        if number == len(self.objects):
            self.objects.append(self._object(owner, number))
        return number

    def _object(self, owner: Any, number: int) -> ObjectSpec:
        for field in fields(owner):
            if not field.init:
                raise MechvalError(
                    f"{type(owner).__name__}.{field.name} cannot be saved, as it is no argument "
                    "(init=False); allowed: fields that an instance is made from."
                )
        values = {field.name: getattr(owner, field.name) for field in fields(owner)}
        _refuse_unmakeable(owner, values)
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        for name, value in tensors.items():
            self.tensors[f"objects.{number}.{name}"] = value.detach().cpu().contiguous().clone()
        return ObjectSpec(
            reference=reference_of(type(owner)),
            values={
                name: _plain(value, f"{type(owner).__name__}.{name}")
                for name, value in values.items()
                if name not in tensors
            },
            tensors={name: _tensor_spec(value) for name, value in tensors.items()},
        )


def _refuse_unmakeable(owner: Any, values: Mapping[str, Any]) -> None:
    """Refuse an object that its fields do not make, such as one with an InitVar."""
    try:
        type(owner)(**values)
    except Exception as error:
        raise MechvalError(
            f"a {type(owner).__name__} cannot be saved, as its fields do not make it "
            f"({type(error).__name__}: {error}); allowed: a dataclass whose fields do."
        ) from None


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


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MechvalError(
            f"{path} cannot be read ({type(error).__name__}); allowed: a file that "
            "save_interpretation wrote."
        ) from None


def _read_spec(path: Path) -> InterpretationSpec:
    content = _read(path)
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
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
