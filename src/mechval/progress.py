"""What a long computation shows while it runs: bars with the time left, which can be silenced, and
numbers for whoever listens."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

Listener: TypeAlias = Callable[[str, Mapping[str, Any]], None]
"""Told the name of a series, such as a phase of training, and the numbers of one of its steps."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)

QUIET_VARIABLE = "MECHVAL_QUIET"


def is_quiet() -> bool:
    """Whether progress bars are switched off (environment variable ``MECHVAL_QUIET=1``)."""
    return os.environ.get(QUIET_VARIABLE, "") not in ("", "0")


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield ``items`` while a bar on standard error shows how far it is and how long is left."""
    yield from progress_bar(items, description, total)


def listen(listener: Listener | None) -> None:
    """Tell this listener, and no other, what is streamed from now on; None ends it."""
    _listener.set(listener)


def stream(series: str, values: Mapping[str, Any]) -> None:
    """Tell whoever listens the numbers of one step, which ``step`` among them counts."""
    listener = _listener.get()
    if listener is not None:
        listener(series, values)


def progress_bar(
    items: Iterable[Item] | None, description: str, total: int | None = None
) -> "tqdm[Any]":
    """Make a bar for loops whose steps differ in size; advance it with ``update(n)``. There is none
    where standard error is no terminal."""
    # None: as tqdm finds out.
    return tqdm(items, desc=description, total=total, disable=is_quiet() or None, mininterval=0.5)
