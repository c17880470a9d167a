"""A folder of results is replaced whole, or stays as it was."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from experiments.folders import replacing
from mechval.files import own_aside


class Death(BaseException):
    pass


def test_a_folder_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    place = tmp_path / "results" / "made"
    for text in ("before", "after"):
        with replacing(place) as folder:
            (folder / text).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        *("results", "results/made", "results/made/after")
    ]


def test_a_failure_leaves_the_one_before(tmp_path: Path) -> None:
    place = tmp_path / "made"
    with replacing(place) as folder:
        (folder / "before").touch()
    with pytest.raises(FileNotFoundError), replacing(place) as folder:
        (folder / "no folder" / "after").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    assert [path.name for path in place.iterdir()] == ["before"]


@pytest.mark.parametrize(("renames", "kept"), [(0, "before"), (1, "before"), (2, "after")])
def test_a_kill_at_either_rename_leaves_one_of_them_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int, kept: str
) -> None:
    place, rename, calls = tmp_path / "made", Path.rename, []

    def dying(path: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) > renames:
            raise Death
        return rename(path, target)

    with replacing(place) as folder:
        (folder / "before").touch()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        # As of a process that is dead: nothing is put back or removed.
        patch.setattr("experiments.folders._put_back", lambda *_: None)
        patch.setattr("experiments.folders.remove", lambda *_: None)
        with suppress(Death), replacing(place) as folder:
            (folder / "after").touch()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with suppress(Death), replacing(place) as folder:
        raise Death
    assert [path.name for path in tmp_path.rglob("*")] == ["made", kept]


def test_a_place_aside_is_nobody_elses(tmp_path: Path) -> None:
    page = tmp_path / "page"
    own = own_aside(page)
    own.touch()
    living = Path(str(own).removesuffix(str(os.getpid())) + str(os.getppid()))
    elsewhere = tmp_path / ".page.elsewhere-1"
    for path in (living, elsewhere):
        path.touch()
    assert own_aside(page) == own
    assert set(tmp_path.iterdir()) == {living, elsewhere}
