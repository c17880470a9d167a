"""Batches of states and inputs, whatever structure their tensors stand in.

A structure is made of tensors, arrays, mappings, sequences and dataclasses; the first axis of every
tensor and array in it is the batch.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mechval.axioms import guarding
from mechval.errors import MechvalError

State: TypeAlias = Any
"""A batch of concrete or abstract states: tensors, or any structure of them, batched first."""

_PAIRS = 1024


class OpaqueError(Exception):
    """A state holds something whose samples cannot be told apart."""


def has_rows(leaf: Any) -> bool:
    """Whether a leaf of a structure is a tensor or array with a first axis."""
    return isinstance(leaf, Tensor | np.ndarray) and leaf.ndim > 0


def transform(state: Any, applied: Callable[[Any], Any]) -> Any:
    """The same structure with every tensor and array replaced by what ``applied`` makes of it.

    Raises OpaqueError for a structure that holds anything else.
    """
    if has_rows(state):
        return applied(state)
    if isinstance(state, Mapping):
        return {name: transform(entry, applied) for name, entry in state.items()}
    if isinstance(state, list | tuple):
        entries = [transform(entry, applied) for entry in state]
        return type(state)(*entries) if hasattr(state, "_fields") else type(state)(entries)
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        changed = {name: transform(entry, applied) for name, entry in vars(state).items()}
        return dataclasses.replace(state, **changed)
    raise OpaqueError


def pick(state: Any, rows: Sequence[int] | Int[Tensor, " picked"]) -> Any:
    """The samples of a batch by their numbers, copied.

    Raises OpaqueError as `transform`.
    """
    if isinstance(rows, range):
        at = slice(rows.start, rows.stop, rows.step)
        return transform(state, lambda leaf: _copied(leaf[at]))
    places = torch.as_tensor(rows, dtype=torch.long)
    return transform(
        state,
        lambda leaf: (
            leaf[places.to(leaf.device)] if isinstance(leaf, Tensor) else leaf[places.numpy()]
        ),
    )


def _copied(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf.copy()


def n_samples(inputs: Any) -> int:
    """How many samples a batch of inputs holds: one tensor, or a tuple or dict of tensors.

    Raises MechvalError for anything else in it, or tensors whose first axes differ.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path, leaf in guarding.leaves(inputs):
        if not has_rows(leaf):
            raise MechvalError(
                f"inputs{path and f' {path!r}'} is a {type(leaf).__name__} without samples; "
                "allowed: a tensor with the batch as its first axis (set anything else on the "
                "network)."
            )
        shapes[path or "inputs"] = tuple(leaf.shape)
    sizes = {shape[0] for shape in shapes.values()}
    if len(sizes) != 1:
        told = ", ".join(f"{path} {shape}" for path, shape in shapes.items())
        raise MechvalError(
            f"the inputs have the shapes {told or 'of nothing'}; allowed: the batch as the first "
            "axis of every tensor, and equally long there."
        )
    return sizes.pop()


def others(n: int, generator: torch.Generator) -> Int[Tensor, " sample"]:
    """For each of n samples the number of another one, each once (itself if there is but one)."""
    order = torch.randperm(n, generator=generator)
    return torch.empty_like(order).scatter(0, order, order.roll(1))


def pairs(n: int, *, is_domain: bool) -> Iterator[tuple[list[int], list[int]]]:
    """Numbers of bases and their sources among n samples, batch by batch: all ordered pairs of a
    whole domain, else each sample in one pair at most.

    Raises MechvalError if there is no pair.
    """
    n_pairs = n * n if is_domain else n // 2
    if n_pairs == 0:
        raise MechvalError(f"inputs holds {n} samples; allowed: at least 2, for one pair.")
    for start in range(0, n_pairs, _PAIRS):
        some = range(start, min(start + _PAIRS, n_pairs))
        if is_domain:
            yield [pair // n for pair in some], [pair % n for pair in some]
        else:
            yield [*some], [n_pairs + pair for pair in some]


def pieces(inputs: Any, batch_size: int) -> Iterator[Any]:
    """Inputs in batches of so many samples; those of an iterator as it gives them.

    Raises MechvalError as `n_samples`.
    """
    if isinstance(inputs, Iterator):
        yield from inputs
        return
    n = n_samples(inputs)
    for start in range(0, n, batch_size):
        yield pick(inputs, range(start, min(start + batch_size, n)))


def is_equal(first: Any, second: Any, rounding: float = 0.0) -> bool:
    """Whether two structures of tensors hold the same at the same places, fractions to within a
    share of the largest.
    """
    pairs = [dict(guarding.leaves(state)) for state in (first, second)]
    return pairs[0].keys() == pairs[1].keys() and all(
        _is_close(leaf, pairs[1][path], rounding) for path, leaf in pairs[0].items()
    )


def _is_close(first: Tensor, second: Tensor, rounding: float) -> bool:
    if torch.equal(first, second):
        return True
    if first.shape != second.shape or not (rounding and first.is_floating_point()):
        return False
    return bool((first - second).abs().max() <= rounding * second.abs().max())
