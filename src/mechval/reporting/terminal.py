"""What commands show in the terminal: rich tables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mechval.axioms import Axiom, AxiomReport
from mechval.reporting.shown import by

WIDTH = 100
"""Columns, of a terminal that is wider."""

_WIDEST_WORD = 16


@dataclass(frozen=True)
class Explained:
    """One input explained: what the terminal shows, and a page besides.

    ``drawing`` makes the mechanism as HTML that loads nothing; empty where a study draws none.
    """

    parts: tuple[RenderableType, ...]
    drawing: Callable[[], str] = str


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


class _Terminal(Console):
    def on_broken_pipe(self) -> NoReturn:
        """A reader that is gone is told like everywhere else; rich would exit by itself."""
        raise BrokenPipeError


def show(parts: Iterable[RenderableType]) -> None:
    """Print to standard output, at most ``WIDTH`` columns wide."""
    terminal = _Terminal()
    terminal.print(*parts, sep="\n", width=min(WIDTH, terminal.width))
