"""Stages taken from another run: which are, which are refused, and that nothing is made anew."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mechval.errors import MechvalError
from mechval.pipeline import RunOptions, StageContext, Workspace, run_stages
from mechval.pipeline.manifest import hash_files, load_manifest
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


def test_what_the_other_run_lacks_and_no_stage_must_read_is_not_asked_for(
    take: Take, workspace: Workspace
) -> None:
    shutil.rmtree(tracked(workspace, "toy", "circuit"))
    needless = {"upstream": ("train", "circuit"), "run": lambda _: None}
    study = {name: ToyStudy({"axioms": {**needless, "optional": optional}})
             for name, optional in (("must", ()), ("may", ("circuit",)))}  # fmt: skip
    with pytest.raises(MechvalError, match="cannot give the stage circuit"):
        take("axioms", study=study["must"])
    take("axioms", study=study["may"])
    assert not tracked(workspace, "mine", "circuit").exists()
    assert tracked(workspace, "mine", "axioms").is_dir()


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
        (
            {"source": "nobody"},
            "from=nobody is no finished run of study=two_sat here; allowed: toy",
        ),
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


def counts_again(context: StageContext[Any]) -> None:
    """Judge the table that lies in the stage's folder, at the settings' confidence."""
    table = context.directory / "axioms.csv"
    assert table.read_text("utf-8").endswith(",0.001\n")
    told = f"{context.settings.axioms['confidence']}"
    table.write_text(table.read_text("utf-8").replace("0.001", told), encoding="utf-8")


JUDGED = {"judged_by": ("confidence",), "rejudge": counts_again}
JUDGING = ToyStudy({**UNTOUCHED.changes, "axioms": {**JUDGED, "run": must_not_run}})
COUNTING = ToyStudy({**UNTOUCHED.changes, "axioms": JUDGED})


def test_counts_are_taken_where_nothing_but_their_judgement_differs(
    take: Take, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    take("axioms", study=JUDGING)
    assert (
        "axioms: counts taken from run toy, judged anew "
        "(config confidence changed from 0.95 to 0.99)"
    ) in caplog.messages
    made = load_manifest(tracked(workspace, "mine", "axioms") / "manifest.json")
    assert hash_files(tracked(workspace, "mine", "axioms")) == made.tracked
    assert made.tracked.keys() == {"axioms.csv", "metrics.json"}
    assert "0.99" in (tracked(workspace, "mine", "axioms") / "axioms.csv").read_text("utf-8")
    assert "0.99" not in (tracked(workspace, "toy", "axioms") / "axioms.csv").read_text("utf-8")


def another_setting(_: Path) -> dict[str, Any]:
    return {"settings": ToySettings(axioms={"confidence": 0.99, "versions": ["trees"]})}


def altered_table(directory: Path) -> dict[str, Any]:
    (directory / "axioms.csv").write_text("name\n", encoding="utf-8")
    return {}


def no_result(directory: Path) -> dict[str, Any]:
    shutil.rmtree(directory)
    return {}


def other_code(directory: Path) -> dict[str, Any]:
    manifest = directory / "manifest.json"
    text = manifest.read_text("utf-8").replace(load_manifest(manifest).code, "0" * 64)
    manifest.write_text(text, encoding="utf-8")
    return {}


def forced(_: Path) -> dict[str, Any]:
    return {"force": ("axioms",)}


@pytest.mark.parametrize("changed", [another_setting, altered_table, no_result, other_code, forced])
def test_anything_else_is_counted_again(
    changed: Callable[[Path], dict[str, Any]], take: Take, workspace: Workspace
) -> None:
    how = changed(tracked(workspace, "toy", "axioms"))
    with pytest.raises(AssertionError, match="must not run"):
        take("axioms", study=JUDGING, **how)
    take("axioms", study=COUNTING, **how)
    assert "0.99" not in (tracked(workspace, "mine", "axioms") / "axioms.csv").read_text("utf-8")


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
