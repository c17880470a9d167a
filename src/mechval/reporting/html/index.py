"""The index over all runs, a single file beside the studies."""

from collections.abc import Callable, Mapping, Sequence
from os.path import relpath
from pathlib import Path
from types import MappingProxyType

from mechval.axioms import Cell
from mechval.errors import MechvalError
from mechval.reporting.html import answers, page, render
from mechval.reporting.report import Chart
from mechval.reporting.shown import CellText, counted, show, significant


def build_index(
    results: Path,
    runs: Mapping[page.PageContent, Sequence[page.PageRun]],
    deviations: Path,
    damaged: Mapping[page.PageContent, Sequence[str]] = MappingProxyType({}),
) -> Path:
    """Write ``index.html`` into ``results``: all runs found, compared, by study that has pages.

    ``damaged``: a sentence for each run that is not among them. Beside it goes the list of
    deviations, which says so if the Markdown is missing. Raises MechvalError if one cannot be
    written.
    """
    listed = page.render_template("deviations.html.j2", item=render.deviations(deviations))
    page.write(results / render.DEVIATIONS, listed)
    found = [run for group in runs.values() for run in group]
    text = page.render_template(
        "index.html.j2",
        deviations=render.DEVIATIONS,
        sections=[
            _study(content, group, results, damaged.get(content, ()))
            for content, group in runs.items()
        ],
        commands={relpath(run.run.directory, results): run.command("all") for run in found},
    )
    return page.write(results / "index.html", text)


def _study(
    content: page.PageContent, runs: Sequence[page.PageRun], results: Path, damaged: Sequence[str]
) -> render.Rendered:
    notices, whole = list(damaged), []
    for run in runs:
        try:
            _compared(content, [run], results)
            whole.append(run)
        except Exception as error:
            # Whatever a damaged run makes go wrong is of that run.
            notices.append(page.told_damage(run.run.run, error))
    if whole:
        html = _compared(content, whole, results)
    else:
        command = f"python -m experiments.run +stage=all study={content.study}"
        html = render.notice(f"No results yet. Run: {command}")
    html += "".join(map(render.notice, notices))
    return render.Rendered(f"study-{content.study}", content.title, html)


def _compared(content: page.PageContent, runs: Sequence[page.PageRun], results: Path) -> str:
    """The table of runs side by side, and the chart of their cells."""
    shown = show(
        runs,
        ("run", lambda run: _link(run, results)),
        ("accuracy", lambda run: run.accuracy),
        ("confirmed?", lambda run: run.questions["confirmed"][1].verdict),
        ("cells that hold", _held),
        ("weakest cell", lambda run: _weakest(run, answers.name_of)),
        ("its simultaneous ε", lambda run: _weakest(run, _shaded)),
        ("evidence", lambda run: _weakest(run, answers.counted)),
        ("stages", _state),
    )
    html = render.table(shown, f"table-{content.study}")
    if groups := {run.name: cells for run in runs if (cells := _cells(run))}:
        caption = "ε of each run's main interpretation, the run chosen in the menu"
        html += render.chart(Chart(content.study, caption, groups))
    return html


def _cells(run: page.PageRun) -> Sequence[Cell]:
    """The cells of the claimed interpretation; none if they cannot be had."""
    try:
        return run.judged.cells
    except MechvalError:
        return ()


def _weakest(run: page.PageRun, told: Callable[[Cell], str | CellText]) -> str | CellText:
    cells = [cell for cell in _cells(run) if cell.is_distinct and run.content.asked(cell)]
    return told(max(cells, key=lambda cell: cell.epsilon_simultaneous)) if cells else ""


def _held(run: page.PageRun) -> str | CellText:
    cells = [cell for cell in _cells(run) if cell.is_distinct]
    held = sum(run.judged.holds(cell) for cell in cells)
    return counted(held, len(cells)) if cells else ""


def _shaded(cell: Cell) -> CellText:
    epsilon = cell.epsilon_simultaneous
    return CellText(significant(epsilon), epsilon, render.shade(epsilon))


def _link(run: page.PageRun, results: Path) -> CellText:
    path = run.run.directory / page.PAGE
    return CellText(run.name, link=relpath(path, results) if path.is_file() else "")


def _state(run: page.PageRun) -> str:
    told = {"missing or altered": run.files.faults, "not made": run.not_made}
    return (
        "; ".join(f"{how}: {', '.join(names)}" for how, names in told.items() if names) or "whole"
    )
