"""What commands show: rich tables in the terminal, and the same as one self-contained page."""

import html
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mechval.axioms import Axiom, AxiomReport
from mechval.reporting.shown import by

WIDTH = 100
"""Columns of a page, and of a terminal that is wider."""

_WIDEST_WORD = 16

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{{stylesheet}}
body {{{{ color: {{foreground}}; background-color: {{background}}; margin: 1rem; }}}}
pre {{{{ overflow-x: auto; line-height: 1.25; }}}}
</style>
</head>
<body>
<pre style="font-family: ui-monospace, Menlo, 'DejaVu Sans Mono', Consolas, monospace">
<code style="font-family: inherit">{{code}}</code>
</pre>
</body>
</html>
"""


def axiom_table(report: AxiomReport) -> Table:
    """The cells of a report, a row per axiom and a column per component."""
    table = Table(title=f"{report.interpretation}: disagreements and ε", title_justify="left")
    table.add_column("axiom")
    for component in by(report.cells, "component"):
        table.add_column(Text(component), justify="right")
    for axiom in Axiom:
        cells = [cell for cell in report.cells if cell.axiom is axiom]
        texts = [f"{cell.disagreements:,} of {cell.n:,} (ε {cell.epsilon:.3g})" for cell in cells]
        table.add_row(axiom.value, *map(Text, texts))
    return table


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str) -> Table:
    """A table of plain texts: whatever they hold, nothing in them is markup."""
    body = [list(row) for row in rows]
    table = Table(
        title=Text(f"\n{title}", style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name, *entries in zip(columns, *body, strict=True):
        longest_word = max(
            len(word) for text in (name, *entries) for word in (text.split() or [""])
        )
        table.add_column(Text(name), min_width=min(longest_word, _WIDEST_WORD))
    for row in body:
        table.add_row(*map(Text, row))
    return table


def verdict(disagrees: bool, wrong: str) -> str:
    """What is to be said of a cell: nothing where both sides agree, else who is wrong, if told."""
    return (f"{wrong} wrong" if wrong else "DIFFERS") if disagrees else ""


def parting(n_apart: int, n_cells: int) -> Text:
    """In how many cells network and interpretation part ways."""
    ways = f"part ways in {n_apart} of" if n_apart else "agree in all"
    return Text(f"Network and interpretation {ways} {n_cells} cells.", style="bold")


def show(parts: Sequence[RenderableType], *, title: str, page: Path | None) -> None:
    """Print to standard output and, if a place is given, write the same there as HTML.

    The page is written in one step and loads nothing from elsewhere; its title is shown as text.
    """
    terminal = Console()
    terminal.print(*parts, sep="\n", width=min(WIDTH, terminal.width))
    if page is None:
        return
    recorder = Console(record=True, width=WIDTH, file=StringIO())
    recorder.print(*parts, sep="\n")
    safe_title = html.escape(title).replace("{", "&#123;").replace("}", "&#125;")
    content = recorder.export_html(code_format=_PAGE.format(title=safe_title))
    aside = page.with_name(f".{page.name}.new")
    aside.write_text(content, encoding="utf-8")
    aside.replace(page)
