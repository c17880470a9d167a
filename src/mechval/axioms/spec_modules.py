"""Probes: a `torch.nn.Module` as a part of a saved interpretation, and back without unpickling.

Written are its state dict, and the classes and plain attributes of its submodules. Loading copies a
module of that make which the caller hands in, and puts the state into the copy.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from torch import Tensor, nn

from mechval.axioms.provenance import reference_of
from mechval.axioms.spec_format import ObjectSpec, plain, tensor_spec
from mechval.errors import MechvalError

_TRAINING = "training"
_OF_EVERY_MODULE = vars(nn.Module()).keys() - {_TRAINING}


def describe_module(module: nn.Module) -> ObjectSpec:
    """What a module is made of, without the numbers of its state dict.

    Raises MechvalError if that is not all it computes with: a forward hook, a buffer that its state
    dict leaves out, or an attribute that is no plain value.
    """
    kind, parts, state = type(module).__name__, dict(module.named_modules()), module.state_dict()
    held = chain(
        module.named_parameters(remove_duplicate=False),
        module.named_buffers(remove_duplicate=False),
    )
    hooked = {
        path for path, part in parts.items() if part._forward_hooks or part._forward_pre_hooks
    }
    for names, why in (
        ({name for name, _ in held} ^ state.keys(), "is not what its state dict holds"),
        (hooked, "has a forward hook"),
    ):
        if names:
            raise MechvalError(
                f"{_place(kind, min(names))} cannot be saved, as it {why}; allowed: a module that "
                "its state dict, its classes and plain attributes describe."
            )
    values = {
        _place(path, name): value for path, part in parts.items() for name, value in _own(part)
    }
    return ObjectSpec(
        reference=reference_of(type(module)),
        values={place: plain(value, f"{kind}.{place}") for place, value in values.items()},
        tensors={name: tensor_spec(tensor) for name, tensor in state.items()},
        modules={path: reference_of(type(part)) for path, part in parts.items()},
    )


def restore_module(
    told: ObjectSpec, handed_in: Sequence[nn.Module], state: Mapping[str, Tensor]
) -> nn.Module:
    """A copy of the module handed in that is made as ``told``, with the saved state.

    Raises MechvalError if none of that class was handed in, or none is so made.
    """
    alike = [each for each in handed_in if reference_of(type(each)) == told.reference]
    if not alike:
        raise MechvalError(
            f"the spec names a module {told.reference}, of which none is handed in; allowed: one "
            "among the parts, whatever its numbers."
        )
    misfits = [next(_misfits(told, describe_module(each)), "") for each in alike]
    if all(misfits):
        raise MechvalError(
            f"the module {told.reference} handed in has {misfits[0]}; allowed: one made as the one "
            "that was saved, whatever its numbers."
        )
    restored = copy.deepcopy(alike[misfits.index("")])
    restored.load_state_dict(state)
    for path, part in restored.named_modules():
        part.training = told.values[_place(path, _TRAINING)] is True
    return restored


def _misfits(told: ObjectSpec, found: ObjectSpec) -> Iterator[str]:
    """What a module has that the one saved had not, in words; whether it trains is no matter."""
    pairs = (
        (told.modules or {}, found.modules or {}),
        (told.values, found.values),
        (told.tensors, found.tensors),
    )
    for saved, own in pairs:
        for name in sorted({*saved, *own}):
            if name not in own or name not in saved:
                yield f"{'a' if name in own else 'no'} {name!r}"
            elif saved[name] != own[name] and not _is_training(name):
                yield f"{name or 'itself'} = {own[name]} in place of {saved[name]}"


def _own(module: nn.Module) -> Iterator[tuple[str, object]]:
    """The attributes that not every module has, and whether it is in training mode."""
    for name, value in vars(module).items():
        if name not in _OF_EVERY_MODULE:
            yield name, tuple(value) if isinstance(value, list) else value


def _place(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")


def _is_training(name: str) -> bool:
    return name.rpartition(".")[2] == _TRAINING
