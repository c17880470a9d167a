"""Ctrl-C, a full disk and a read-only folder, through the real command line of the 2-SAT study.

Every stage is interrupted at the first file that it writes, after all of its work; then the same
command is given again.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.commands import SMALL, Answer, run_faulty_commands
from tests.end_to_end.conftest import RUN, Session, tracked
from tests.faults import Fault
from tests.settings import STAGES

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Story:
    """The answers of a first stage that could not write, of each stage when it was interrupted,
    and of each when the same command came again."""

    directory: Path
    full_disk: Answer
    read_only: Answer
    interrupted: dict[str, Answer]
    resumed: dict[str, Answer]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    directory = tmp_path_factory.mktemp("interrupted")
    (directory / "results").mkdir()
    commands: list[tuple[tuple[str, ...], Fault | None]] = [
        (("+stage=data", *SMALL, "run=full"), Fault("full disk", ".data.new")),
        (("+stage=data", *SMALL, "run=locked"), Fault("read-only", "results")),
    ]
    for stage in STAGES:
        words = (f"+stage={stage}", *SMALL)
        commands += [(words, Fault("ctrl-c", f".{stage}.new")), (words, None)]
    full_disk, read_only, *answers = run_faulty_commands(directory, commands)
    return Story(
        directory,
        full_disk,
        read_only,
        dict(zip(STAGES, answers[::2], strict=True)),
        dict(zip(STAGES, answers[1::2], strict=True)),
    )


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_during_a_stage_is_one_sentence_and_exit_code_130(story: Story, stage: str) -> None:
    answer = story.interrupted[stage]
    assert answer.code == 130, answer.stderr
    assert answer.stderr == "Interrupted; the same command resumes.\n"


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_command_then_runs_the_stage_as_if_for_the_first_time(
    story: Story, stage: str
) -> None:
    answer = story.resumed[stage]
    assert answer.code == 0, answer.stderr
    assert answer.stdout.startswith(f"{stage}: runs because ")
    assert (story.directory / RUN / stage / "manifest.json").is_file()


def test_nothing_unfinished_is_left_behind(story: Story) -> None:
    for run in (RUN, "data" / RUN.relative_to("results")):
        found = {path.name for path in (story.directory / run).iterdir()}
        assert found <= {*STAGES, "config.json"}


def test_interrupted_or_not_the_same_seed_gives_the_same_bytes(
    session: Session, story: Story
) -> None:
    assert tracked(story.directory / RUN) == tracked(session.run)


def test_a_full_disk_is_one_sentence_that_names_the_stage(story: Story) -> None:
    answer = story.full_disk
    assert answer.code == 2
    assert answer.stderr.startswith("data: the disk is full; ")
    assert answer.stderr.count("\n") == 1


def test_a_read_only_results_folder_is_one_sentence_that_names_it(story: Story) -> None:
    answer = story.read_only
    assert answer.code == 2
    assert str(story.directory / "results") in answer.stderr
    assert "cannot be written (Read-only file system" in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("run", ["full", "locked"])
def test_a_stage_that_cannot_write_leaves_no_file(story: Story, run: str) -> None:
    left = [
        path
        for name in ("results", "data")
        for path in (story.directory / name / "two_sat" / run).rglob("*")
    ]
    assert not [path for path in left if path.is_file()]
