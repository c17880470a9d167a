"""What a run leaves behind when it is interrupted or cannot write."""

import errno
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from mechval.errors import MechvalError
from mechval.pipeline import StageContext, Workspace
from mechval.pipeline.places import run_lock
from mechval.pipeline.run import run_names
from tests.unit.pipeline.toy_study import extract, load_json, with_run

RunToy = Callable[..., None]


def must_not_run(context: StageContext) -> None:
    raise AssertionError("this stage must not run")


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError("x"), SystemExit(1)])
def test_an_interrupted_stage_keeps_scratch_and_old_results(
    run_toy: RunToy, workspace: Workspace, failure: BaseException
) -> None:
    def fail(context: StageContext) -> None:
        (context.scratch / "checkpoint").write_text("step 7", encoding="utf-8")
        (context.directory / "half").write_text("half", encoding="utf-8")
        raise failure

    run_toy()
    before = contents(workspace.root / "results") | contents(workspace.root / "data")
    with pytest.raises(type(failure)):
        run_toy(study=with_run("circuit", fail), force=("circuit",))
    after = contents(workspace.root / "results") | contents(workspace.root / "data")
    assert after == before
    assert list(workspace.root.rglob("checkpoint"))


@pytest.mark.parametrize("renames", range(2, 6))
def test_ctrl_c_in_the_middle_of_the_swap_finishes_it(
    run_toy: RunToy, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    rename, calls = Path.rename, []

    def interrupted_rename(path: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == renames + 1:
            raise KeyboardInterrupt
        return rename(path, target)

    run_toy("data")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted_rename)
        with pytest.raises(KeyboardInterrupt):
            run_toy("data", seed=1)
    places = workspace.stage("two_sat", "toy", "data")
    assert load_json(places.manifest)["seed"] == 1
    assert (places.bulk / "formulas.bin").read_bytes()[0] == 1


def test_scratch_survives_for_the_same_key_and_goes_after_completion(
    run_toy: RunToy, workspace: Workspace
) -> None:
    def resume(context: StageContext) -> None:
        checkpoint = context.scratch / "checkpoint"
        if not checkpoint.exists():
            checkpoint.touch()
            raise KeyboardInterrupt
        extract(context)

    with pytest.raises(KeyboardInterrupt):
        run_toy(study=with_run("circuit", resume))
    run_toy(study=with_run("circuit", resume))
    assert not workspace.stage("two_sat", "toy", "circuit").scratch.exists()


def test_a_kill_while_scratch_is_deleted_leaves_no_part_of_it(
    run_toy: RunToy, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep_two(context: StageContext) -> None:
        for name in ("checkpoint", "snapshot"):
            (context.scratch / name).touch()
        extract(context)

    def stop_half_way(folder: Path, **_: object) -> None:
        if kept := sorted(folder.rglob("snapshot")):
            kept[0].unlink()
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", stop_half_way)
    with pytest.raises(KeyboardInterrupt):
        run_toy(study=with_run("circuit", keep_two))
    scratch = workspace.stage("two_sat", "toy", "circuit").scratch
    assert not scratch.exists()
    monkeypatch.undo()
    run_toy(study=with_run("circuit", keep_two))
    assert not any(scratch.parent.glob("*circuit*"))


def test_scratch_that_a_full_disk_keeps_in_its_place_goes_all_the_same(
    run_toy: RunToy, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep_one(context: StageContext) -> None:
        (context.scratch / "checkpoint").touch()
        extract(context)

    scratch, rename = workspace.stage("two_sat", "toy", "circuit").scratch, Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.is_relative_to(scratch.parent):
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    run_toy(study=with_run("circuit", keep_one))
    assert not any(scratch.parent.glob("*circuit*"))


def test_scratch_of_another_seed_is_not_resumed(run_toy: RunToy) -> None:
    def refuse_checkpoint(context: StageContext) -> None:
        assert not (context.scratch / "checkpoint").exists()
        (context.scratch / "checkpoint").touch()
        raise KeyboardInterrupt

    for seed in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            run_toy("data", study=with_run("data", refuse_checkpoint), seed=seed)


def test_a_full_disk_is_one_sentence(run_toy: RunToy) -> None:
    def fill(context: StageContext) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MechvalError, match=r"^circuit: the disk is full"):
        run_toy(study=with_run("circuit", fill))


def test_another_system_error_is_not_called_a_full_disk(run_toy: RunToy) -> None:
    def fail(context: StageContext) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(
        MechvalError, match=r"^circuit: the operating system refuses .*Input/output"
    ):
        run_toy(study=with_run("circuit", fail))


def test_a_full_disk_that_is_told_in_words_alone_is_one_too(run_toy: RunToy) -> None:
    def fill(context: StageContext) -> None:
        raise shutil.Error([("from", "to", "[Errno 28] No space left on device: 'to'")])

    with pytest.raises(MechvalError, match=r"^circuit: the disk is full"):
        run_toy(study=with_run("circuit", fill))


def test_a_refused_first_stage_leaves_no_folder_that_is_offered_as_a_run(
    run_toy: RunToy, workspace: Workspace
) -> None:
    def refuse(context: StageContext) -> None:
        raise MechvalError("no")

    with pytest.raises(MechvalError, match="no"):
        run_toy("data", study=with_run("data", refuse))
    assert not list((workspace.root / "results").iterdir())
    assert run_names(workspace, "two_sat") == []
    workspace.run_directory("two_sat", "empty").mkdir(parents=True)
    assert run_names(workspace, "two_sat") == []


def test_a_read_only_results_folder_is_refused_before_any_work(
    run_toy: RunToy, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tempfile.TemporaryFile

    def read_only(dir: Path) -> Any:
        if dir.name == "results":
            raise OSError(errno.EROFS, "Read-only file system")
        return make(dir=dir)

    (workspace.root / "results").mkdir()
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    with pytest.raises(MechvalError, match=r"cannot be written \(Read-only file system"):
        run_toy(study=with_run("data", must_not_run))


def test_a_run_in_use_is_refused(run_toy: RunToy, workspace: Workspace) -> None:
    with (
        run_lock(workspace.lock("two_sat", "toy"), "toy"),
        pytest.raises(MechvalError, match="run=toy is in use by another process"),
    ):
        run_toy()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError()]
)
def test_a_file_system_without_locks_is_one_sentence_before_any_work(
    run_toy: RunToy, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(
        MechvalError, match=r"toy\.lock cannot be locked .*; allowed: a file system"
    ):
        run_toy(study=with_run("data", must_not_run))
