"""Wrong input through the real command line: exit code 2, one sentence, nothing half-written."""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.end_to_end.commands import QUIET, SMALL, Answer, run_commands

pytestmark = pytest.mark.slow

VARIABLES = "an integer from 3 to 10"
CLAUSES = "an integer from 4 to 30"
FRACTION = "a number between 0 and 1, both excluded"

REFUSALS = {
    "problem.n_variables=1": VARIABLES,
    "problem.n_variables=0": VARIABLES,
    "problem.n_variables=64": VARIABLES,
    "problem.n_variables=five": VARIABLES,
    "problem.n_variables=2": VARIABLES,
    "problem.n_variables=11": VARIABLES,
    "problem.n_clauses=0": CLAUSES,
    "problem.n_clauses=3": CLAUSES,
    "problem.n_clauses=31": CLAUSES,
    "seed=-1": "an integer from 0 to 4294967295",
    "data.train_fraction=0.0": FRACTION,
    "data.train_fraction=1.0": FRACTION,
    "data.selection_fraction=-0.1": FRACTION,
    "data.fit_fraction=1.5": FRACTION,
    "axioms.confidence=1.0": "a number greater than 0.5 and smaller than 1",
    "training.batch_size=0": "a positive number of examples per step",
    "architecture.n_heads=[1,5]": "must divide d_model=64",
    "wandb.mode=loud": "offline, online or disabled",
    "preset=huge": "cpu, paper, proved, reference, smoke",
    "study=three_sat": "two_sat",
    "model=theirs": "own, published",
    "run=../elsewhere": "letters, digits",
    "force=deploy": "all, data",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refused")


@pytest.fixture(scope="module")
def answers(place: Path) -> dict[str, Answer]:
    commands = [("+stage=data", "preset=smoke", *QUIET, word) for word in REFUSALS]
    return dict(zip(REFUSALS, run_commands(place, commands), strict=True))


@pytest.mark.parametrize("word", REFUSALS)
def test_a_wrong_word_is_one_sentence_with_field_value_and_what_is_allowed(
    answers: dict[str, Answer], word: str
) -> None:
    answer, (field, _, value) = answers[word], word.partition("=")
    assert (answer.code, answer.stdout) == (2, "")
    assert answer.stderr.count("\n") == 1
    assert field.rpartition(".")[2] in answer.stderr
    assert value.strip("[]").split(",")[-1] in answer.stderr
    assert REFUSALS[word] in answer.stderr


@pytest.mark.usefixtures("answers")
def test_a_refused_command_writes_no_result(place: Path) -> None:
    assert {path.name for path in place.iterdir()} <= {"build"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    command = ("+stage=data", "preset=smoke", "wandb.mode=disabled", "accelerator=gpu")
    (answer,) = run_commands(tmp_path, [command])
    assert answer.code == 2
    assert "accelerator=gpu is not allowed on this machine, which has no CUDA device" in (
        answer.stderr
    )
    assert {path.name for path in tmp_path.iterdir()} <= {"build"}


class MakesFolder:
    """Unpickling it makes a folder: a harmless stand-in for code in a checkpoint."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture(scope="module")
def with_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose data stage is finished."""
    directory = tmp_path_factory.mktemp("data")
    (answer,) = run_commands(directory, [("+stage=data", *SMALL)])
    assert answer.code == 0, answer.stderr
    return directory


def import_checkpoint(with_data: Path, directory: Path, content: object) -> Answer:
    shutil.copytree(with_data / "data", directory / "data")
    shutil.copytree(with_data / "results", directory / "results")
    path = directory / "checkpoint.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    words = ("+stage=train", *SMALL, "model=published", f"model.path={path}")
    (answer,) = run_commands(directory, [words])
    assert not (directory / "results" / "two_sat" / "small" / "train").exists()
    return answer


def test_a_checkpoint_of_another_architecture_is_refused_by_name(
    with_data: Path, tmp_path: Path
) -> None:
    content = {"model": {"embed.W_E": torch.zeros(128, 16)}}
    answer = import_checkpoint(with_data, tmp_path, content)
    assert answer.code == 2
    assert "lacks the tensor blocks.0.attn.W_K" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_code_in_a_checkpoint_does_not_run(with_data: Path, tmp_path: Path) -> None:
    content = pickle.dumps({"model": MakesFolder(tmp_path / "made")})
    answer = import_checkpoint(with_data, tmp_path, content)
    assert answer.code == 2
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "made").exists()


def test_an_empty_checkpoint_is_refused(with_data: Path, tmp_path: Path) -> None:
    answer = import_checkpoint(with_data, tmp_path, b"")
    assert answer.code == 2
    assert answer.stderr.count("\n") == 1


def test_a_missing_checkpoint_is_refused(with_data: Path, tmp_path: Path) -> None:
    words = ("+stage=train", *SMALL, "model=published", f"model.path={tmp_path}/nowhere.pth")
    (answer,) = run_commands(with_data, [words])
    assert answer.code == 2
    assert "nowhere.pth does not exist; allowed: the published torch file." in answer.stderr


def test_a_published_model_without_a_path_is_refused(with_data: Path) -> None:
    (answer,) = run_commands(with_data, [("+stage=train", *SMALL, "model=published")])
    assert answer.code == 2
    assert "model.path=<file>" in answer.stderr
