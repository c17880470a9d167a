"""Reading a finished run: what is missing or altered is refused."""

import json
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.pipeline import Workspace
from mechval.pipeline.manifest import StageKey, hash_file, make_manifest, manifest_text
from mechval.pipeline.run import NOT_MADE, FinishedRun


@pytest.fixture
def run(tmp_path: Path) -> FinishedRun:
    """A run with one stage that wrote a tracked and a bulk file."""
    places = Workspace(tmp_path).stage("study", "mine", "train")
    for folder, name in ((places.directory, "tracked.txt"), (places.bulk, "bulk.txt")):
        folder.mkdir(parents=True)
        (folder / name).write_text(name)
    (tmp_path / "checkpoint").write_text("weights")
    config = {"checkpoint_sha256": hash_file(tmp_path / "checkpoint")}
    manifest = make_manifest("train", StageKey(config, 0, "", {}), places.directory, places.bulk)
    places.manifest.write_text(manifest_text(manifest))
    return FinishedRun(Workspace(tmp_path), "study", "mine")


@pytest.mark.parametrize("name", ["tracked.txt", "bulk.txt"])
def test_the_files_of_a_stage_are_found(run: FinishedRun, name: str) -> None:
    assert run.file("train", name).read_text() == name


def test_an_altered_file_is_refused(run: FinishedRun) -> None:
    run.file("train", "tracked.txt").write_text("other")
    with pytest.raises(MechvalError, match="was altered after the stage train wrote it"):
        run.file("train", "tracked.txt")


@pytest.mark.parametrize("name", ["tracked.txt", "bulk.txt", "unheard.of"])
def test_a_missing_file_is_refused(run: FinishedRun, name: str) -> None:
    for place in ("results", "data"):
        (run.workspace.root / place / "study" / "mine" / "train" / name).unlink(missing_ok=True)
    with pytest.raises(MechvalError, match=f"{name} is missing"):
        run.file("train", name)


def test_a_missing_stage_is_refused_with_its_command(run: FinishedRun) -> None:
    with pytest.raises(MechvalError, match=r"lacks the stage circuit; .* \+stage=circuit"):
        run.manifest("circuit")


@pytest.mark.parametrize("name", ["other", "../mine", ""])
def test_a_run_that_is_not_there_is_refused_with_those_that_are(
    run: FinishedRun, name: str
) -> None:
    with pytest.raises(MechvalError, match=r"has no results .* allowed: mine"):
        FinishedRun(run.workspace, "study", name)


def test_only_the_runs_own_checkpoint_is_taken(run: FinishedRun, tmp_path: Path) -> None:
    assert run.checkpoint(tmp_path / "checkpoint") == tmp_path / "checkpoint"
    (tmp_path / "checkpoint").write_text("others")
    with pytest.raises(MechvalError, match="is not the checkpoint of run=mine"):
        run.checkpoint(tmp_path / "checkpoint")
    with pytest.raises(MechvalError, match="does not exist"):
        run.checkpoint(tmp_path / "nowhere")


def test_the_state_of_a_stage_tells_what_is_wrong(run: FinishedRun) -> None:
    assert run.states(["train", "circuit"])["circuit"].fault == NOT_MADE
    run.file("train", "tracked.txt").write_text("other")
    assert run.states(["train"])["train"].fault == "missing or altered: tracked.txt"
    (run.directory / "train" / "manifest.json").write_text("{")
    assert run.states(["train"])["train"].fault == "train/manifest.json is corrupt"


def test_the_words_that_made_a_run_are_told(run: FinishedRun) -> None:
    assert run.command == ""
    config = {"words": ["study=toy", "seed=1"]}
    (run.directory / "config.json").write_text(json.dumps(config))
    assert FinishedRun(run.workspace, "study", "mine").command == "study=toy seed=1"
