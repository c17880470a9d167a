"""The page of a run, a single file: claim, four answers, the sections, provenance."""

import gzip
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from os.path import relpath
from pathlib import Path
from typing import Any

import itables

from mechval import tables
from mechval.axioms import Cell
from mechval.config import Config
from mechval.errors import MechvalError
from mechval.files import own_aside
from mechval.pipeline.run import NOT_MADE, FinishedRun, StageState
from mechval.reporting.html import answers, render
from mechval.reporting.html.answers import Answer
from mechval.reporting.report import Maker, RunFiles, Section
from mechval.reporting.shown import CellText

PAGE = Path("report") / "index.html"
"""Of a run, below its folder; untracked."""
UNFOLDED = ("targets", "axioms")
"""Sections that are open from the start, but for what stands below headings of their own."""


@dataclass(frozen=True)
class Component:
    """One step of the network, the program's step beside it, and the states after both."""

    name: str
    network: str
    program: str
    network_state: str
    program_state: str


COMPONENTS = tables.Table("report/components.csv", Component)
"""Beside a study's report, first to last."""


@dataclass(frozen=True)
class PageContent:
    """Everything a page says that is not in the sections of the study's report.

    Attributes:
        claim: a few sentences; of the run, because sizes differ between runs.
        input_state: what both the network and the program start from.
        accuracy: wrong answers of the network, and N.
        neurons_question: how the third question is put; ``neurons`` answers it.
        cells: the axiom table; its first interpretation is the one that is claimed.
        package: whose templates the sections of the ``makers`` have.
        nulls: axiom tables of networks that the claim is false for, by network.
        proved: cells that hold on every input, as ``interpretation/axiom/component``.
        asked: whether a cell is one that the claim is asked to hold in, which the index compares.
        drawing: the mechanism of a run on single inputs, as HTML that loads nothing; raises
            MechvalError where the run lacks what it needs. None: the study has none.
        beside: the run beside another that its network comes from, drawn with the page; raises
            likewise. None where there is no such run.
    """

    study: str
    title: str
    claim: Callable[[RunFiles], Sequence[str]]
    components: tuple[Component, ...]
    input_state: str
    accuracy: Callable[[RunFiles], tuple[int, int]]
    neurons_question: str
    neurons: Callable[[RunFiles], Answer]
    cells: Callable[[RunFiles], Sequence[Cell]]
    makers: tuple[Maker, ...]
    package: str
    nulls: Callable[[RunFiles], Mapping[str, Sequence[Cell]]] = lambda files: {}
    proved: Callable[[RunFiles], Collection[str]] = lambda files: ()
    asked: Callable[[Cell], bool] = lambda cell: True
    drawing: Callable[[FinishedRun], str] | None = None
    beside: "Callable[[PageRun], Section | None]" = lambda run: None


@dataclass(frozen=True)
class PageRun:
    """A run as its page and the index are made from it, with its recorded settings and stages."""

    content: PageContent
    run: FinishedRun
    settings: Config
    stages: tuple[str, ...]

    @cached_property
    def states(self) -> dict[str, StageState]:
        """What there is of each stage."""
        return self.run.states(self.stages)

    @cached_property
    def files(self) -> RunFiles:
        """Its files; those of a stage that is not whole are refused."""
        return whole_files(self.run, self.settings, self.states.values())

    @property
    def not_made(self) -> list[str]:
        """The stages that the run never had."""
        return [name for name, state in self.states.items() if state.fault == NOT_MADE]

    @property
    def name(self) -> str:
        """Its folder, or where that has a hash, the words of the command line behind it."""
        words = [word for word in self.run.command.split() if not word.startswith("study=")]
        has_hash = re.search(r"-[0-9a-f]{8}-s\d+$", self.run.run)
        return " ".join(words) if has_hash and words else self.run.run

    @property
    def accuracy(self) -> CellText:
        """How often the network is right, or that its table cannot be had."""
        try:
            wrong, n = self.content.accuracy(self.files)
        except MechvalError:
            return CellText("not known")
        return CellText(f"{1 - wrong / n:.5f} ({wrong:,} of {n:,} wrong)")

    @cached_property
    def judged(self) -> answers.Judged:
        """What the answers are made from; raises MechvalError if it cannot be had."""
        content, bar = self.content, self.files.settings.page.bar
        cells = answers.claimed(content.cells(self.files))
        proved = frozenset(content.proved(self.files))
        return answers.Judged(cells, content.nulls(self.files), bar, proved)

    @cached_property
    def questions(self) -> dict[str, tuple[str, Answer]]:
        """The four questions with their answers, or why there is none."""
        content = self.content
        neurons = content.neurons_question, lambda: content.neurons(self.files)
        return answers.four_questions(lambda: self.judged, {"neurons": neurons})

    @property
    def drawing(self) -> str:
        """The mechanism, or the sentence that says why it is not drawn; empty without one."""
        try:
            return self.content.drawing(self.run) if self.content.drawing else ""
        except MechvalError as error:
            return render.notice(f"The mechanism is not drawn: {error}")

    @property
    def beside(self) -> render.Rendered | None:
        """The comparison with the run before it, or the sentence that says why there is none."""
        try:
            section = self.content.beside(self)
            return section and render.render_section(section, self.content.package)
        except MechvalError as error:
            title = "Before and after"
            return render.Rendered(render.identifier(title), title, render.notice(str(error)))

    def command(self, stage: str) -> str:
        """The command that makes a stage of the run."""
        return f"python -m experiments.run +stage={stage} {self.run.command}".strip()


def whole_files(run: FinishedRun, settings: Any, states: Iterable[StageState]) -> RunFiles:
    """The files of a run; those of a stage that is not whole are refused."""
    states = tuple(states)
    return RunFiles(
        settings=settings,
        seed=int(run.config.get("seed", 0)),
        directories={each.name: run.directory / each.name for each in states if each.manifest},
        faults={each.name: each.fault for each in states if each.fault not in ("", NOT_MADE)},
    )


def build_page(run: PageRun) -> Path:
    """Write the page of one run from whatever of it is there; raises as :func:`write`.

    Where its files are such that there can be no page, what is written says so.
    """
    path = run.run.directory / PAGE
    index = relpath(run.run.directory.parents[1] / "index.html", path.parent)
    try:
        text = _page_text(run, index)
    except Exception as error:
        # Whatever a damaged run makes go wrong is of that run.
        notice = render.notice(told_damage(run.run.run, error))
        item = render.Rendered("damaged", run.run.run, notice)
        text = render_template("deviations.html.j2", item=item, index=index)
    return write(path, text)


def told_damage(run: str, error: Exception) -> str:
    """One sentence of a run that cannot be shown."""
    reason = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(".")
    told = (
        f"run {run} is damaged and not shown ({reason}); allowed: files as its stages wrote them."
    )
    return told.encode("ascii", "backslashreplace").decode()


def _page_text(run: PageRun, index: str) -> str:
    content = run.content
    made = (render.make_section(maker, content.package, run.files) for maker in content.makers)
    sections = [render.fold_parts(item) if item.id in UNFOLDED else item for item in made if item]
    parts = {"sections": sections, "unfolded": UNFOLDED, "index": index, **_top(run)}
    # A refusal names whole paths; a page says the same wherever it is built.
    return render_template("page.html.j2", **parts).replace(f"{run.run.directory}/", "")


def front_page(run: PageRun, root: str, others: Mapping[str, str]) -> str:
    """Mechanism, claim and answers alone, for the repository: a page that is small.

    ``root`` leads from the page to the repository's root; ``others`` are runs by their page.
    """
    return render_template("front.html.j2", root=root, others=others, **_top(run))


def build_explained(path: Path, title: str, parts: Sequence[Any], drawing: str) -> Path:
    """Write the page of one explained input: its drawing, then the terminal's ``parts`` as tables.

    Raises as :func:`write`.
    """
    shown = {"title": title, "drawing": drawing, "parts": parts, "zip": zip}
    return write(path, render_template("explained.html.j2", **shown))


def _top(run: PageRun) -> dict[str, Any]:
    shown = {"claim": run.content.claim(run.files), "drawing": run.drawing, "beside": run.beside}
    return {"run": run, "content": run.content, **shown}


def render_template(name: str, **values: Any) -> str:
    """A page with the two libraries of JavaScript and the styles in it."""
    return render.environment().get_template(name).render(**values, **_libraries())


def write(path: Path, text: str) -> Path:
    """Write a page whole; raises MechvalError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Jobs of a sweep build the index side by side: each writes a file of its own first.
        temporary = own_aside(path)
        try:
            # Names in JSON may hold what no text file does.
            temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise MechvalError(f"{path} cannot be written ({error.strerror}).") from None
    return path


@cache
def _libraries() -> dict[str, str]:
    tables = files(itables) / "html"
    templates = files("mechval.reporting.html") / "templates"
    return {
        # A third of its size; the same bytes on every day.
        "datatables": b64encode(
            gzip.compress((tables / "dt_bundle.js").read_bytes(), mtime=0)
        ).decode("ascii"),
        "datatables_style": (tables / "dt_bundle.css").read_text(encoding="utf-8"),
        "style": (templates / "style.css").read_text(encoding="utf-8"),
    }
