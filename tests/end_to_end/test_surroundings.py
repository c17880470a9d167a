"""Places and words that stop a command before it works: one sentence, exit code 2."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.commands import SMALL, environment, run_commands, run_module
from tests.faults import Fault
from tests.guards import HANG_SECONDS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# What Hydra's grammar or its configs refuse, not we.
WORDS = {
    "a key without a value": "training.learning_rate",
    "a stray word": "quickly",
    "an unbalanced quote": "run='mine",
    "an unbalanced bracket": "improved.widths=[4,5",
    "a key of Hydra that is none": "hydra.verbos=true",
    "an addition to what there is not": "++training.nothing=1",
    "a removal of what there is not": "~nothing",
    "a group in the place of a value": "training=fast",
    "unicode as a number": "seed=\u0663\u00bd",
    "unicode as a name": "run=\u00fcbung",
    "a surrogate": "run=\udcff",
    "an interpolation of nothing": "seed=${nothing}",
    "an interpolation of the environment": "seed=${oc.env:NOTHING_OF_THIS_NAME}",
}
CLAIM = "experiments.bring_your_own:question"
COMMANDS = {
    "run": ("experiments.run", "+stage=data", *SMALL),
    "verify": ("experiments.run", "+stage=data", *SMALL, "verify=true"),
    "validate": ("experiments.validate", CLAIM),
    "pages": ("experiments.pages",),
    "theorems": ("experiments.theorems", "--check"),
    "paper_table": ("experiments.paper_table",),
    "explain": ("experiments.explain", "(x0|~x1)", "--html", "page.html"),
}


def require_one_sentence(code: int, stderr: str) -> None:
    sentence, *more = stderr.splitlines()
    assert (code, more) == (2, [])
    assert sentence.endswith(".")


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_what_hydra_refuses_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, word: str
) -> None:
    (answer,) = run_commands(tmp_path, [("+stage=data", *SMALL, word)])
    require_one_sentence(answer.code, answer.stderr)
    assert {path.name for path in tmp_path.iterdir()} <= {"build"}


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few results to show and to check."""
    place = tmp_path_factory.mktemp("committed")
    for name in ("theorems/proved-n6-m12", "two_sat/reference"):
        shutil.copytree(ROOT / "results" / name, place / "results" / name)
    (answer,) = run_commands(place, [("+stage=data", *SMALL)])
    assert answer.code == 0, answer.stderr
    return place


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_read_only_tree_is_one_sentence(committed: Path, command: tuple[str, ...]) -> None:
    module, *words = command
    answer = run_module(
        committed, module, *words, fault=Fault("read-only", str(committed), every=True)
    )
    require_one_sentence(answer.code, answer.stderr)


def test_without_a_home_a_stage_runs_as_ever(tmp_path: Path) -> None:
    named = {"HOME": "/nowhere", "XDG_CACHE_HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"}
    kept = {name: value for name, value in environment().items() if name != "MPLCONFIGDIR"}
    done = subprocess.run(
        [sys.executable, "-m", "experiments.run", "+stage=data", *SMALL],
        cwd=tmp_path,
        env={**kept, **named},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_head_ends_an_explanation_without_a_word(committed: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        done = subprocess.run(
            [sys.executable, "-m", "experiments.explain", "(x0|~x1)"],
            cwd=committed,
            env=environment(),
            stdout=unread,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=HANG_SECONDS,
        )
    assert (done.returncode, done.stderr) == (141, "")
