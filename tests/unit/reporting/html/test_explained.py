"""The page of one explained input: the terminal's parts, whose texts are never markup."""

from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from mechval.reporting.html.page import build_explained
from mechval.reporting.terminal import grid

MARKUP = "<script>alert(1)</script> [bold]{x} *y*"
SAFE = "&lt;script&gt;alert(1)&lt;/script&gt; [bold]{x} *y*"


def built(path: Path, *parts: RenderableType, title: str = "t", drawing: str = "") -> str:
    return build_explained(path / "page.html", title, parts, drawing).read_text(encoding="utf-8")


def test_markup_in_titles_heads_and_cells_is_text(tmp_path: Path) -> None:
    text = built(tmp_path, grid((MARKUP,), [(MARKUP,)], title=MARKUP), Text(MARKUP), title=MARKUP)
    assert "<script" not in text
    assert text.count(SAFE) == 6


def test_tables_are_tables_and_bold_texts_are_bold(tmp_path: Path) -> None:
    text = built(tmp_path, grid(("n",), [("1",), ("2",)], title="T"), Text("loud", style="bold"))
    assert "<h2>T</h2>" in text
    assert "<tr><td>1</td></tr>\n<tr><td>2</td></tr>" in text
    assert "<p><b>loud</b></p>" in text


def test_the_page_loads_nothing_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    text = built(tmp_path, Text("one"), drawing="<b>drawn</b>")
    assert '<section id="mechanism"><b>drawn</b></section>' in text
    assert "http" not in text
    assert "src=" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
