"""What the maps of a claim may do with the states they are given, and the networks with theirs.

A state counts as unchanged if it holds the same tensors and torch's version counters of them stand
where they stood: that costs nothing beside a forward pass.
"""

import functools
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mechval.errors import MechvalError


@contextmanager
def tracking() -> Iterator[None]:
    """Neither gradients nor inference mode, in which tensors have no version counter."""
    with torch.inference_mode(mode=False), torch.no_grad():
        yield


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything inside nested mappings, sequences and objects with attributes, with its place,
    such as ``logits`` or ``hidden_states.0``.
    """
    entries: Iterator[tuple[Any, Any]]
    if isinstance(value, Tensor | np.ndarray | str | bytes):
        entries = iter(())
    elif isinstance(value, Mapping):
        entries = iter(value.items())
    elif isinstance(value, Sequence):
        entries = enumerate(value)
    else:
        entries = iter(getattr(value, "__dict__", {}).items())
    is_leaf = True
    for name, entry in entries:
        is_leaf = False
        yield from leaves(entry, f"{path}.{name}" if path else str(name))
    if is_leaf:
        yield path, value


def apply(applied: Callable[..., Any], place: str, *states: Any) -> Any:
    """What ``applied`` gives for the states; ``place`` tells which map of which claim it is.

    Raises MechvalError if it raises anything, or changes a state it was given.
    """
    before = _marks(states)
    with told(f"{place} ({name_of(applied)})"):
        result = applied(*states)
    after = _marks(states)
    if len(before) != len(after) or any(
        old is not new or mark != now for (old, mark), (new, now) in zip(before, after, strict=True)
    ):
        raise MechvalError(
            f"{place} ({name_of(applied)}) changes what it was given; allowed: a map that leaves "
            "its argument as it is, such as clamp in place of clamp_."
        )
    return result


def translate(applied: Callable[[Any], Any], place: str, state: Any) -> Any:
    """What a map between states gives (`apply`).

    Raises MechvalError if it raises anything, changes the state it was given, gives something
    else than one state per sample, or NaN.
    """
    result = apply(applied, place, state)
    refuse_result(result, f"{place} ({name_of(applied)})", state)
    return result


def refuse_result(result: Any, place: str, state: Any) -> None:
    """Refuse what is not one state per sample of ``state``, or NaN; ``place`` is what gave it.

    Raises MechvalError.
    """
    sizes = {size for size, _ in _sizes(state)}
    for size, shape in _sizes(result):
        if len(sizes) == 1 and size not in sizes:
            raise MechvalError(
                f"{place} gives shape {shape} for {sizes.pop()} samples; "
                "allowed: one state per sample, along the first axis."
            )
    refuse_nan(result, place)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn whatever somebody's own function raises into one sentence about ``what`` it is; the
    traceback stands below the sentence.
    """
    try:
        yield
    except MechvalError as error:
        raise MechvalError(f"{what}: {error}") from error
    except Exception as error:
        refusal = MechvalError(
            f"{what} raises {type(error).__name__} ({str(error).partition(chr(10))[0]}); allowed: "
            "one that takes every batch of states."
        )
        refusal.add_note(traceback.format_exc())
        raise refusal from None


def refuse_nan(value: Any, place: str) -> None:
    """Refuse NaN: it equals nothing and exceeds no tolerance, so what it counts as is chance.

    Raises MechvalError if a tensor or array in ``value`` holds one; ``place`` is what gave it.
    """
    for path, leaf in leaves(value):
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
            leaf = torch.from_numpy(leaf)
        # The sum is cheap, and undefined wherever an entry is.
        if not (isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.sum().isnan()):
            continue
        if n_undefined := int(leaf.isnan().sum()):
            raise MechvalError(
                f"{place} gives NaN in {n_undefined} numbers{path and f' of {path}'}; "
                "allowed: states and outputs without NaN."
            )


def _sizes(state: Any) -> Iterator[tuple[int | None, tuple[int, ...]]]:
    """The first axis and the shape of every tensor and array; None where there is no axis."""
    for _, leaf in leaves(state):
        if isinstance(leaf, Tensor | np.ndarray):
            yield (len(leaf) if leaf.ndim else None), tuple(leaf.shape)


def name_of(applied: Callable[..., Any]) -> str:
    """A function's name in a message."""
    applied = applied.func if isinstance(applied, functools.partial) else applied
    return getattr(applied, "__qualname__", None) or type(applied).__name__


def _marks(states: Any) -> list[tuple[Any, int]]:
    """Every leaf and a number that differs once it has been changed in place."""
    return [(leaf, _mark(leaf)) for _, leaf in leaves(states)]


def _mark(leaf: Any) -> int:
    if isinstance(leaf, Tensor):
        # Torch refuses to change an inference tensor outside inference mode.
        return 0 if leaf.is_inference() else leaf._version
    return zlib.crc32(leaf.tobytes()) if isinstance(leaf, np.ndarray) else 0
