"""HTML pages of results: ``python -m experiments.pages`` builds that of every run, and the index.

``python -m experiments.run +stage=report`` builds the page of its own run, and the index.
"""

import logging
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from experiments.exits import exit_codes
from experiments.folders import working_folder
from experiments.settings import Request
from experiments.studies import STUDIES, load_study
from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.pipeline import FinishedRun, Workspace
from mechval.pipeline.run import run_names
from mechval.pipeline.run_name import PROTECTED
from mechval.progress import track
from mechval.reporting.html.index import build_index
from mechval.reporting.html.page import PageContent, PageRun, build_page

_logger = logging.getLogger(__name__)


def build_requested(request: Request) -> None:
    """Build the page of a request's run and the index; raises as :func:`build_pages`."""
    study, run = request.study.name, request.run_options.run
    if study in STUDIES:
        *pages, _ = build_pages(request.workspace, only=(study, run))
        for page in pages:
            _logger.info("page: %s", request.workspace.display(page))


def build_pages(workspace: Workspace, only: tuple[str, str] | None = None) -> list[Path]:
    """Build the pages of all runs, or of one run of one study, and the index.

    Raises:
        MechvalError: if a page cannot be written.
    """
    pages = {study: import_module(f"mechval.{study}.report.page").PAGE for study in STUDIES}
    runs = {pages[study]: list(page_runs(workspace, study, pages[study])) for study in STUDIES}
    found = [run for group in runs.values() for run in group]
    wanted = [run for run in found if only in (None, (run.run.study, run.run.run))]
    built = [build_page(run) for run in track(wanted, "pages")]
    deviations = workspace.root / "docs" / "DEVIATIONS.md"
    return [*built, build_index(workspace.root / "results", runs, deviations)]


def page_runs(workspace: Workspace, study: str, content: PageContent) -> Iterator[PageRun]:
    """The runs of a study that have finished a stage: the committed ones first, then by name."""
    loaded, committed = load_study(study), tuple(PROTECTED.values())
    names = run_names(workspace, study)
    for name in sorted(names, key=lambda name: (*committed, name).index(name)):
        run = FinishedRun(workspace, study, name)
        values = dict(run.config.get("settings", {}))
        if (kind := run.config.get("model", "own")) != "own":
            # Where the checkpoint lies is not recorded.
            values["model"] = {"kind": kind, "path": "<file>"}
        try:
            settings = parse_config(loaded.settings, values)
            stages = tuple(stage.name for stage in loaded.stages(settings))
            page = PageRun(content, run, settings, stages)
        except MechvalError as error:
            _logger.warning("no page of %s, its config.json is refused: %s", name, error)
            continue
        if any(state.manifest for state in page.states.values()):
            yield page


if __name__ == "__main__":
    with exit_codes():
        for built in build_pages(Workspace(working_folder())):
            sys.stdout.write(f"{built.relative_to(Path.cwd())}\n")
