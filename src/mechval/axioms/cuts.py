"""Where a network is cut: a tensor that a hook or submodule gives, or a part of one.

A partial cut claims the part alone. What else the network computes, in the same tensor and beside
it, is carried from the network's own run on the same input.
"""

import copy
import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64, Int, Shaped
from torch import Tensor

from mechval.axioms import guarding
from mechval.axioms.states import State
from mechval.errors import MechvalError


@dataclasses.dataclass(frozen=True)
class Part:
    """Some entries of a batch of tensors.

    Attributes:
        name: what it is called in messages.
        output: which entry of a state or output, if that is a tuple, list, mapping or object: a
            number or a name.
        index: the entries of the tensor, indexed behind the batch axis: with ``hook_z`` of shape
            ``[batch, pos, head, d_head]``, ``np.s_[:, 2]`` is one head and ``np.s_[-1]`` the last
            position. None is the whole tensor.
    """

    name: str
    output: int | str | None = None
    index: Any = None

    @property
    def label(self) -> str:
        """The cut in a message, such as ``h.attn output 0`` or ``hook_z[:, 2]``."""
        where = "" if self.output is None else f" output {self.output}"
        return f"{self.name}{where}{'' if self.index is None else f'[{_spelled(self.index)}]'}"

    def read(self, output: Any) -> Shaped[Tensor, "batch ..."]:
        """The part of a state, or of a hook's or submodule's output.

        Raises MechvalError if there is no such entry or part, or the entry is no tensor.
        """
        tensor = self._entry(output)
        if not isinstance(tensor, Tensor):
            raise MechvalError(
                f"{self._kind} {self.label!r} has a {type(tensor).__name__} as its output; "
                f"allowed: one tensor (of several, {type(self).__name__}({self.name!r}, output=…) "
                "names one)."
            )
        if self.index is None or self.index is ...:
            return tensor
        return tensor.reshape(len(tensor), -1)[:, self._places(tensor)]

    def holder(self, output: Any) -> Any:
        """The whole tensor that it is a part of."""
        return self._entry(output)

    def write(self, output: Any, state: Shaped[Tensor, "batch ..."]) -> Any:
        """The output with the state in the place of the tensor or part, which must fit it.

        Raises MechvalError as `read`, or for a state of another shape or type.
        """
        self._refuse_unfit(state, self.read(output))
        return self._written(output, state)

    def _refuse_unfit(self, state: Tensor, current: Tensor) -> None:
        if (state.shape, state.dtype) != (current.shape, current.dtype):
            raise MechvalError(
                f"the state put in at {self._kind} {self.label!r} has shape {tuple(state.shape)} "
                f"and type {state.dtype}; allowed: {tuple(current.shape)} and {current.dtype}."
            )

    def _written(self, output: Any, state: Shaped[Tensor, "batch ..."]) -> Any:
        tensor = state.clone()
        if self.index is not None and self.index is not ...:
            whole = self._entry(output)
            tensor = whole.reshape(len(whole), -1).clone()
            tensor[:, self._places(whole)] = state
            tensor = tensor.reshape(whole.shape)
        return tensor if self.output is None else _with_entry(output, self.output, tensor)

    @property
    def _kind(self) -> str:
        return type(self).__name__.lower()

    def _entry(self, output: Any) -> Any:
        if self.output is None:
            return output
        if isinstance(self.output, str) and not isinstance(output, Mapping):
            entries = getattr(output, "__dict__", {})
        else:
            entries = output
        try:
            return entries[self.output]
        except (LookupError, TypeError):
            raise MechvalError(
                f"{self._kind} {self.name!r} has a {type(output).__name__} as its output, without "
                f"an entry {self.output!r}; allowed: one of {_entries(output)}."
            ) from None

    def _places(self, tensor: Tensor) -> Int[Tensor, "..."]:
        """The numbers of the part's entries in a sample's flattened tensor, each once."""
        kind = tensor.shape[1:], tensor.device
        if kind not in self._known_places:
            self._known_places[kind] = self._find_places(tensor)
        return self._known_places[kind]

    @functools.cached_property
    def _known_places(self) -> dict[tuple[torch.Size, torch.device], Tensor]:
        return {}

    def _find_places(self, tensor: Tensor) -> Int[Tensor, "..."]:
        shape = tensor.shape[1:]
        numbers = torch.arange(math.prod(shape), device=tensor.device).reshape(shape)
        try:
            places = numbers[self.index]
        except (IndexError, TypeError, ValueError) as error:
            raise MechvalError(
                f"{self._kind} {self.label!r} fits no tensor of shape {tuple(tensor.shape)} "
                f"({error}); allowed: an index of the axes behind the batch."
            ) from None
        if places.numel() == 0 or places.numel() > places.unique().numel():
            told = "an entry twice" if places.numel() else "no entry"
            raise MechvalError(
                f"{self._kind} {self.label!r} names {told} of a tensor of shape "
                f"{tuple(tensor.shape)}; allowed: some entries, each once."
            )
        return places


@dataclasses.dataclass(frozen=True)
class Cut(Part):
    """The output of the hook point or submodule ``name``, where the name alone says too little.

    Without an index it is claimed that the tensor carries everything; with one, that part of it
    alone is claimed and everything else carried: ``...`` is a whole tensor beside which other
    things pass.
    """

    @property
    def is_partial(self) -> bool:
        """Whether only a part is claimed and the rest carried."""
        return self.index is not None


@dataclasses.dataclass(frozen=True, eq=False)
class Subspace(Part):
    """What some entries of a tensor are along a few directions, which need not be orthogonal.

    Attributes:
        directions: what 1 of each coordinate adds to the entries.
        readers: how each coordinate is read off them. They are dual to the directions, and to those
            of other subspaces of the same entries: each reads 1 off its own direction and 0 off all
            others (the pseudo-inverse of all directions together has them as its columns).
    """

    directions: Float[Tensor, "coordinate entry"] = dataclasses.field(kw_only=True)
    readers: Float[Tensor, "entry coordinate"] = dataclasses.field(kw_only=True)

    def read(self, output: Any) -> Float64[Tensor, "batch coordinate"]:
        """The coordinates; raises MechvalError as `Part.read`."""
        entries = super().read(output)
        return entries.reshape(len(entries), -1).double() @ self.readers.to(entries.device).double()

    def write(self, output: Any, state: Float64[Tensor, "batch coordinate"]) -> Any:
        """The output with these coordinates, and as it was along all other directions."""
        current, entries = self.read(output), super().read(output)
        self._refuse_unfit(state, current)
        change = (state - current) @ self.directions.to(entries.device).double()
        moved = entries.double() + change.reshape(entries.shape)
        return self._written(output, moved.to(entries.dtype))


@dataclasses.dataclass(frozen=True)
class PartialState:
    """The concrete state at a partial cut: what is claimed, and the run that carries the rest.

    Attributes:
        part: the tensor at the cut, or a tuple of them; all that α sees and γ gives.
        inputs: of the network's own run.
        put_in: by cut, what that run had put in before it reached this cut.
    """

    part: State
    inputs: State
    put_in: Mapping[str, Tensor]


def copy_parts(parts: Sequence[Part], source: State, target: State) -> State:
    """The target with these parts of the source, which has the same structure.

    Raises MechvalError for a part that does not fit, or states of other shapes or types.
    """
    found, allowed = _described(source), _described(target)
    if found != allowed:
        raise MechvalError(
            f"γ gives {', '.join(found)}; allowed: what the network has at the cut, "
            f"{', '.join(allowed)}."
        )
    plain: dict[int | str | None, list[Part]] = {}
    for part in parts:
        if type(part) is Part:
            plain.setdefault(part.output, []).append(part)
        else:
            target = part.write(target, part.read(source))
    for own in plain.values():
        # One pass over each tensor, however many parts it has.
        whole = dataclasses.replace(own[0], index=None)
        tensor = whole.read(target)
        chosen = torch.zeros_like(tensor[:1], dtype=torch.bool)
        for part in own:
            inner = dataclasses.replace(part, output=None)
            chosen = inner.write(chosen, torch.ones_like(inner.read(chosen)))
        target = whole.write(target, torch.where(chosen, whole.read(source), tensor))
    return target


def claimed(state: State) -> State:
    """What a claim speaks of in a concrete state: the part, or all of it."""
    return state.part if isinstance(state, PartialState) else state


def carried(written: State, own: State, place: str) -> State:
    """A concrete state that γ wrote, with the rest carried from the network's ``own`` state.

    Raises MechvalError if what was written is not of the part's shapes and types.
    """
    if not isinstance(own, PartialState):
        return written
    found, allowed = _described(written), _described(own.part)
    if found != allowed:
        raise MechvalError(
            f"{place} gives {', '.join(found)}; allowed: the claimed part of the cut and no more, "
            f"{', '.join(allowed)}."
        )
    return dataclasses.replace(own, part=written)


def _described(state: State) -> list[str]:
    """Shapes and types of all tensors."""
    return [
        f"{path} {tuple(leaf.shape)} of {leaf.dtype}".strip()
        if isinstance(leaf, Tensor)
        else f"{path} a {type(leaf).__name__}".strip()
        for path, leaf in guarding.leaves(state)
    ]


def _with_entry(output: Any, entry: int | str, tensor: Tensor) -> Any:
    """A copy of a structure with one entry replaced; the structure itself stays as it is."""
    if isinstance(output, tuple):
        entries = [*output]
        entries[int(entry)] = tensor
        return type(output)(*entries) if hasattr(output, "_fields") else tuple(entries)
    replaced = copy.copy(output)
    if isinstance(output, list | Mapping):
        replaced[entry] = tensor  # type: ignore[index]
    else:
        object.__setattr__(replaced, str(entry), tensor)
    return replaced


def _entries(output: Any) -> str:
    """The names or numbers of what a structure holds, for a message."""
    if isinstance(output, tuple | list):
        return f"0 to {len(output) - 1}"
    names = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
    return ", ".join(map(str, names)) or "none"


def _spelled(index: Any) -> str:
    """An index as it is written between brackets."""
    if isinstance(index, tuple):
        return ", ".join(map(_spelled, index))
    if isinstance(index, slice):
        ends = ("" if end is None else str(end) for end in (index.start, index.stop))
        return ":".join([*ends, *([] if index.step is None else [str(index.step)])])
    if index is ...:
        return "..."
    return str(index.tolist() if hasattr(index, "tolist") else index)
