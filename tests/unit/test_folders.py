"""A folder of results is replaced whole, or stays as it was."""

from pathlib import Path

import pytest

from experiments.folders import replacing


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
