"""Many commands of the real command line, each in its own process, for the price of one import.

``python -m tests.end_to_end.commands`` imports the entry point once, then reads one command a line
from standard input, forks for it and writes its answer as a line; both are JSON. All tests of a
process share one such server. A command may come with a fault (:mod:`tests.faults`), and with the
toy in the place of the 2-SAT study.
"""

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Timer
from typing import Any

from mechval.pipeline.code_digest import imported_modules
from tests.faults import Fault
from tests.guards import HANG_SECONDS
from tests.unit.toy_command import replace_study

ROOT = Path(__file__).resolve().parents[2]
QUIET = ("wandb.mode=disabled", "accelerator=cpu")

# What most stages import, and only when they run.
LATE = ("sklearn.tree", "scipy.optimize", "matplotlib.backends.backend_svg")

# The smoke preset, made still smaller.
SMALL = (
    "preset=smoke",
    "run=small",
    "data.training_formulas=1200",
    "data.analysis_formulas=600",
    "architecture.d_model=16",
    "architecture.d_mlp=32",
    "training.examples=640",
    "training.batch_size=64",
    "training.warmup_steps=5",
    "training.evaluate_every_steps=10",
    "training.evaluation_examples=60",
    "finishing.examples=640",
    "finishing.batch_size=64",
    "finishing.evaluate_every_steps=10",
    "finishing.evaluation_examples=60",
    "improved.steps=10",
    "improved.widths=[4]",
    "variants.leaves=[2]",
    "variants.noise_kinds=[pairs]",
    "variants.surface_cuts=[0.5]",
    "variants.surface_highs=[2.0]",
    "variants.surface_multiples=[0.5]",
    "nulls.formulas=200",
    "nulls.shuffled_formulas=60",
    "nulls.training.examples=640",
    "nulls.training.warmup_steps=5",
    "nulls.training.evaluate_every_steps=10",
    "nulls.training.evaluation_examples=60",
    "progress.formulas=200",
    "partial.formulas=200",
    "improved.formulas=300",
    "certify.parsing.max_branches=2",
    "certify.drift_formulas=4",
    *QUIET,
)


@dataclass(frozen=True)
class Answer:
    """How a command ended, what it wrote, and of the operations that its fault counts, how many
    came."""

    code: int
    stdout: str
    stderr: str
    operations: int = 0


def environment() -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    paths = [str(ROOT), *([inherited] if inherited else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MECHVAL_QUIET": "1"}


def run_command(directory: Path, *words: str) -> Answer:
    """The command line as a person calls it."""
    done = subprocess.run(
        [sys.executable, "-m", "experiments.run", *words],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def run_commands(directory: Path, commands: Sequence[Sequence[str]]) -> list[Answer]:
    """The same commands one after another, without paying for the imports each time."""
    return run_faulty_commands(directory, [(words, None) for words in commands])


def run_toy_command(directory: Path, *words: str, fault: Fault | None = None) -> Answer:
    """A command with the toy study in the place of the 2-SAT study."""
    return _ask(directory, words, fault, toy=True)


def run_faulty_commands(
    directory: Path, commands: Sequence[tuple[Sequence[str], Fault | None]]
) -> list[Answer]:
    """The same, each command with a fault of its own or none."""
    return [_ask(directory, words, fault) for words, fault in commands]


def run_module(
    directory: Path,
    module: str,
    *words: str,
    fault: Fault | None = None,
    seconds: float | None = None,
) -> Answer:
    """Any command ``python -m <module>``, killed after so many seconds if that is asked for."""
    return _ask(directory, words, fault, module, seconds)


def _ask(
    directory: Path,
    words: Sequence[str],
    fault: Fault | None = None,
    module: str = "experiments.run",
    seconds: float | None = None,
    toy: bool = False,
) -> Answer:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    command = {
        "directory": str(directory),
        "module": module,
        "words": list(words),
        "fault": fault and asdict(fault),
        "seconds": seconds,
        "toy": toy,
    }
    server.stdin.write(json.dumps(command) + "\n")
    server.stdin.flush()
    return Answer(**json.loads(server.stdout.readline()))


@cache
def _server() -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.commands"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _answer(
    directory: str,
    module: str,
    words: list[str],
    fault: dict[str, Any] | None,
    seconds: float | None,
    toy: bool,
) -> Answer:
    with ExitStack() as opened:
        stdout, stderr, count = (
            opened.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)
        )
        child = os.fork()
        if child == 0:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            os.chdir(directory)
            signal.alarm(HANG_SECONDS)
            counted = (lambda: 0) if fault is None else Fault(**fault).watch()
            if toy:
                replace_study()
            code = _become(module, words)
            os.write(count.fileno(), str(counted()).encode())
            os._exit(code)
        killer = Timer(seconds or HANG_SECONDS, os.kill, (child, signal.SIGKILL))
        killer.start()
        _, status = os.waitpid(child, 0)
        killer.cancel()
        for file in (stdout, stderr, count):
            file.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return Answer(code, stdout.read(), stderr.read(), int(count.read() or 0))


def _become(module: str, words: list[str]) -> int:
    """Run one command in this (forked) process; the exit code that the interpreter would give."""
    sys.argv = [module, *words]
    sys.modules.pop(module, None)
    code = 0
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    # What is imported later runs in the child alone, once for each command.
    for module in ("experiments.run", "mechval.two_sat.study", *LATE):
        import_module(module)
    # Every command asks which code its stages depend on; what it reads of it, it then knows.
    imported_modules(["mechval.two_sat.study"])
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asdict(_answer(**json.loads(line)))) + "\n")
        sys.stdout.flush()
