"""Progress bars are for people who look at a terminal."""

import io

import pytest

from mechval.progress import QUIET_VARIABLE, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "quiet", "is_shown"),
    [(Terminal(), "0", True), (Terminal(), "1", False), (io.StringIO(), "0", False)],
    ids=["a terminal", "a terminal that is to be quiet", "a file"],
)
def test_a_bar_is_shown_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet: str, is_shown: bool
) -> None:
    monkeypatch.setenv(QUIET_VARIABLE, quiet)
    monkeypatch.setattr("sys.stderr", stream)
    assert list(track(range(3), "steps")) == [0, 1, 2]
    assert ("steps" in stream.getvalue()) is is_shown
