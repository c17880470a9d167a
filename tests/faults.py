"""What goes wrong when a process touches files: an interrupt, a kill, a full disk, a refusal.

A fault comes before a file operation and cannot be taken back: it belongs in a process of its own.
"""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_FILLING = frozenset({"open", "os.mkdir", "os.rename"})
"""Audited events that a full disk stops; of ``open``, those for writing."""
_CHANGING = _FILLING | {"os.remove", "os.rmdir"}


@dataclass(frozen=True)
class Fault:
    """What goes wrong at one operation on files at or below ``folder``.

    Attributes:
        kind: an interrupt from the keyboard, SIGKILL, a full disk or a folder that cannot be
            written to (from that operation on), or nothing but a copy of the folder as it is before
            every operation, which is what a kill would leave (``<folder>.before/<place>``).
        folder: the name of a folder, or the whole place of one; nothing goes wrong elsewhere.
        place: which operation it is, from 1; none at 0.
        every: whether all that the kind can hit is an operation, or opening for writing alone.
    """

    kind: Literal["ctrl-c", "kill", "full disk", "read-only", "copy"]
    folder: str
    place: int = 1
    every: bool = False

    def watch(self) -> Callable[[], int]:
        """Go wrong from now on in this process; returned is what tells how many operations came."""
        # A test run that was started in the background hands on an ignored SIGINT.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        met = 0

        def meet(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal met
            if self._counts(event, arguments):
                met += 1
                if self.kind == "copy":
                    shutil.copytree(self.folder, f"{self.folder}.before/{met}", symlinks=True)
                elif met == self.place or (met > self.place > 0 and self._stays(event)):
                    self._go_wrong()

        sys.addaudithook(meet)
        return lambda: met

    def _counts(self, event: str, arguments: tuple[Any, ...]) -> bool:
        wide = _FILLING if self.kind == "full disk" else _CHANGING
        if event not in (wide if self.every else {"open"}) or isinstance(arguments[0], int):
            return False
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return False
        path, place = Path(os.fsdecode(arguments[0])), Path(self.folder)
        if not place.is_absolute():
            return self.folder in path.parts
        # The removal of a tree names what is in it relative to its folder.
        is_below = event in ("os.remove", "os.rmdir") and not path.is_absolute()
        return is_below or path.absolute().is_relative_to(place)

    def _stays(self, event: str) -> bool:
        """Whether it goes wrong again; what was renamed once has room to be renamed back."""
        return self.kind in ("full disk", "read-only") and event != "os.rename"

    def _go_wrong(self) -> None:
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.kind == "ctrl-c":
            signal.raise_signal(signal.SIGINT)
        else:
            code = errno.ENOSPC if self.kind == "full disk" else errno.EROFS
            raise OSError(code, os.strerror(code))
