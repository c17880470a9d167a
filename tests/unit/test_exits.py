"""Whatever stops a command is one sentence and one exit code."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from experiments import replay
from experiments.exits import exit_codes
from mechval.errors import MechvalError
from tests.end_to_end.commands import run_module
from tests.guards import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[2]
ENDS = [
    pytest.param(MechvalError("x=1 is wrong."), 2, "x=1 is wrong.\n", id="wrong input"),
    pytest.param(
        OSError(5, "Input/output error", "f"),
        2,
        "the operating system refuses: [Errno 5] Input/output error: 'f'.\n",
        id="system",
    ),
    pytest.param(KeyboardInterrupt(), 130, "Interrupted; the same command resumes.\n", id="ctrl-c"),
]


def run_python(
    *words: str, stdout: int | TextIO = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What a process of its own answers, in the root of the repository."""
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
        cwd=ROOT,
    )


@pytest.mark.parametrize(("error", "code", "sentence"), ENDS)
def test_an_error_is_one_sentence_and_its_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, sentence: str
) -> None:
    with pytest.raises(SystemExit) as leaving, exit_codes():
        raise error
    assert (leaving.value.code, capsys.readouterr().err) == (code, sentence)


def test_sigterm_is_one_sentence_and_143(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as leaving, exit_codes():
        signal.raise_signal(signal.SIGTERM)
    assert leaving.value.code == 143
    assert capsys.readouterr().err == "Terminated; the same command resumes.\n"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("logging.warning('line')", 0),
        ("print('line', flush=True)", 141),
        ("from mechval.reporting.terminal import show; show(['line'] * 9999)", 141),
    ],
    ids=["logging", "print", "show"],
)
def test_a_reader_that_is_gone_is_no_traceback(line: str, code: int) -> None:
    program = (
        "import logging, sys\n"
        "from experiments.exits import exit_codes\n"
        "logging.basicConfig(stream=sys.stdout)\n"
        "with exit_codes():\n"
        f"    {line}\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        done = run_python("-c", program, stdout=unread)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("line", ["print('line')", "print('line'); raise MechvalError('no.')"])
def test_output_onto_a_full_device_is_one_sentence(line: str) -> None:
    program = (
        "from experiments.exits import exit_codes\n"
        "from mechval.errors import MechvalError\n"
        f"with exit_codes():\n    {line}\n"
    )
    with Path("/dev/full").open("w") as full:
        done = run_python("-c", program, stdout=full, PYTHONUNBUFFERED="")
    sentence = "no." if "raise" in line else "the operating system refuses: [Errno 28] No space"
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(sentence)


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("raise KeyboardInterrupt", -signal.SIGINT, "Interrupted; the same command resumes."),
        ("raise ValueError('x')", 1, "ValueError: x"),
    ],
)
def test_ctrl_c_during_the_imports_is_one_sentence(line: str, code: int, told: str) -> None:
    done = run_python("-c", f"import experiments\n{line}")
    *trace, last = done.stderr.splitlines()
    assert (done.returncode, last, bool(trace)) == (code, told, code == 1)


def test_a_terminal_without_unicode_shows_what_it_can() -> None:
    program = (
        "from experiments.exits import exit_codes\nwith exit_codes():\n    print('\u00ac x0')\n"
    )
    done = run_python("-c", program, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "\\xac x0\n")


@pytest.mark.parametrize(
    "words", [[], ["a", "b"], ["--dimacs"], ["--what"], ["/"], ["/a.cnf"], ["nowhere/a.cnf"]]
)
def test_wrong_words_of_replay_are_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        replay.run(words)
    assert leaving.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", ["organisms", "pages", "paper_table", "readme"])
def test_a_word_that_a_command_does_not_know_is_code_2_before_any_work(command: str) -> None:
    answer = run_module(ROOT, f"experiments.{command}", "--chekc")
    assert (answer.code, answer.stdout) == (2, "")
    assert answer.stderr.endswith("error: unrecognized arguments: --chekc\n")
