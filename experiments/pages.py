"""HTML pages of results: ``python -m experiments.pages`` builds that of every run, and the index.

``python -m experiments.run +stage=report`` builds the page of its own run, and the index.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from experiments.settings import Request
from experiments.studies import STUDIES
from mechval.errors import MechvalError
from mechval.progress import track
from mechval.reporting.page import PageContent, RunFolder, build_index, build_page
from mechval.reporting.page.build import find_runs

SETTINGS = Path(__file__).resolve().parents[1] / "conf" / "settings"
_GENERATED_NAME = re.compile(r"(?P<preset>[a-z]+)-[0-9a-f]{8}-s\d+")

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
    """Command-line words that make a run, from its name and its stages' manifests."""
    generated = _GENERATED_NAME.fullmatch(folder.run)
    preset = generated["preset"] if generated else "reference"
    words = [] if folder.study == "two_sat" else [f"study={folder.study}"]
    if folder.run == "published":
        words += ["model=published", "model.path=<file>"]
    elif not generated and folder.run != "reference":
        words.append(f"run={folder.run}")
    words += [f"preset={preset}"] if preset != "reference" else []
    manifests = [state.manifest for state in folder.stages.values() if state.manifest]
    words += [f"seed={seed}" for seed in {manifest.seed for manifest in manifests} if seed]
    path = SETTINGS / folder.study / f"{preset}.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    changed = (word for manifest in manifests for word in _changed_words(manifest.config, values))
    return " ".join([*words, *dict.fromkeys(changed)])


def _changed_words(
    config: Mapping[str, Any], preset: Mapping[str, Any], path: str = ""
) -> Iterator[str]:
    for name, value in config.items():
        if name not in preset:
            continue
        if isinstance(value, Mapping) and isinstance(preset[name], Mapping):
            yield from _changed_words(value, preset[name], f"{path}{name}.")
        elif not isinstance(preset[name], Mapping) and not _equal(value, preset[name]):
            yield f"{path}{name}={value}".replace(" ", "")


def _equal(value: Any, preset: Any) -> bool:
    # YAML 1.1 reads 1e-3 as text.
    return float(preset) == value if isinstance(value, float) else preset == value


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
