"""Tables in the terminal and on a page: texts are shown as they are, never run."""

from pathlib import Path

import pytest

from mechval.reporting.terminal import axiom_table, grid, show
from tests.unit.axioms.toy import a, evaluate_toy, make_toy

MARKUP = "<script>alert(1)</script> [bold]{x}"


def test_a_page_shows_markup_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    show([grid((MARKUP,), [(MARKUP,)], title=MARKUP)], title=MARKUP, page=page)
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 3
    assert "[bold]{x}" in text
    assert "[bold]" in capsys.readouterr().out


def test_a_page_loads_nothing_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    show(["one"], title="a page", page=page)
    text = page.read_text(encoding="utf-8")
    assert "<title>a page</title>" in text
    assert "http" not in text
    assert "src=" not in text
    assert list(tmp_path.iterdir()) == [page]


def test_the_page_holds_what_the_terminal_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(["first", "second"], title="t", page=tmp_path / "page.html")
    assert capsys.readouterr().out.split() == ["first", "second"]
    assert "first\nsecond" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_an_axiom_table_has_a_row_per_axiom(capsys: pytest.CaptureFixture[str]) -> None:
    show([axiom_table(evaluate_toy(make_toy()))], title="t", page=None)
    out = capsys.readouterr().out
    assert out.count("equivalence") == out.count("replaceability") == 2
    assert f"{a} of 200" in out
