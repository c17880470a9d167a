"""The page of one explained input: its drawing, then the terminal's tables as tables."""

from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mechval.reporting.html import page


def build_explained(path: Path, title: str, parts: Iterable[RenderableType], drawing: str) -> Path:
    """Write the page; raises MechvalError if it cannot be written."""
    shown = Markup("\n").join(map(_as_html, parts))
    text = page.render_template("explained.html.j2", title=title, drawing=drawing, shown=shown)
    return page.write(path, text)


def _as_html(part: RenderableType) -> Markup:
    """Whatever a text holds, nothing in it is markup."""
    if not isinstance(part, Table):
        is_bold = isinstance(part, Text) and part.style == "bold"
        return Markup("<p><b>{}</b></p>" if is_bold else "<p>{}</p>").format(str(part))
    columns = [[str(entry) for entry in column.cells] for column in part.columns]
    rows = (_row("td", row) for row in zip(*columns, strict=True))
    table = '<h2>{}</h2>\n<div class="scroll"><table>\n<thead>{}</thead>\n{}\n</table></div>'
    header = _row("th", (str(column.header) for column in part.columns))
    return Markup(table).format(str(part.title).strip(), header, Markup("\n").join(rows))


def _row(kind: str, texts: Iterable[str]) -> Markup:
    cells = (Markup("<{0}>{1}</{0}>").format(Markup(kind), text) for text in texts)
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))
