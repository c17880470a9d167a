"""Many commands of the real command line, each in its own process, for the price of one import.

``python -m tests.end_to_end.commands`` imports the entry point once, then reads one command a line
from standard input, forks for it and writes its answer as a line; both are JSON. All tests of a
process share one such server, and one more (``toy``) with the toy in the place of the 2-SAT study.
A command may come with a fault: something that goes wrong when it opens a file for writing in some
folder.
"""

import atexit
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from tests.guards import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[2]
QUIET = ("wandb.mode=disabled", "accelerator=cpu")

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
    "improved.formulas=300",
    "certify.parsing.max_branches=2",
    "certify.drift_formulas=4",
    *QUIET,
)


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it wrote."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the first file that a command opens for writing below ``folder``.

    Attributes:
        kind: an interrupt from the keyboard, a full disk, or a folder that cannot be written to.
        folder: a folder's name; nothing goes wrong elsewhere.
    """

    kind: Literal["ctrl-c", "full disk", "read-only"]
    folder: str

    def watch(self) -> None:
        """Go wrong from now on in this process, which cannot be undone."""
        # A test run that was started in the background hands on an ignored SIGINT.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.addaudithook(self._meet)

    def _meet(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[2], int):
            return
        path, _, flags = arguments
        is_write = bool(flags & (os.O_WRONLY | os.O_RDWR))
        if not is_write or self.folder not in Path(os.fsdecode(path)).parts:
            return
        if self.kind == "ctrl-c":
            signal.raise_signal(signal.SIGINT)
        else:
            code = errno.ENOSPC if self.kind == "full disk" else errno.EROFS
            raise OSError(code, os.strerror(code))


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


def run_toy_command(directory: Path, *words: str) -> Answer:
    """A command with the toy study in the place of the 2-SAT study."""
    return _ask(_server("toy"), directory, words, None)


def run_faulty_commands(
    directory: Path, commands: Sequence[tuple[Sequence[str], Fault | None]]
) -> list[Answer]:
    """The same, each command with a fault of its own or none."""
    return [_ask(_server(), directory, words, fault) for words, fault in commands]


def _ask(
    server: "subprocess.Popen[str]", directory: Path, words: Sequence[str], fault: Fault | None
) -> Answer:
    assert server.stdin is not None
    assert server.stdout is not None
    told = None if fault is None else asdict(fault)
    command = {"directory": str(directory), "words": list(words), "fault": told}
    server.stdin.write(json.dumps(command) + "\n")
    server.stdin.flush()
    return Answer(**json.loads(server.stdout.readline()))


@cache
def _server(*words: str) -> "subprocess.Popen[str]":
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.commands", *words],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _answer(directory: str, words: list[str], fault: dict[str, Any] | None) -> Answer:
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        child = os.fork()
        if child == 0:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            os.chdir(directory)
            signal.alarm(HANG_SECONDS)
            if fault is not None:
                Fault(**fault).watch()
            _become(words)
        _, status = os.waitpid(child, 0)
        stdout.seek(0)
        stderr.seek(0)
        return Answer(os.waitstatus_to_exitcode(status), stdout.read(), stderr.read())


def _become(words: list[str]) -> None:
    """Run one command in this (forked) process and end it as the interpreter would."""
    import traceback

    from experiments.run import main

    sys.argv = ["experiments/run.py", *words]
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    if "toy" in sys.argv:
        import_module("tests.unit.toy_command").replace_study()
    for module in ("experiments.run", "mechval.two_sat.study"):
        import_module(module)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asdict(_answer(**json.loads(line)))) + "\n")
        sys.stdout.flush()
