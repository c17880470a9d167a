"""A report is a list of sections; each is one template, the tables and the figures it names.

The text of a section is a Markdown template (Jinja) beside the study's report, or one that all
studies share, in ``reporting/sections``. What it shows are :class:`Shown` tables, :class:`Figure`
and :class:`Chart` pictures, put where the template names them. :func:`write_report` writes the page
for the repository; ``reporting.html`` writes the same sections as one HTML file, with sortable
tables and interactive charts.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure as Drawing

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.markdown import markdown_table, significant
from mechval.tables import Column, Record, Row, Table, columns_of

Pick: TypeAlias = str | tuple[str, str | Callable[[Any], Any]]
"""A column to show: a field (``epsilon``, ``strata.SAT.n``) under its declared title; or a title of
one's own, with a field or with what is told of a row."""


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
    """A picture with its one caption; ``draw`` is called inside ``figure_style``.

    A caption that depends on no result stands in the study's ``sections/captions.md`` instead.
    """

    name: str
    draw: Callable[[], Drawing]
    caption: str = ""


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
        sources: files that it was made from, relative to the run's folder; :func:`make_section`
            fills them in.
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
        faults: what is wrong with a stage whose files are missing or altered, by stage.
        read: names of the files that were read, filled in by reading.
    """

    settings: Any
    seed: int
    directories: Mapping[str, Path]
    faults: Mapping[str, str] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    def folder(self, stage: str) -> Path:
        """The folder of a whole stage; raises MechvalError for another, and if the run lacks it."""
        if stage in self.faults:
            raise MechvalError(f"Nothing is shown from stage {stage}: {self.faults[stage]}.")
        if stage not in self.directories:
            raise MechvalError(f"This run has no stage {stage}; run: +stage={stage}.")
        return self.directories[stage]

    def rows(self, table: Table[Row]) -> tuple[Row, ...]:
        """A table of the run; raises MechvalError if it is missing or damaged."""
        self.read.append(table.file)
        return table.read(self.folder(table.stage))

    def record(self, record: Record[Row]) -> Row:
        """A record of the run; raises MechvalError likewise."""
        self.read.append(record.file)
        return record.read(self.folder(record.stage))


Maker: TypeAlias = Callable[[RunFiles], Section | None]
"""Makes a section; None where the run has nothing to say there. A study has a tuple of them."""


def make_section(maker: Maker, files: RunFiles) -> Section | None:
    """The section that a maker makes, with the files it read among its sources.

    Raises:
        MechvalError: as the maker does, for a file that is missing or damaged.
    """
    read: list[str] = []
    section = maker(dataclasses.replace(files, read=read))
    if section is None:
        return None
    return dataclasses.replace(section, sources=tuple(dict.fromkeys((*read, *section.sources))))


def make_sections(makers: Iterable[Maker], files: RunFiles) -> list[Section]:
    """The sections that the run has something to say in; raises as :func:`make_section`."""
    made = (make_section(maker, files) for maker in makers)
    return [section for section in made if section is not None]


def show(rows: Iterable[Any], *picks: Pick) -> Shown:
    """Lay out rows of a declared table.

    Args:
        rows: instances of one row class, filtered as the reader wants them.
        picks: the columns; a declared one is titled and printed as its declaration says.
    """
    rows = list(rows)
    titles, columns = [], []
    for pick in picks:
        title, source = (None, pick) if isinstance(pick, str) else pick
        column = _declared(rows[0], source) if rows and isinstance(source, str) else None
        if title is None:
            title = column.title if column else str(source).rpartition(".")[2]
        titles.append(title)
        columns.append([_cell(_value(row, source), column) for row in rows])
    numbers = [
        bool(cells) and all(_is_number(cell.order) or not cell.text for cell in cells)
        for cells in columns
    ]
    return Shown(tuple(titles), tuple(numbers), tuple(zip(*columns, strict=True)))


def told(value: Any, column: Column | None = None) -> str:
    """A value as people read it.

    Thousands stand apart, a declared share in per cent is one, other fractions have three
    significant digits, and those just below 1 as many as show what is missing.

    >>> told(80000), told(0.0000374), told(0.99997), told(True), told(None)
    ('80,000', '3.74e-5', '0.99997', 'yes', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if column and column.unit == "%":
            return f"{value:.2%}"
        return f"{value:.5f}" if 0.99 < value < 1 else significant(value)
    return value.text if isinstance(value, CellText) else str(value)


def counted(count: int, n: int) -> CellText:
    """A count out of others, sorted by its share."""
    return CellText(f"{count:,} of {n:,}", count / n)


def interval(lower: int | float | None, upper: int | float | None) -> CellText:
    """Both ends of an interval, or its one value; empty without an upper end."""
    if upper is None:
        return CellText("")
    ends = dict.fromkeys(told(end) for end in (lower, upper) if end is not None)
    return CellText(" to ".join(ends), upper)


def write_report(
    title: str, sections: Sequence[Section], package: str, folder: Path, *, draw: bool = True
) -> None:
    """Write ``README.md`` and ``figures/<name>.svg`` of all sections into a stage's folder.

    Args:
        draw: whether the figures are wanted.
    """
    page = render_markdown(title, sections, package)
    (folder / "README.md").write_text(page, encoding="utf-8")
    figures = [figure for section in sections for figure in section.figures]
    if not draw:
        return
    (folder / "figures").mkdir()
    with figure_style():
        for figure in track(figures, "figures"):
            save_figure(figure.draw(), folder / "figures", figure.name)


def render_markdown(title: str, sections: Sequence[Section], package: str) -> str:
    """The sections as one Markdown page whose links lead out of the folder ``report/``.

    Args:
        package: the study's report package; its templates lie in ``sections/``.
    """
    environment = environment_of(package, _as_markdown)
    parts = [f"# {title}", *(_section(environment, section) for section in sections)]
    return "\n\n".join(parts) + "\n"


def markdown_of(shown: Shown) -> str:
    """A table as Markdown."""
    titles = [f"{t}:" if n else t for t, n in zip(shown.header, shown.numbers, strict=True)]
    return markdown_table(titles, [[_linked(cell) for cell in row] for row in shown.rows])


def environment_of(package: str, finalize: Callable[[Any], Any]) -> Environment:
    """Templates of a study's report, then the shared ones; ``finalize`` makes parts text."""
    packages = (package, "mechval.reporting")
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, "sections") for name in packages]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda part: finalize(_captioned(part, package)),
    )
    environment.filters["told"] = told
    return environment


def templates(package: str) -> tuple[Path, ...]:
    """The files of a study's templates and of the shared ones."""
    folders = (Path(str(files(name))) / "sections" for name in (package, "mechval.reporting"))
    return tuple(path for folder in folders for path in sorted(folder.glob("*.md")))


def source_line(names: Sequence[str]) -> str:
    """The sentence that names the files a section was made from."""
    return f"Source: {', '.join(f'[`{name}`](../{name})' for name in names)}."


def _section(environment: Environment, section: Section) -> str:
    text = environment.get_template(section.template).render(section.parts).strip()
    text = re.sub(r"\n{3,}", "\n\n", text)
    tail = [source_line(section.sources)] if section.sources else []
    return "\n\n".join([f"## {section.title}", text, *tail])


def paragraphs(package: str, template: str, **parts: Any) -> tuple[str, ...]:
    """The paragraphs of a text that is no section, each on one line."""
    text = environment_of(package, told).get_template(template).render(parts)
    return tuple(" ".join(each.split()) for each in text.strip().split("\n\n"))


def _captioned(part: Any, package: str) -> Any:
    if not isinstance(part, Figure) or part.caption:
        return part
    return dataclasses.replace(part, caption=_captions(package)[part.name])


@cache
def _captions(package: str) -> dict[str, str]:
    """By name of the figure: paragraphs of captions.md, without their line breaks."""
    return dict(each.split(": ", 1) for each in paragraphs(package, "captions.md"))


def _as_markdown(part: Any) -> Any:
    if isinstance(part, Shown):
        return markdown_of(part)
    if isinstance(part, Figure):
        return f"![{part.caption}](figures/{part.name}.svg)\n\n*{part.caption}*"
    return "" if isinstance(part, Chart) else told(part)


def _linked(cell: CellText) -> str:
    return f"[{cell.text}]({cell.link})" if cell.link else cell.text


def _declared(row: Any, path: str) -> Column | None:
    """The declaration of a field; None for a key of a mapping and for a property."""
    *parents, name = path.split(".")
    for parent in parents:
        row = _part(row, parent)
    return columns_of(type(row)).get(name) if dataclasses.is_dataclass(row) else None


def _value(row: Any, source: str | Callable[[Any], Any]) -> Any:
    if callable(source):
        return source(row)
    for name in source.split("."):
        row = _part(row, name)
    return row


def _part(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, Mapping) else getattr(value, name)


def _cell(value: Any, column: Column | None) -> CellText:
    if isinstance(value, CellText):
        return value
    return CellText(told(value, column), value if _is_number(value) else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
