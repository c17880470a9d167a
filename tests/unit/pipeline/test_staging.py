"""A death at any moment leaves the old or the new outputs, never a mixture."""

import shutil
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.pipeline.manifest import file_names
from mechval.pipeline.places import StagePlaces
from tests.killing import run_killed
from tests.unit.pipeline.dying import stage_places, write

N_RENAMES = 6


class Death(BaseException):
    pass


@pytest.fixture
def places(tmp_path: Path) -> StagePlaces:
    return stage_places(tmp_path)


def versions(places: StagePlaces) -> set[str]:
    return {
        (directory / "version").read_text(encoding="utf-8")
        for directory in (places.directory, places.bulk)
    }


def leftovers(places: StagePlaces) -> list[Path]:
    return [
        path
        for parent in (places.directory.parent, places.bulk.parent)
        for path in parent.iterdir()
        if path.name.startswith(".")
    ]


def test_new_outputs_replace_both_directories(places: StagePlaces) -> None:
    for version in ("old", "new"):
        write(places, version)
        places.replace_outputs()
    assert versions(places) == {"new"}


@pytest.mark.parametrize("renames", range(N_RENAMES + 1))
def test_death_between_renames_leaves_old_or_new(
    places: StagePlaces, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    write(places, "old")
    places.replace_outputs()
    write(places, "new")
    rename, calls = Path.rename, []

    def dying_rename(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) > renames:
            raise Death
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying_rename)
        if renames < N_RENAMES:
            with pytest.raises(Death):
                places.replace_outputs()
        else:
            places.replace_outputs()
    places.recover()
    assert versions(places) == ({"old"} if renames < 2 else {"new"})
    assert leftovers(places) == []


def test_death_before_the_old_outputs_are_removed_leaves_the_new(
    places: StagePlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object, **settings: object) -> None:
        raise Death

    write(places, "old")
    places.replace_outputs()
    write(places, "new")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        with pytest.raises(Death):
            places.replace_outputs()
    places.recover()
    assert versions(places) == {"new"}


def test_a_leftover_that_could_not_be_removed_is_in_nobodys_way_later(
    places: StagePlaces,
) -> None:
    for version in ("old", "new"):
        write(places, version)
        places.replace_outputs()
        leftover = places.directory.with_name(".data.old")
        leftover.mkdir()
        (leftover / "stubborn").touch()
    assert versions(places) == {"new"}


def test_hidden_files_of_killed_processes_are_swept(places: StagePlaces) -> None:
    write(places, "old")
    places.replace_outputs()
    for name in (".index.html.123", ".writable-7", ".version.part"):
        (places.directory / name).touch()
    places.recover()
    assert file_names(places.directory) == [path.name for path in places.directory.iterdir()]


def test_a_folder_that_cannot_be_removed_is_told(
    places: StagePlaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(places, "old")
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(MechvalError, match=r"\.data\.new cannot be removed"):
        places.make_staging()


def test_an_unfinished_attempt_is_discarded(places: StagePlaces) -> None:
    write(places, "old")
    places.replace_outputs()
    write(places, "half")
    places.recover()
    assert versions(places) == {"old"}
    assert leftovers(places) == []


def test_a_killed_process_leaves_old_or_new(tmp_path: Path) -> None:
    expected = {1: "old", 3: "new", 5: "new"}
    roots = {renames: tmp_path / str(renames) for renames in expected}
    for root in roots.values():
        write(stage_places(root), "old")
        stage_places(root).replace_outputs()
    run_killed("tests.unit.pipeline.dying", roots)
    for renames, root in roots.items():
        places = stage_places(root)
        places.recover()
        assert versions(places) == {expected[renames]}
