"""Variables of a saved interpretation: which entries of which tensors, as plain values."""

from typing import Any

from mechval.axioms.base import Variable
from mechval.axioms.cuts import Part
from mechval.axioms.spec_format import PlaceSpec, VariableSpec
from mechval.errors import MechvalError


def describe_variable(variable: Variable) -> VariableSpec:
    """A variable as plain values.

    Raises MechvalError for a carrier that is no plain part (a `Subspace`), or a part whose index is
    not made of integers, slices, ``...`` and None, in lists, arrays, tensors or tuples.
    """
    for part in (variable.value, variable.carrier):
        if type(part) is not Part:
            raise MechvalError(
                f"variable {variable.value.name!r}: {part.label} cannot be saved, as it is a "
                f"{type(part).__name__}; allowed: a Part."
            )
    value, carrier = (
        PlaceSpec(
            name=part.name,
            output=part.output,
            index=_plain_index(part.index, f"variable {variable.value.name!r}: {part.label}"),
        )
        for part in (variable.value, variable.carrier)
    )
    return VariableSpec(component=variable.component, value=value, carrier=carrier)


def restore_variable(told: VariableSpec) -> Variable:
    """What `describe_variable` made plain; raises MechvalError for any other index."""
    value, carrier = (
        Part(part.name, part.output, _index(part.index, part.name))
        for part in (told.value, told.carrier)
    )
    return Variable(told.component, value, carrier)


def _plain_index(index: Any, place: str) -> Any:
    index = index.tolist() if hasattr(index, "tolist") else index
    if index is ...:
        return "..."
    if isinstance(index, slice):
        ends = (index.start, index.stop, index.step)
        return {"slice": [_plain_index(end, place) for end in ends]}
    if isinstance(index, list | tuple):
        entries = [_plain_index(entry, place) for entry in index]
        return {"axes": entries} if isinstance(index, tuple) else entries
    if index is None or isinstance(index, int):
        return index
    raise MechvalError(
        f"{place} cannot be saved with index={index!r}; allowed: integers, slices, ..., None, or "
        "lists, arrays, tensors or tuples of these."
    )


def _index(told: Any, name: str) -> Any:
    """What `_plain_index` made plain."""
    if told is None or isinstance(told, int):
        return told
    if told == "...":
        return ...
    if isinstance(told, list):
        return [_index(entry, name) for entry in told]
    match told:
        case {"slice": [start, stop, step], **rest} if not rest:
            return slice(*(_index(end, name) for end in (start, stop, step)))
        case {"axes": [*entries], **rest} if not rest:
            return tuple(_index(entry, name) for entry in entries)
    raise MechvalError(
        f"variable part {name!r} has the index {told!r}; allowed: what save_interpretation writes."
    )
