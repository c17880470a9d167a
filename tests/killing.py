"""Jobs that are killed in the middle, each in a process of its own, for the price of one import."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.guards import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[1]


def run_killed(module: str, jobs: Mapping[int, Path]) -> None:
    """Run a module that ends in :func:`fork_for_each`: a job by the step that it is killed in."""
    words = [word for step, directory in jobs.items() for word in (str(directory), str(step))]
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    assert done.stdout.split() == [str(-signal.SIGKILL)] * len(jobs), done.stderr


def fork_for_each(job: Callable[[Path, int], object]) -> None:
    """Do the job for every directory and step in ``sys.argv``, and print how each ended."""
    for directory, step in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        child = os.fork()
        if child == 0:
            job(Path(directory), int(step))
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()
