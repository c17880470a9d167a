"""How every command ends: its exit code, and one sentence for whatever stopped it.

0 done, 2 wrong input or an operating system that refuses, 130 interrupted, 141 nobody reads the
output any more, 143 terminated. A command may add codes of its own.
"""

import io
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn

from mechval.errors import MechvalError

WRONG_INPUT, INTERRUPTED, UNREAD, TERMINATED = 2, 130, 141, 143

_INTERRUPTED_TOLD = "Interrupted; the same command resumes."


class _Terminated(BaseException):
    """SIGTERM came. No Exception, so that nothing takes it for a fault of its own."""


@contextmanager
def exit_codes() -> Iterator[None]:
    """End the process as the module says, if what is done inside does not come to its end."""
    handler, is_loud = signal.signal(signal.SIGTERM, _terminate), logging.raiseExceptions
    # A reader that is gone is no fault of a line that is logged.
    logging.raiseExceptions = False
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except MechvalError as error:
        _leave(WRONG_INPUT, str(error))
    except BrokenPipeError:
        sys.exit(UNREAD)
    except OSError as error:
        _leave(WRONG_INPUT, f"the operating system refuses: {error}.")
    except KeyboardInterrupt:
        _leave(INTERRUPTED, _INTERRUPTED_TOLD)
    except _Terminated:
        _leave(TERMINATED, "Terminated; the same command resumes.")
    finally:
        signal.signal(signal.SIGTERM, handler)
        logging.raiseExceptions = is_loud
        _drop_what_cannot_be_written()


def tell_interruption(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """The hook for what nobody caught: an interrupt is one sentence, else there is a traceback."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write(f"{_INTERRUPTED_TOLD}\n")
    else:
        sys.__excepthook__(kind, error, trace)


def _drop_what_cannot_be_written() -> None:
    """Else the interpreter fails once more when it flushes at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(*_: Any) -> NoReturn:
    raise _Terminated


def _leave(code: int, sentence: str) -> NoReturn:
    sys.stderr.write(f"{sentence}\n")
    sys.exit(code)
