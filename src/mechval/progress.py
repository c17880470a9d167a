"""Progress bars with an estimate of the time left, in one place so that they can be silenced."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

QUIET_VARIABLE = "MECHVAL_QUIET"


def is_quiet() -> bool:
    """Whether progress bars are switched off (environment variable ``MECHVAL_QUIET=1``)."""
    return os.environ.get(QUIET_VARIABLE, "") not in ("", "0")


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield ``items`` while a bar on standard error shows how far it is and how long is left."""
    yield from progress_bar(items, description, total)


def progress_bar(
    items: Iterable[Item] | None, description: str, total: int | None = None
) -> "tqdm[Any]":
    """Make a bar for loops whose steps differ in size; advance it with ``update(n)``. There is none
    where standard error is no terminal."""
    # None: as tqdm finds out.
    return tqdm(items, desc=description, total=total, disable=is_quiet() or None, mininterval=0.5)
