import errno
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from mechval.reporting.figures import figure_style, save_figure

NAME = "figure.svg"


def draw(directory: Path) -> Path:
    directory.mkdir()
    with figure_style():
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([1, 2], label="line")
        save_figure(figure, directory, "figure")
    return directory


def test_equal_figures_give_equal_bytes(tmp_path):
    first, second = draw(tmp_path / "a") / NAME, draw(tmp_path / "b") / NAME
    assert first.read_bytes() == second.read_bytes()


def test_the_reader_s_own_style_changes_nothing(tmp_path):
    plain = draw(tmp_path / "a") / NAME
    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "savefig.dpi": 40}):
        styled = draw(tmp_path / "b") / NAME
    assert plain.read_bytes() == styled.read_bytes()


def test_the_style_is_put_back(tmp_path):
    before = dict(matplotlib.rcParams)
    draw(tmp_path / "a")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("stamp", [b"dc:date", b"Software", b"Matplotlib v"])
def test_a_figure_says_neither_when_nor_with_what_it_was_drawn(tmp_path, stamp):
    assert stamp not in (draw(tmp_path / "a") / NAME).read_bytes()


def test_a_figure_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = draw(tmp_path / "a") / NAME
    path.write_text("old", "utf-8")

    def fail_half_way(place: Path, content: bytes) -> int:
        with place.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail_half_way)
    with pytest.raises(OSError, match="No space"), figure_style():
        save_figure(Figure(), path.parent, "figure")
    assert [each.name for each in path.parent.iterdir()] == [NAME]
    assert path.read_text("utf-8") == "old"
