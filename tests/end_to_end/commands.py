"""Many commands of the real command line, each in its own process, for the price of one import.

``python -m tests.end_to_end.commands`` reads a JSON list of word lists from standard input, imports
the entry point once, forks for each command in turn and writes a JSON list of answers.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

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
    "training.examples=3840",
    "training.batch_size=64",
    "training.evaluate_every_steps=30",
    "training.evaluation_examples=60",
    "finishing.examples=1920",
    "finishing.batch_size=64",
    "finishing.evaluate_every_steps=15",
    "finishing.evaluation_examples=60",
    "nulls.formulas=400",
    "nulls.shuffled_formulas=60",
    "nulls.training.examples=3840",
    "nulls.training.evaluation_examples=60",
    "progress.formulas=400",
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
        timeout=300,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def run_commands(directory: Path, commands: Sequence[Sequence[str]]) -> list[Answer]:
    """The same commands one after another, without paying for the imports each time."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.commands"],
        cwd=directory,
        env=environment(),
        input=json.dumps([list(words) for words in commands]),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return [Answer(**values) for values in json.loads(done.stdout)]


def _answer(words: list[str]) -> Answer:
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        child = os.fork()
        if child == 0:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
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
    for module in ("experiments.run", "mechval.two_sat.study"):
        import_module(module)
    answers = [_answer(words) for words in json.load(sys.stdin)]
    json.dump([asdict(answer) for answer in answers], sys.stdout)
