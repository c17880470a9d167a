"""An interpretation as files: its program, translations and equivalences, not its network.

``interpretation.json`` names the functions and holds the plain values,
``interpretation.safetensors`` the fitted tensors. Loading imports nothing that the files name: a
function is looked up among the parts that the caller hands in.
"""

import hashlib
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from mechval.axioms import equivalences
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
    SPEC,
    TENSORS,
    EquivalenceSpec,
    InterpretationSpec,
    ObjectSpec,
    PartSpec,
    from_plain,
    plain,
    read_spec,
    read_tensors,
    spec_text,
    tensor_spec,
)
from mechval.axioms.spec_modules import describe_module, restore_module
from mechval.axioms.spec_variables import describe_variable, restore_variable
from mechval.errors import MechvalError
from mechval.files import write_whole

_BUILT_IN = (
    *(identity, n_differing, exact_labels.distance, equivalences.largest_difference),
    *(equivalences.largest_logit_difference, equivalences.total_variation),
    equivalences.kl_divergence,
)
_MAPS = ("abstract", "alphas", "gammas")


def save_interpretation(interpretation: Interpretation, directory: str | Path) -> None:
    """Write both files; the same interpretation gives the same bytes.

    Recorded are the version of mechval, digests of every part's source and of the network (if its
    components are a `CutNetwork`'s), and of the result that stands in the same folder, if one does.

    Its maps and distances must be functions at the top of a module, or instances, or methods of
    instances: of a dataclass there whose fields are tensors, numbers, texts, booleans, None or
    tuples of such plain values, or of a `torch.nn.Module`, whose state dict is written. For its
    variables see `describe_variable`.

    Raises MechvalError naming the part that cannot be written, or could not be loaded: a method
    that its class inherits, an object that its fields do not make, a part of a script, a module
    with more to it than its state dict, classes and plain attributes (`describe_module`).
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
        variables=tuple(map(describe_variable, interpretation.variables)),
        objects=tuple(writer.objects),
        tensors_sha256=hashlib.sha256(tensors).hexdigest(),
        provenance=trace(interpretation.concrete, writer.sources, directory),
    )
    directory.mkdir(parents=True, exist_ok=True)
    # The spec last: it tells by its digest whether the tensors beside it are its own.
    write_whole(directory / TENSORS, tensors)
    write_whole(directory / SPEC, spec_text(spec))


def load_interpretation(
    directory: str | Path, concrete: tuple[Map, ...], parts: Iterable[Callable[..., Any]]
) -> Interpretation:
    """Read an interpretation back, to be that of the network with the components t_1 … t_d.

    The spec may name no function or dataclass but ``parts``, among which `identity` and the
    distances of the ready-made equivalences always are. A module's state is put into a copy of one
    of the same make among the parts, whatever its numbers. A UserWarning says what has changed
    since it was saved: the version of mechval, the source of a part, the network, the result beside
    it.

    Raises MechvalError if a file is missing or damaged, for a function that is not among the parts,
    for a module without one of its make there, for a tensor of another shape or type, or if the
    lengths do not fit together.
    """
    directory = Path(directory)
    spec = read_spec(directory / SPEC)
    tensors = read_tensors(directory / TENSORS, spec)
    parts = tuple(parts)
    modules = [part for part in parts if isinstance(part, nn.Module)]
    named = (part for part in (*_BUILT_IN, *parts) if not isinstance(part, nn.Module))
    known = {reference_of(part): part for part in named}
    made = [_make_object(known, modules, told, at, tensors) for at, told in enumerate(spec.objects)]
    classes = {reference_of(type(each)): type(each) for part in modules for each in part.modules()}
    for change in changes(spec.provenance, concrete, {**classes, **known}, directory):
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
        variables=tuple(map(restore_variable, spec.variables)),
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
        if isinstance(owner, type) or not (is_dataclass(owner) or isinstance(owner, nn.Module)):
            raise MechvalError(
                f"part {applied!r} cannot be saved; allowed: a function, or (a method of) an "
                "instance of a dataclass or torch.nn.Module."
            )
        if not _defines(type(owner), name):
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
        if isinstance(owner, nn.Module):
            described = describe_module(owner)
            for part in owner.modules():
                self._noted(type(part))
            self._keep(owner.state_dict(), number)
            return described
        for field in fields(owner):
            if not field.init:
                raise MechvalError(
                    f"{type(owner).__name__}.{field.name} cannot be saved, as it is no argument "
                    "(init=False); allowed: fields that an instance is made from."
                )
        values = {field.name: getattr(owner, field.name) for field in fields(owner)}
        _refuse_unmakeable(owner, values)
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        self._keep(tensors, number)
        return ObjectSpec(
            reference=reference_of(type(owner)),
            values={
                name: plain(value, f"{type(owner).__name__}.{name}")
                for name, value in values.items()
                if name not in tensors
            },
            tensors={name: tensor_spec(value) for name, value in tensors.items()},
        )

    def _keep(self, tensors: Mapping[str, Tensor], number: int) -> None:
        for name, value in tensors.items():
            self.tensors[f"objects.{number}.{name}"] = value.detach().cpu().contiguous().clone()


def _defines(kind: type, method: str) -> bool:
    """Whether a class itself has the method; every module is called by way of `nn.Module`."""
    return callable(vars(kind).get(method)) or (
        method == "__call__" and issubclass(kind, nn.Module)
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


def _look_up(known: Mapping[str, Callable[..., Any]], reference: str) -> Callable[..., Any]:
    if reference not in known:
        raise MechvalError(
            f"the spec names the unknown part {reference}; allowed: the parts handed in, "
            f"{', '.join(known)}."
        )
    return known[reference]


def _make_object(
    known: Mapping[str, Callable[..., Any]],
    modules: Sequence[nn.Module],
    described: ObjectSpec,
    number: int,
    tensors: Mapping[str, Tensor],
) -> Any:
    own = {field: tensors[f"objects.{number}.{field}"] for field in described.tensors}
    if described.modules is not None:
        return restore_module(described, modules, own)
    make = kind = _look_up(known, described.reference)
    expected = {field.name for field in fields(kind)} if is_dataclass(kind) else set()
    found = {*described.values, *described.tensors}
    if found != expected:
        raise MechvalError(
            f"object {number}, a {described.reference}, has the fields {sorted(found)}; allowed: "
            f"{sorted(expected)}."
        )
    return make(**{name: from_plain(value) for name, value in described.values.items()}, **own)


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
    if class_name != told or not _defines(type(owner), method):
        raise MechvalError(
            f"part {part.reference} is no method of object {part.object}, a {told}; "
            "allowed: one that its class defines."
        )
    return owner if method == "__call__" else getattr(owner, method)
