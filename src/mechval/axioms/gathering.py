"""What is measured batch by batch, gathered in few tensors.

A small tensor for each batch would lie in memory between the large ones of the batches, which an
allocator then could not give back, or use for the next batch.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from mechval.axioms.base import CellKey, Measurements
from mechval.errors import MechvalError


class Gathered:
    """The measurements of all batches of one interpretation."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, CellKey | None], _Column] = {}

    def add(self, measured: Measurements) -> None:
        """Take in those of one more batch.

        Raises MechvalError if the network's outputs have another shape than before.
        """
        for field in fields(measured):
            value = getattr(measured, field.name)
            for key, piece in (value if isinstance(value, Mapping) else {None: value}).items():
                self._columns.setdefault((field.name, key), _Column()).add(piece)

    def whole(self) -> Measurements:
        """Those of all batches together."""
        found: dict[str, Any] = {"distances": {}, "shuffled": {}}
        for (name, key), column in self._columns.items():
            if key is None:
                found[name] = column.whole()
            else:
                found[name][key] = column.whole()
        return Measurements(**found)


class _Column:
    """A tensor that grows by its first axis, doubled whenever it is full."""

    def __init__(self) -> None:
        self._n, self._kept = 0, torch.empty(0)

    def add(self, piece: Shaped[Tensor, "batch ..."]) -> None:
        end = self._n + len(piece)
        kept = self._kept if self._n else piece.new_empty(piece.shape)
        if kept.shape[1:] != piece.shape[1:]:
            raise MechvalError(
                f"the network's outputs have shape {tuple(piece.shape[1:])} per sample, and in "
                f"batches before {tuple(kept.shape[1:])}; allowed: the same in all batches."
            )
        kind = torch.promote_types(kept.dtype, piece.dtype)
        if end > len(kept) or kind != kept.dtype:
            kept = torch.empty((2 * end, *piece.shape[1:]), dtype=kind)
            kept[: self._n] = self._kept[: self._n]
        kept[self._n : end] = piece
        self._n, self._kept = end, kept

    def whole(self) -> Shaped[Tensor, "sample ..."]:
        return self._kept[: self._n]
