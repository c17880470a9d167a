"""A report is a list of sections; each is one template, the tables and the figures it names.

The text of a section is a Markdown template (Jinja) beside the study's report. What it shows are
:class:`Shown` tables, :class:`Figure` and :class:`Chart` pictures, put where the template names
them. :func:`render_markdown` writes the page for the repository; ``reporting.html`` writes the
same sections as one HTML file, with sortable tables and interactive charts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure as Drawing

from mechval.errors import MechvalError
from mechval.reporting.markdown import markdown_table, significant
from mechval.tables import Column, Record, Row, Table, columns_of

Pick: TypeAlias = str | tuple[str, Callable[[Any], Any]]
"""A column to show: a declared field's name, or a title and what is told of a row."""


@dataclass(frozen=True)
class CellText:
    """A cell: its text, what it sorts by, a shade between 0 and 1, and where it leads."""

    text: str
    order: int | float | str = ""
    shade: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Shown:
    """A table to read.

    Attributes:
        header: titles of its columns.
        numbers: for each column, whether it is aligned as numbers are.
    """

    header: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[CellText, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A picture with its one caption; ``draw`` is called inside ``figure_style``."""

    name: str
    caption: str
    draw: Callable[[], Drawing]


@dataclass(frozen=True)
class Chart:
    """An interactive chart of the HTML page, where the Markdown has a figure or a table.

    Attributes:
        html: makes the element, given its id.
    """

    name: str
    caption: str
    html: Callable[[str], str]


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        title: its heading.
        template: file of its text, without the heading.
        parts: what the template names: plain values, tables, figures and charts.
        sources: files that it was made from, relative to the run's folder.
    """

    title: str
    template: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    @property
    def figures(self) -> list[Figure]:
        """The figures among its parts, in lists too."""
        found = [part if isinstance(part, list | tuple) else [part] for part in self.parts.values()]
        return [item for group in found for item in group if isinstance(item, Figure)]


@dataclass(frozen=True)
class RunFiles:
    """What sections are made from: one run's settings, and where each stage's files lie.

    Attributes:
        settings: the study's settings.
        directories: folder of tracked files by stage; a stage that has not run is absent.
    """

    settings: Any
    seed: int
    directories: Mapping[str, Path]

    def folder(self, stage: str) -> Path:
        """The folder of a stage; raises MechvalError if the run lacks it."""
        if stage not in self.directories:
            raise MechvalError(f"This run has no stage {stage}; run: +stage={stage}.")
        return self.directories[stage]

    def rows(self, table: Table[Row]) -> tuple[Row, ...]:
        """A table of the run; raises MechvalError if it is missing or damaged."""
        return table.read(self.folder(table.stage))

    def record(self, record: Record[Row]) -> Row:
        """A record of the run; raises MechvalError likewise."""
        return record.read(self.folder(record.stage))


Maker: TypeAlias = Callable[[RunFiles], Section | None]
"""Makes a section; None where the run has nothing to say there. A study has a tuple of them."""


def show(rows: Iterable[Any], *picks: Pick) -> Shown:
    """Lay out rows of a declared table.

    Args:
        rows: instances of one row class, filtered as the reader wants them.
        picks: the columns; a declared one is titled and printed as its declaration says.
    """
    rows = list(rows)
    declared = columns_of(type(rows[0])) if rows else {}
    header, numbers, columns = [], [], []
    for pick in picks:
        title, read, column = _reading(pick, declared)
        cells = [_cell(read(row), column) for row in rows]
        header.append(title)
        numbers.append(
            bool(cells) and all(_is_number(cell.order) or not cell.text for cell in cells)
        )
        columns.append(cells)
    return Shown(tuple(header), tuple(numbers), tuple(zip(*columns, strict=True)))


def told(value: Any, column: Column | None = None) -> str:
    """A value as people read it: thousands apart, three significant digits, per cent by unit."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.2%}" if column and column.unit == "%" else significant(value)
    return str(value)


def render_markdown(title: str, sections: Sequence[Section], package: str) -> str:
    """The sections as one Markdown page whose links lead out of the folder ``report/``.

    Args:
        package: the study's report package; its templates lie in ``sections/``.
    """
    environment = environment_of(package, _as_markdown)
    return (
        "\n\n".join([f"# {title}", *(_section(environment, section) for section in sections)])
        + "\n"
    )


def environment_of(package: str, finalize: Callable[[Any], Any]) -> Environment:
    """Templates of a study's report; ``finalize`` says how parts become text."""
    environment = Environment(
        loader=PackageLoader(package, "sections"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    environment.filters["sig"] = significant
    environment.filters["told"] = told
    return environment


def source_line(names: Sequence[str]) -> str:
    """The sentence that names the files a section was made from."""
    return f"Source: {', '.join(f'[`{name}`](../{name})' for name in names)}."


def _section(environment: Environment, section: Section) -> str:
    text = environment.get_template(section.template).render(section.parts).strip()
    tail = [source_line(section.sources)] if section.sources else []
    return "\n\n".join([f"## {section.title}", text, *tail])


def _as_markdown(part: Any) -> Any:
    if isinstance(part, Shown):
        titles = [f"{t}:" if n else t for t, n in zip(part.header, part.numbers, strict=True)]
        return markdown_table(titles, [[_linked(cell) for cell in row] for row in part.rows])
    if isinstance(part, Figure):
        return f"![{part.caption}](figures/{part.name}.svg)\n\n*{part.caption}*"
    return "" if isinstance(part, Chart) else told(part)


def _linked(cell: CellText) -> str:
    return f"[{cell.text}]({cell.link})" if cell.link else cell.text


def _reading(
    pick: Pick, declared: Mapping[str, Column]
) -> tuple[str, Callable[[Any], Any], Column | None]:
    if isinstance(pick, str):
        column = declared.get(pick)
        title = column.title if column else pick.replace("_", " ")
        return title, lambda row: getattr(row, pick), column
    return pick[0], pick[1], None


def _cell(value: Any, column: Column | None) -> CellText:
    if isinstance(value, CellText):
        return value
    return CellText(told(value, column), value if _is_number(value) else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
