"""Builds a run's page and the index over all runs, each a single file."""

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from os.path import relpath
from pathlib import Path

import itables
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from plotly.graph_objects import Figure

from mechval.errors import MechvalError
from mechval.reporting.markdown import significant
from mechval.reporting.page import charts
from mechval.reporting.page.cells import PageCell, main_cells, read_cells
from mechval.reporting.page.content import PageContent
from mechval.reporting.page.diagram import lay_out
from mechval.reporting.page.folder import Notices, RunFolder
from mechval.reporting.page.provenance import stage_command, stage_commands, stage_facts
from mechval.reporting.page.sections import (
    AXIOMS,
    CellText,
    PageTable,
    Section,
    axiom_section,
    figure_section,
    four_questions,
    ledger_section,
    null_section,
    paper_section,
)

PAGE = Path("report") / "index.html"
"""Of a run, below its folder; untracked."""


def build_page(content: PageContent, folder: RunFolder, words: str, deviations: Path) -> Path:
    """Write the page of one run from whatever of it is there.

    Args:
        content: what the study says about itself.
        folder: the run.
        words: command-line words, after the stage, that make this run.
        deviations: the Markdown list of deviations; told if it is missing.

    Raises:
        MechvalError: if the page cannot be written.
    """
    sections: list[Section] = []
    if folder.has_results:
        sections = [
            paper_section(folder),
            axiom_section(content, folder),
            ledger_section(folder),
            figure_section(content, folder, "circuit", "Circuit evidence"),
            null_section(content, folder),
            _deviation_section(deviations),
            figure_section(content, folder, "training", "Training"),
        ]
    page, notices = folder.directory / PAGE, Notices()
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            content=content,
            folder=folder,
            claim=notices.attempt(lambda: content.claim(folder), ()),
            claim_notices=notices.sentences if folder.has_results else [],
            diagram=lay_out(content.components, content.input_state),
            questions=four_questions(content, folder) if folder.has_results else [],
            sections=sections,
            stages=stage_facts(folder, words),
            all_command=stage_command("all", words),
            commands_of=lambda names: stage_commands(names, words),
            up="../",
            index=relpath(folder.directory.parents[1] / "index.html", page.parent),
            **_libraries(),
        )
    )
    return _write(page, text)


def build_index(
    results: Path, contents: Mapping[str, PageContent], commands: Mapping[Path, str]
) -> Path:
    """Write ``index.html`` beside the studies: all runs found, compared.

    Args:
        results: the folder with one folder per study.
        contents: of every study that has pages, by its name.
        commands: the words that make each run, by its folder.

    Raises:
        MechvalError: if the index cannot be written.
    """
    sections = []
    for study, content in contents.items():
        folders = find_runs(results / study)
        section = Section(f"study-{study}", content.title)
        if folders:
            section.tables.append(_runs_table(content, folders, results))
            cells = [_run_cells(folder) for folder in folders]
            chart = _runs_chart([group for group in cells if group])
            if chart:
                known = sorted({cell.kind for group in cells for cell in group})
                caption = (
                    f"ε of each run's main interpretation ({' and '.join(known)}; N on hover): "
                    "choose a run in the menu."
                )
                section.charts.append((charts.chart_html(chart, f"chart-{study}"), caption))
        else:
            section.texts.append(f"No results yet. Run: {stage_command('all', f'study={study}')}")
        sections.append(section)
    text = (
        _environment()
        .get_template("index.html.j2")
        .render(
            sections=sections,
            commands={folder.relative_to(results): words for folder, words in commands.items()},
            **_libraries(),
        )
    )
    return _write(results / "index.html", text)


def find_runs(study: Path) -> list[RunFolder]:
    """Runs of a study with at least one finished stage: the committed ones, then by name."""
    if not study.is_dir():
        return []
    order = {"reference": 0, "published": 1}
    paths = [path for path in study.iterdir() if path.is_dir()]
    paths.sort(key=lambda path: (order.get(path.name, len(order)), path.name))
    folders = [RunFolder(path) for path in paths]
    return [folder for folder in folders if folder.has_results]


def _runs_table(content: PageContent, folders: Sequence[RunFolder], results: Path) -> PageTable:
    header = ("run", "confirmed?", "weakest cell", "ε", "evidence", "stages")
    rows = tuple(_run_row(content, folder, results) for folder in folders)
    return PageTable(f"table-{content.study}", header, rows)


def _run_row(content: PageContent, folder: RunFolder, results: Path) -> tuple[CellText, ...]:
    page = folder.directory / PAGE
    link = relpath(page, results) if page.is_file() else ""
    cells = [cell for cell in _run_cells(folder) if cell.is_distinct]
    faults = [name for name, state in folder.stages.items() if state.fault]
    state = f"missing or altered: {', '.join(faults)}" if faults else "whole"
    name = CellText(folder.run, link=link)
    if not cells:
        return (name, *(CellText("") for _ in range(4)), CellText(state))
    worst = max(cells, key=lambda cell: cell.bound)
    confirmed = four_questions(content, folder)[0].answer
    return (
        name,
        CellText(confirmed.verdict),
        CellText(worst.name),
        CellText(significant(worst.bound), worst.bound, charts.shade(worst.bound)),
        CellText(worst.counted),
        CellText(state),
    )


def _run_cells(folder: RunFolder) -> list[PageCell]:
    cells = Notices().attempt(lambda: main_cells(read_cells(folder.table(AXIOMS))), [])
    return [cell.renamed(folder.run) for cell in cells]


def _runs_chart(groups: Sequence[Sequence[PageCell]]) -> Figure | None:
    cells = [cell for group in groups for cell in group]
    if not cells:
        return None
    axioms = list(dict.fromkeys(cell.axiom for cell in cells))
    components = list(dict.fromkeys(cell.component for cell in cells))
    return charts.draw_cells(cells, axioms, components)


def _deviation_section(path: Path) -> Section:
    section = Section("deviations", "Deviations from the paper")
    if not path.is_file():
        section.texts.append(f"{path.name} is missing here, so the deviations are not shown.")
        return section
    parser = MarkdownIt("commonmark", {"html": False})
    tokens = parser.parse(path.read_text(encoding="utf-8"))
    for token, inside in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", inside.content.partition(".")[0])
            token.tag = f"h{min(6, int(token.tag[1:]) + 1)}"
        if token.type == "heading_close":
            token.tag = f"h{min(6, int(token.tag[1:]) + 1)}"
    section.html = parser.renderer.render(tokens[3:], parser.options, {})
    return section


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("mechval.reporting.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _libraries() -> dict[str, str]:
    """The two JavaScript libraries and the style, to be put into a page once each."""
    tables = files(itables) / "html"
    bundle = (tables / "dt_bundle.js").read_bytes()
    return {
        "plotly": charts.plotly_source(),
        "datatables": b64encode(bundle).decode("ascii"),
        "datatables_style": (tables / "dt_bundle.css").read_text(encoding="utf-8"),
        "style": (files("mechval.reporting.page") / "templates" / "style.css").read_text(
            encoding="utf-8"
        ),
    }


def _write(path: Path, text: str) -> Path:
    # Jobs of a sweep build the index side by side: each writes a file of its own first.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise MechvalError(f"{path} cannot be written ({error.strerror}).") from None
    return path
