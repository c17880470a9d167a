"""Stages taken from another run: which are, which are refused, and that nothing is made anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mechval.errors import MechvalError
from mechval.pipeline import RunOptions, Workspace, run_stages
from tests.unit.pipeline.test_runner import contents, must_not_run
from tests.unit.pipeline.toy_study import ToySettings, ToyStudy

CHANGED = ToySettings(axioms={"confidence": 0.99})
TAKEN = ("data", "train", "circuit")
UNTOUCHED = ToyStudy({name: {"run": must_not_run} for name in TAKEN})

Take = Callable[..., None]


@pytest.fixture
def take(run_toy: Callable[..., None], workspace: Workspace) -> Take:
    """Bring stages of a run ``mine`` up to date from the finished run ``toy``."""
    run_toy()

    def run(*stages: str, settings: ToySettings = CHANGED, study: Any = UNTOUCHED, **how: Any):
        options = RunOptions(**{"run": "mine", "seed": 0, "source": "toy", **how})
        run_stages(study, settings, stages, workspace, options)

    return run


def tracked(workspace: Workspace, run: str, stage: str) -> Path:
    return workspace.stage("two_sat", run, stage).directory


def test_what_a_changed_stage_reads_is_taken_and_not_made(take: Take, workspace: Workspace) -> None:
    take("axioms")
    for stage in TAKEN:
        mine, toy = (contents(tracked(workspace, run, stage)) for run in ("mine", "toy"))
        assert list(mine.values()) == list(toy.values())
    assert tracked(workspace, "mine", "axioms").is_dir()
    assert not tracked(workspace, "mine", "report").exists()


def test_of_all_stages_those_after_the_change_are_made(
    take: Take, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    take("all")
    taken = [line for line in caplog.messages if line.endswith("taken from run toy")]
    assert [line.partition(":")[0] for line in taken] == list(TAKEN)
    assert "axioms: runs because there is no result yet" in caplog.messages


def test_large_files_are_not_written_twice(take: Take, workspace: Workspace) -> None:
    take("axioms")
    (mine, toy) = (
        workspace.stage("two_sat", run, "train").bulk / "snapshot.bin" for run in ("mine", "toy")
    )
    assert mine.samefile(toy)


def test_a_forced_stage_is_made(take: Take) -> None:
    with pytest.raises(AssertionError, match="must not run"):
        take("circuit", force=("circuit",))


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"source": "nobody"}, "run=nobody has no results of study=two_sat here; allowed: toy"),
        ({"run": "toy"}, "from=toy is this run itself; allowed: another one, or a change"),
        ({"seed": 1}, r"from=toy cannot give the stage data \(seed changed from 0 to 1\)"),
        (
            {"settings": ToySettings(circuit={"leaves": 3})},
            r"from=toy cannot give the stage circuit \(config leaves is new \(3\)\); allowed: ",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused(take: Take, how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MechvalError, match=sentence):
        take("axioms", **how)


def test_altered_weights_are_not_taken(take: Take, workspace: Workspace) -> None:
    (tracked(workspace, "toy", "train") / "weights.bin").write_bytes(b"x")
    with pytest.raises(MechvalError, match=r"stage train \(weights\.bin is missing or differs"):
        take("axioms")


def test_missing_data_are_told_with_the_command_that_makes_them(
    take: Take, workspace: Workspace
) -> None:
    (workspace.stage("two_sat", "toy", "data").bulk / "formulas.bin").unlink()
    with pytest.raises(MechvalError, match=r"\(formulas.bin is missing\).* \+stage=data"):
        take("axioms")


def test_a_stage_ends_with_its_numbers_its_folder_and_its_time(
    run_toy: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    run_toy("data")
    assert caplog.messages[-3:] == [
        "data: n 1,000, satisfiable count 500",
        "data: in results/two_sat/toy/data",
        "data: took 0 s",
    ]
    run_toy()
    assert "axioms: epsilon 0.001 to 0.001 in 1 rows of axioms.csv, total 10" in caplog.messages
