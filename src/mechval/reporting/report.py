"""A report is a list of sections; each is one template, the tables and the figures it names.

The text of a section is a Markdown template (Jinja) beside the study's report, or one that all
studies share, in ``reporting/sections``. What it shows are :class:`Shown` tables and :class:`Chart`
pictures, put where the template names them, and below the text every :func:`shown_in` that a study
has for the section. :func:`write_report` writes the page for the repository; ``reporting.html``
writes the same sections as one HTML file, with sortable tables and interactive charts.
"""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure as Drawing

from mechval.axioms.report import Cell
from mechval.errors import MechvalError
from mechval.progress import track
from mechval.reporting import shown
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.shown import Pick, Shown, markdown_of, told
from mechval.tables import Declared, Record, Row, Table


@dataclass(frozen=True)
class Figure:
    """A picture with its one caption; ``draw`` is called inside ``figure_style``."""

    name: str
    draw: Callable[[], Drawing]
    caption: str


@dataclass(frozen=True)
class Chart:
    """Axiom tables, by name, as shaded cells of the HTML page; the Markdown leaves it out.

    What evidence they rest on is added to the caption, which comes without its full stop.
    """

    name: str
    caption: str
    groups: Mapping[str, Sequence[Cell]]


@dataclass(frozen=True)
class Section:
    """One section: its ``template`` without the heading, the parts which that names, and the
    figures below it; the template has them as ``figures``.

    :func:`make_section` fills in the sources, the files of the run that it was made from.
    """

    title: str
    template: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


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
        return folder is not None and table.path(folder).is_file()

    def rows(self, table: Table[Row]) -> tuple[Row, ...]:
        """A table of the run; raises MechvalError if it is missing or damaged."""
        return self.content(table)

    def record(self, record: Record[Row]) -> Row:
        """A record of the run; raises MechvalError likewise."""
        return self.content(record)

    def content(self, declared: Declared) -> Any:
        """The rows of a table, or what a record holds; raises as :meth:`rows`."""
        self.read.append(declared.file)
        return declared.read(self.folder(declared.stage))

    def show(self, table: Table[Any], *picks: Pick) -> Shown:
        """A table of the run, laid out; raises as :meth:`rows`."""
        return shown.show(self.rows(table), *picks)


Maker: TypeAlias = Callable[[RunFiles], Section | None]
"""Makes a section; None where the run has nothing to say there. A study has a tuple of them."""


Given: TypeAlias = Sequence[Any] | Mapping[str, Sequence[Any]] | None
"""What a figure is drawn from: arguments; those of several, by a word each; or nothing."""
Draw = TypeVar("Draw", bound=Callable[..., Drawing])


@dataclass(frozen=True)
class Declaration:
    """A figure of every run that it is ``given`` something of; see :func:`shown_in`."""

    section: str
    tables: tuple[Declared, ...]
    given: Callable[[RunFiles], Given]
    draw: Callable[..., Drawing]

    def of(self, files: RunFiles) -> Iterator[Figure]:
        """The figures of a run; raises as its tables do."""
        given = self.given(files)
        if given is None:
            return
        name = self.draw.__name__.removeprefix("draw_").replace("_", "-")
        caption, read = caption_of(self.draw), [files.content(table) for table in self.tables]
        several = given if isinstance(given, Mapping) else {"": given}
        for word, others in several.items():
            draw = partial(self.draw, *read, *others)
            yield Figure(f"{name}-{word}".rstrip("-"), draw, caption.replace("*", word or "*"))


def caption_of(draw: Callable[..., Drawing]) -> str:
    """The first paragraph of a drawing function's docstring, on one line."""
    return " ".join((draw.__doc__ or "").partition("\n\n")[0].split())


DECLARED: dict[str, list[Declaration]] = defaultdict(list)
"""By name of the module, in order."""


def shown_in(
    section: str, *tables: Declared, given: Callable[[RunFiles], Given] = lambda files: ()
) -> Callable[[Draw], Draw]:
    """Declare a figure at the function that draws it, which is all that it takes.

    It is drawn from the ``tables`` and then what is ``given`` of a run. The function's name after
    ``draw_`` is the figure's, the first paragraph of its docstring the caption (``*`` in it is the
    word of one of several). It is shown below the section whose template is ``<section>.md``, and
    linked from the text.
    """

    def declare(draw: Draw) -> Draw:
        DECLARED[draw.__module__].append(Declaration(section, tables, given, draw))
        return draw

    return declare


def with_figures(makers: Iterable[Maker], *modules: ModuleType) -> tuple[Maker, ...]:
    """Makers whose sections have the figures that these modules declare for them."""
    declared = [each for module in modules for each in DECLARED[module.__name__]]

    def illustrated(maker: Maker) -> Maker:
        @wraps(maker)
        def made(files: RunFiles) -> Section | None:
            section = maker(files)
            if section is None:
                return None
            own = (each for each in declared if f"{each.section}.md" == section.template)
            drawn = (made for each in own for made in each.of(files))
            return dataclasses.replace(section, figures=(*section.figures, *drawn))

        return made

    return tuple(map(illustrated, makers))


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
    title: str,
    makers: Iterable[Maker],
    files: RunFiles,
    package: str,
    folder: Path,
    *,
    draw: bool = True,
) -> None:
    """Write ``README.md`` and, if wanted, ``figures/<name>.svg`` of a run into a folder.

    Raises as :func:`make_section`.
    """
    sections = make_sections(makers, files)
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
    parts = [f"# {title}"]
    for section in sections:
        text = section_text(section, package, _as_markdown)
        parts += [f"## {section.title}", re.sub(r"\n{3,}", "\n\n", text)]
        if section.sources:
            links = (f"[`{name}`](../{name})" for name in section.sources)
            parts.append(f"Source: {', '.join(links)}.")
    return "\n\n".join(parts) + "\n"


def section_text(section: Section, package: str, put: Callable[[Any], str]) -> str:
    """A section in Markdown; ``put`` makes its parts text.

    Its figures are linked where its template does so, else in a sentence at the end.
    """
    template = environment_of(package, put).get_template(section.template)
    text = template.render({"figures": section.figures, **section.parts}).strip()
    links = {each.name: f"(figures/{each.name}.svg)" for each in section.figures}
    unlinked = [
        f"[{name.replace('-', ' ')}]{link}" for name, link in links.items() if link not in text
    ]
    told_below = [f"Drawn below: {', '.join(unlinked)}."] if unlinked else []
    return "\n\n".join([text, *told_below, *map(put, section.figures)])


environment = partial(Environment, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
"""Of templates, for text and for HTML: what is not given is refused."""


def environment_of(package: str, finalize: Callable[[Any], Any]) -> Environment:
    """Templates of a study's report, then the shared ones; ``finalize`` makes parts text."""
    loaders = [PackageLoader(name, "sections") for name in (package, "mechval.reporting")]
    made = environment(loader=ChoiceLoader(loaders), finalize=finalize)
    made.filters["told"] = told
    return made


def templates(package: str) -> tuple[Path, ...]:
    """The files of a study's templates and of the shared ones."""
    folders = (Path(str(files(name))) / "sections" for name in (package, "mechval.reporting"))
    return tuple(path for folder in folders for path in sorted(folder.glob("*.md")))


def paragraphs(package: str, template: str, **parts: Any) -> tuple[str, ...]:
    """The paragraphs of a text that is no section, each on one line."""
    text = environment_of(package, told).get_template(template).render(parts)
    return tuple(" ".join(each.split()) for each in text.split("\n\n") if each.strip())


def _as_markdown(part: Any) -> Any:
    if isinstance(part, Shown):
        return markdown_of(part)
    if isinstance(part, Figure):
        return f"![{part.caption}](figures/{part.name}.svg)\n\n*{part.caption}*"
    return "" if isinstance(part, Chart) else told(part)
