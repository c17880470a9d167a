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
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure as Drawing

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.reporting import shown
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.shown import Pick, Shown, markdown_of, told
from mechval.tables import Declared, Record, Row, Table


@dataclass(frozen=True)
class Figure:
    """A picture with its one caption; ``draw`` is called inside ``figure_style``.

    Without one here, it stands in the study's ``sections/captions.md``, perhaps under a name that
    ends with ``-*``: then ``*`` in it stands for the last word of the figure's name.
    """

    name: str
    draw: Callable[[], Drawing]
    caption: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart of the HTML page, where the Markdown has a figure; ``html`` makes it from its id."""

    name: str
    caption: str
    html: Callable[[str], str]


@dataclass(frozen=True)
class Section:
    """One section: its ``template`` without the heading, and the parts which that names.

    :func:`make_section` fills in the sources, the files of the run that it was made from.
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

    ``directories`` are by stage, without those that have not run; ``faults`` tell what is wrong
    with a stage whose files are missing or altered; reading fills in ``read``.
    """

    settings: Any
    seed: int
    directories: Mapping[str, Path]
    faults: Mapping[str, str] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    @staticmethod
    def of(run: Path) -> "RunFiles":
        """Those of a committed run, without its settings."""
        return RunFiles(None, 0, {path.name: path for path in run.iterdir() if path.is_dir()})

    def folder(self, stage: str) -> Path:
        """The folder of a whole stage; raises MechvalError for another, and if the run lacks it."""
        if stage in self.faults:
            raise MechvalError(f"Nothing is shown from stage {stage}: {self.faults[stage]}.")
        if stage not in self.directories:
            raise MechvalError(f"This run has no stage {stage}; run: +stage={stage}.")
        return self.directories[stage]

    def has(self, table: Declared) -> bool:
        """Whether a whole stage of the run has the file of a table, which it may leave out."""
        folder = None if table.stage in self.faults else self.directories.get(table.stage)
        return folder is not None and (folder / table.file.partition("/")[2]).is_file()

    def rows(self, table: Table[Row]) -> tuple[Row, ...]:
        """A table of the run; raises MechvalError if it is missing or damaged."""
        self.read.append(table.file)
        return table.read(self.folder(table.stage))

    def record(self, record: Record[Row]) -> Row:
        """A record of the run; raises MechvalError likewise."""
        self.read.append(record.file)
        return record.read(self.folder(record.stage))

    def show(self, table: Table[Any], *picks: Pick) -> Shown:
        """A table of the run, laid out; raises as :meth:`rows`."""
        return shown.show(self.rows(table), *picks)

    def figure(
        self, name: str, draw: Callable[..., Drawing], *tables: Table[Any], **settings: Any
    ) -> Figure:
        """A figure of whole tables and of what else ``draw`` takes; raises as :meth:`rows`."""
        return Figure(name, partial(draw, *map(self.rows, tables), **settings))


Maker: TypeAlias = Callable[[RunFiles], Section | None]
"""Makes a section; None where the run has nothing to say there. A study has a tuple of them."""


def make_section(maker: Maker, files: RunFiles) -> Section | None:
    """The section that a maker makes, the files it read among its sources; raises as that does."""
    read: list[str] = []
    section = maker(dataclasses.replace(files, read=read))
    if section is None:
        return None
    return dataclasses.replace(section, sources=tuple(dict.fromkeys((*read, *section.sources))))


def make_sections(makers: Iterable[Maker], files: RunFiles) -> list[Section]:
    """The sections that the run has something to say in; raises as :func:`make_section`."""
    return [section for maker in makers if (section := make_section(maker, files))]


def write_report(
    title: str, sections: Sequence[Section], package: str, folder: Path, *, draw: bool = True
) -> None:
    """Write ``README.md`` and, if wanted, ``figures/<name>.svg`` of all sections into a folder."""
    page = render_markdown(title, sections, package)
    (folder / "README.md").write_text(page, encoding="utf-8")
    if not draw:
        return
    (folder / "figures").mkdir()
    figures = [figure for section in sections for figure in section.figures]
    with figure_style():
        for figure in track(figures, "figures"):
            save_figure(figure.draw(), folder / "figures", figure.name)


def render_markdown(title: str, sections: Sequence[Section], package: str) -> str:
    """One Markdown page whose links lead out of the folder ``report/``.

    ``package`` is the study's report package; its templates lie in ``sections/``.
    """
    environment = environment_of(package, _as_markdown)
    parts = [f"# {title}"]
    for section in sections:
        text = environment.get_template(section.template).render(section.parts).strip()
        parts += [f"## {section.title}", re.sub(r"\n{3,}", "\n\n", text)]
        if section.sources:
            links = (f"[`{name}`](../{name})" for name in section.sources)
            parts.append(f"Source: {', '.join(links)}.")
    return "\n\n".join(parts) + "\n"


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


def paragraphs(package: str, template: str, **parts: Any) -> tuple[str, ...]:
    """The paragraphs of a text that is no section, each on one line."""
    text = environment_of(package, told).get_template(template).render(parts)
    return tuple(" ".join(each.split()) for each in text.split("\n\n") if each.strip())


def _captioned(part: Any, package: str) -> Any:
    if not isinstance(part, Figure) or part.caption:
        return part
    captions, (stem, _, last) = _captions(package), part.name.rpartition("-")
    caption = captions.get(part.name) or captions[f"{stem}-*"].replace("*", last)
    return dataclasses.replace(part, caption=caption)


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
