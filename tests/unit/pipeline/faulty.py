"""A stage of the toy with something wrong at its first file operation, at its second, and so on.

``python -m tests.unit.pipeline.faulty KIND DIRECTORY`` repeats the stage ``circuit`` of the run in
``DIRECTORY/base``, once per operation in a copy named by the operation's number, until no operation
is left. Printed is how each one ended: minus a signal, 0, or 2 for an error that is told.
"""

import os
import shutil
import sys
from itertools import count
from pathlib import Path

from mechval.errors import MechvalError
from mechval.pipeline import RunOptions, Workspace, run_stages
from tests.faults import Fault
from tests.unit.pipeline.toy_study import STUDY, ToySettings

OPTIONS = RunOptions("toy", 0, force=("circuit",))


def repeat_circuit(place: Path) -> None:
    run_stages(STUDY, ToySettings(), ["circuit"], Workspace(place), OPTIONS)


def fail(kind: str, place: Path, number: int) -> int:
    """The exit code; 3 if all was done without such an operation."""
    count_of = Fault(kind, str(place), number, every=True).watch()  # pyright: ignore
    try:
        repeat_circuit(place)
    except MechvalError:
        return 2
    return 0 if count_of() >= number else 3


def main(kind: str, directory: Path) -> None:
    for number in count(1):
        place = directory / str(number)
        shutil.copytree(directory / "base", place)
        child = os.fork()
        if child == 0:
            os._exit(fail(kind, place, number))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 3:
            return
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
