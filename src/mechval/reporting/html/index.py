"""The index over all runs, a single file beside the studies."""

from collections.abc import Callable, Mapping, Sequence
from os.path import relpath
from pathlib import Path

from mechval.axioms import Cell
from mechval.errors import MechvalError
from mechval.reporting.html import answers, charts, page, render
from mechval.reporting.shown import CellText, show, significant


def build_index(results: Path, runs: Mapping[page.PageContent, Sequence[page.PageRun]]) -> Path:
    """Write ``index.html`` into ``results``: all runs found, compared, by study that has pages.

    Raises MechvalError if it cannot be written.
    """
    found = [run for group in runs.values() for run in group]
    text = page.render_template(
        "index.html.j2",
        sections=[_study(content, group, results) for content, group in runs.items()],
        commands={
            relpath(run.run.directory, results): page.stage_command("all", run.run.command)
            for run in found
        },
    )
    return page.write(results / "index.html", text)


def _study(
    content: page.PageContent, runs: Sequence[page.PageRun], results: Path
) -> render.Rendered:
    place, title = f"study-{content.study}", content.title
    if not runs:
        command = page.stage_command("all", f"study={content.study}")
        return render.Rendered(place, title, render.notice(f"No results yet. Run: {command}"))
    shown = show(
        runs,
        ("run", lambda run: _link(run, results)),
        ("confirmed?", lambda run: page.four_questions(run)["confirmed"][1].verdict),
        ("weakest cell", lambda run: _weakest(run, answers.name_of)),
        ("ε", lambda run: _weakest(run, _shaded)),
        ("evidence", lambda run: _weakest(run, answers.counted)),
        ("stages", _state),
    )
    html = render.table(shown, f"table-{content.study}")
    if groups := {run.run.run: cells for run in runs if (cells := _cells(run))}:
        caption = "ε of each run's main interpretation, the run chosen in the menu"
        chart = charts.cells_chart(content.study, caption, groups)
        html += render.macros().chart(chart.html(f"chart-{content.study}"), chart.caption)
    return render.Rendered(place, title, html)


def _cells(run: page.PageRun) -> Sequence[Cell]:
    """The cells of the claimed interpretation; none if they cannot be had."""
    try:
        return run.judged.cells
    except MechvalError:
        return ()


def _weakest(run: page.PageRun, told: Callable[[Cell], str | CellText]) -> str | CellText:
    cells = _cells(run)
    return told(max(cells, key=lambda cell: cell.epsilon_simultaneous)) if cells else ""


def _shaded(cell: Cell) -> CellText:
    epsilon = cell.epsilon_simultaneous
    return CellText(significant(epsilon), epsilon, charts.shade(epsilon))


def _link(run: page.PageRun, results: Path) -> CellText:
    path = run.run.directory / page.PAGE
    return CellText(run.run.run, link=relpath(path, results) if path.is_file() else "")


def _state(run: page.PageRun) -> str:
    faults = [name for name, state in run.states.items() if state.fault]
    return f"missing or altered: {', '.join(faults)}" if faults else "whole"
