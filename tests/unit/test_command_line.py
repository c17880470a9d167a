"""The command line as a subprocess: exit codes, one-sentence refusals, what lands where."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.commands import Answer, run_commands, run_toy_command
from tests.faults import Fault
from tests.guards import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "tests" / "unit" / "toy_command.py"
QUIET = ("wandb.mode=disabled", "accelerator=cpu")

pytestmark = pytest.mark.slow


def environment(**extra: str) -> dict[str, str]:
    # W&B's own process may start slowly.
    patient = {"WANDB_X_SERVICE_WAIT": str(HANG_SECONDS)}
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **patient, **extra}


@contextmanager
def waiting(directory: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A run in the middle of its circuit stage; neither it nor its pipe outlives the block."""
    with subprocess.Popen(
        [sys.executable, str(TOY), *words],
        cwd=directory,
        env=environment(TOY_WAIT="1"),
        stderr=subprocess.PIPE,
        text=True,
        # A test run that was started in the background hands on an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            deadline = time.monotonic() + HANG_SECONDS
            while not (directory / "waiting").exists():
                assert process.poll() is None
                assert time.monotonic() < deadline, "hung"
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


WRONG = {
    "no stage": ((), "+stage=… is missing; allowed: all, data, nulls, train, "),
    "negative seed": (
        ("+stage=all", "seed=-1"),
        "seed=-1 is not allowed; allowed: an integer from 0 to ",
    ),
    "unknown stage in a sweep": (
        ("+stage=all,x", "-m"),
        "stage=x is not allowed; allowed: all, data, ",
    ),
    "unknown stage in a list": (("+stage=[data,x]",), "stage=x is not allowed; allowed: all, "),
    "unknown block": (
        ("+stage=data", "probelm.n_clauses=3"),
        "probelm is not a known setting; allowed here: problem, data, ",
    ),
    "unknown key": (
        ("+stage=data", "axioms.confidnce=0.9"),
        "axioms.confidnce is not a known setting; allowed here: confidence, versions, residuals.",
    ),
    "unknown key of the command": (
        ("+stage=data", "wandb.mod=offline"),
        "wandb.mod is not a known setting; allowed here: mode, entity, project.",
    ),
    "known key without a value": (
        ("+stage=data", "consolidate.bounding=1"),
        "consolidate.bounding has no value yet in this preset; allowed: with a plus, +consolidate.",
    ),
    "unknown key of Hydra": (("+stage=data", "hydra.foo=3"), "the command line is refused (Could "),
    "completion of no shell": (
        ("--shell-completion",),
        "the command line is refused (Expecting one subcommand from ",
    ),
    "two of Hydra's commands": (
        ("--shell-completion", "--cfg=job"),
        "the command line is refused (Only one of --run, --multirun, --cfg, ",
    ),
    "unknown launcher": (
        ("+stage=data", "hydra/launcher=x", "-m"),
        "the command line is refused (In 'hydra/config': Could not find 'hydra/launcher/x'",
    ),
}
HELP, CONFIG = ("--help",), ("--cfg", "job", "preset=smoke")


@pytest.fixture(scope="module")
def refused_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refused")


@pytest.fixture(scope="module")
def answers(refused_in: Path) -> dict[tuple[str, ...], Answer]:
    """What is answered to commands that run no stage."""
    commands = [*(words for words, _ in WRONG.values()), HELP, CONFIG]
    return dict(zip(commands, run_commands(refused_in, commands), strict=True))


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    answers: dict[tuple[str, ...], Answer], refused_in: Path, name: str
) -> None:
    words, sentence = WRONG[name]
    answer = answers[words]
    assert answer.code == 2
    assert answer.stderr.startswith(sentence)
    assert answer.stderr.count("\n") == 1
    assert names(refused_in) <= {"build"}


def test_help_lists_the_groups(answers: dict[tuple[str, ...], Answer]) -> None:
    assert answers[HELP].code == 0
    assert "preset: cpu, paper, proved, reference, smoke" in answers[HELP].stdout


@pytest.mark.parametrize(
    "line",
    [
        "axioms.confidence=0.95 * a number greater than 0.5 and smaller than 1",
        "consolidate=null * null, or how the network is trained until it can be proved",
        "verify=false * true or false",
    ],
)
def test_help_explains_every_key(answers: dict[tuple[str, ...], Answer], line: str) -> None:
    assert re.search(line.replace(" * ", " +"), answers[HELP].stdout)


def test_a_list_of_stages_runs_those(tmp_path: Path) -> None:
    answer = run_toy_command(tmp_path, "+stage=[train,data]", "run=mine", *QUIET)
    assert answer.code == 0, answer.stderr
    assert names(tmp_path / "results" / "two_sat" / "mine") == {"config.json", "data", "train"}


def test_a_command_from_below_the_root_or_among_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    for folder, allowed in ((ROOT / "docs", f"the root, cd {ROOT}."), (tmp_path, "the repository")):
        before = names(folder)
        answer = run_toy_command(folder, "+stage=data", *QUIET)
        assert answer.code == 2
        assert answer.stderr.startswith(f"{folder} is no place to run from; allowed: {allowed}")
        assert names(folder) == before


def test_cfg_job_shows_the_config_without_a_stage(answers: dict[tuple[str, ...], Answer]) -> None:
    assert answers[CONFIG].code == 0
    assert "n_variables: 3" in answers[CONFIG].stdout


def test_a_sweep_over_seeds_makes_one_run_each(tmp_path: Path) -> None:
    answer = run_toy_command(
        tmp_path, "--multirun", "+stage=all", "seed=0,1", "preset=smoke", *QUIET
    )
    assert answer.code == 0, answer.stderr
    runs = names(tmp_path / "results" / "two_sat")
    assert {name.rpartition("-")[2] for name in runs} == {"s0", "s1"}
    assert names(tmp_path) == {"results", "data", "build"}


def test_verification_exits_with_1_when_a_committed_value_differs(tmp_path: Path) -> None:
    words = ("+stage=all", "run=mine", *QUIET)
    assert run_toy_command(tmp_path, *words).code == 0
    assert run_toy_command(tmp_path, *words, "verify=true").code == 0
    table = tmp_path / "results" / "two_sat" / "mine" / "axioms" / "metrics.json"
    table.write_text('{"total": 999}', encoding="utf-8")
    answer = run_toy_command(tmp_path, *words, "verify=true")
    assert answer.code == 1
    assert "axioms: DIFFERS: metrics.json total: committed 999" in answer.stdout


def test_ctrl_c_is_one_line_exit_code_130_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    words = ("+stage=all", "run=mine", *QUIET)
    with waiting(tmp_path, *words) as process:
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=HANG_SECONDS)
    assert (process.returncode, stderr) == (130, "Interrupted; the same command resumes.\n")
    assert names(tmp_path / "results" / "two_sat" / "mine") == {"config.json", "data", "train"}
    assert list((tmp_path / "build" / "scratch").rglob("checkpoint"))


def test_a_killed_run_is_finished_by_the_next(tmp_path: Path) -> None:
    words = ("+stage=all", "run=mine", *QUIET)
    killed = run_toy_command(tmp_path, *words, fault=Fault("kill", ".circuit.new"))
    assert killed.code == -signal.SIGKILL
    answer = run_toy_command(tmp_path, *words)
    assert answer.code == 0, answer.stderr
    assert names(tmp_path / "results" / "two_sat" / "mine") == {
        "config.json",
        "data",
        "train",
        "circuit",
        "axioms",
        "report",
    }


def test_offline_tracking_writes_one_local_run_per_stage_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "build" / "home"
    home.mkdir(parents=True)
    answer = subprocess.run(
        [sys.executable, str(TOY), "+stage=all", "run=mine", "accelerator=cpu"],
        cwd=tmp_path,
        # Where matplotlib keeps its list of fonts is not what is tested.
        env=environment(HOME=str(home), MPLCONFIGDIR=str(tmp_path / "matplotlib")),
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert len(list((tmp_path / "build" / "wandb").glob("offline-run-*"))) == 6
    assert names(home) == set()


@pytest.fixture
def no_server(tmp_path: Path) -> dict[str, str]:
    """W&B with a key, at a port where nothing listens."""
    home = tmp_path / "build" / "home"
    home.mkdir(parents=True)
    return environment(
        HOME=str(home),
        WANDB_API_KEY="a" * 40,
        WANDB_BASE_URL="http://127.0.0.1:9",
        TOY_WANDB_SECONDS="2",
    )


def test_without_a_network_stages_finish_and_one_sentence_says_where_their_runs_are(
    tmp_path: Path, no_server: dict[str, str]
) -> None:
    answer = subprocess.run(
        [
            sys.executable,
            str(TOY),
            "+stage=all",
            "run=mine",
            "accelerator=cpu",
            "wandb.mode=online",
        ],
        cwd=tmp_path,
        env=no_server,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.count("W&B cannot be reached (CommError: ") == 1
    assert len(list((tmp_path / "build" / "wandb").glob("offline-run-*"))) == 6


def test_without_a_network_the_dashboard_is_not_uploaded_and_says_so(
    tmp_path: Path, no_server: dict[str, str]
) -> None:
    words = ("run=mine", "accelerator=cpu")
    assert run_toy_command(tmp_path, "+stage=data", *words, "wandb.mode=disabled").code == 0
    answer = subprocess.run(
        [sys.executable, str(TOY), "+stage=dashboard", *words, "wandb.entity=acme"],
        cwd=tmp_path,
        env=no_server,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith(
        "the dashboard of acme/mechval is not uploaded "
        "(ConnectionError: http://127.0.0.1:9 does not answer); "
    )
    assert answer.stderr.count("\n") == 1
