"""HTML pages of results: ``python -m experiments.pages`` builds that of every run, and the index.

``python -m experiments.run +stage=report`` builds the page of its own run, and the index.
"""

import argparse
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
from mechval.pipeline import FinishedRun, Workspace
from mechval.pipeline.run import run_names
from mechval.pipeline.run_name import PROTECTED
from mechval.pipeline.study import Study
from mechval.progress import track
from mechval.reporting.html.index import build_index
from mechval.reporting.html.page import PageContent, PageRun, build_page, told_damage

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

    A run that is damaged has a notice, on its page or on the index. Raises MechvalError if a page
    cannot be written.
    """
    pages = [import_module(f"mechval.{study}.report.page").PAGE for study in STUDIES]
    damaged: dict[PageContent, list[str]] = {page: [] for page in pages}
    runs = {page: list(page_runs(workspace, page, damaged[page])) for page in pages}
    found = [run for group in runs.values() for run in group]
    wanted = [run for run in found if only in (None, (run.run.study, run.run.run))]
    built = [build_page(run) for run in track(wanted, "pages")]
    deviations = workspace.root / "docs" / "DEVIATIONS.md"
    return [*built, build_index(workspace.root / "results", runs, deviations, damaged)]


def page_runs(workspace: Workspace, content: PageContent, damaged: list[str]) -> Iterator[PageRun]:
    """The runs of a study that have finished a stage: the committed ones first, then by name.

    What is wrong with others is added to ``damaged``.
    """
    study = content.study
    loaded, committed = load_study(study), tuple(PROTECTED.values())
    names = run_names(workspace, study)
    for name in sorted(names, key=lambda name: (*committed, name).index(name)):
        try:
            page = _page_run(FinishedRun(workspace, study, name), content, loaded)
            is_begun = any(state.manifest for state in page.states.values())
        except Exception as error:
            # Whatever a damaged run makes go wrong is of that run.
            damaged.append(told_damage(name, error))
            _logger.warning("%s", damaged[-1])
            continue
        if is_begun:
            yield page


def _page_run(run: FinishedRun, content: PageContent, study: Study) -> PageRun:
    values = dict(run.config.get("settings", {}))
    if (kind := run.config.get("model", "own")) != "own":
        # Where the checkpoint lies is not recorded.
        values["model"] = {"kind": kind, "path": "<file>"}
    settings = parse_config(study.settings, values)
    return PageRun(content, run, settings, tuple(stage.name for stage in study.stages(settings)))


if __name__ == "__main__":
    with exit_codes():
        argparse.ArgumentParser("python -m experiments.pages", description=__doc__).parse_args()
        for built in build_pages(Workspace(working_folder())):
            sys.stdout.write(f"{built.relative_to(Path.cwd())}\n")
