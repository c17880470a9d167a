"""HTML pages of results: ``python -m experiments.pages`` builds that of every run, and the index.

``python -m experiments.run +stage=report`` builds the page of its own run, and the index.
"""

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from experiments.settings import Request
from experiments.studies import STUDIES
from mechval.errors import MechvalError
from mechval.pipeline import FinishedRun, Workspace
from mechval.progress import track
from mechval.reporting.page import PageContent, RunFolder, build_index, build_page
from mechval.reporting.page.build import find_runs

_logger = logging.getLogger(__name__)


def build_requested(request: Request) -> None:
    """Build the page of a request's run from whatever there is, and the index.

    Raises:
        MechvalError: if a page cannot be written.
    """
    if request.study.name not in STUDIES:
        return
    root, run = request.workspace.root, request.run_options.run
    folder = RunFolder(request.workspace.run_directory(request.study.name, run))
    words = " ".join(request.run_options.overrides)
    page = build_page(_content(folder.study), folder, words, _deviations(root))
    _index(root, {folder.directory: words})
    _logger.info("page: %s", request.workspace.display(page))


def build_all(root: Path) -> list[Path]:
    """Build the pages of all runs below ``root``, and the index.

    Raises:
        MechvalError: if a page cannot be written.
    """
    folders = [folder for study in STUDIES for folder in find_runs(root / "results" / study)]
    pages = [
        build_page(_content(folder.study), folder, run_words(folder), _deviations(root))
        for folder in track(folders, "pages")
    ]
    return [*pages, _index(root, {})]


def run_words(folder: RunFolder) -> str:
    """The words of the command line that made a run, as its ``config.json`` says."""
    root = folder.directory.parents[2]
    return FinishedRun(Workspace(root), folder.study, folder.run).command


def _index(root: Path, known: Mapping[Path, str]) -> Path:
    results = root / "results"
    folders = [folder for study in STUDIES for folder in find_runs(results / study)]
    commands = {folder.directory: run_words(folder) for folder in folders}
    return build_index(results, {name: _content(name) for name in STUDIES}, commands | dict(known))


def _content(study: str) -> PageContent:
    return import_module(f"mechval.{study}.report.page").PAGE


def _deviations(root: Path) -> Path:
    return root / "docs" / "DEVIATIONS.md"


if __name__ == "__main__":
    try:
        for built in build_all(Path.cwd()):
            sys.stdout.write(f"{built.relative_to(Path.cwd())}\n")
    except MechvalError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
