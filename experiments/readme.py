"""Rewrite what the repository says of its results: README.md, docs/RESULTS.md, docs/*.html;
and in docs/RUNNING.md of its stages.

``python -m experiments.readme`` rewrites what stands between the markers of the Markdown files, the
pages, and the pictures in docs/; with ``--check`` it writes nothing and exits with 1 if that would
change a file, pictures aside.
"""

import argparse
import re
import sys
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from experiments.exits import exit_codes
from experiments.folders import working_folder
from experiments.pages import page_runs
from experiments.studies import load_study
from mechval.files import write_whole
from mechval.instruments import result_blocks as instruments
from mechval.modular_addition.report import result_blocks as modular_addition
from mechval.pipeline import Workspace
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.filled_blocks import fill
from mechval.reporting.html.page import front_page
from mechval.reporting.report import RunFiles
from mechval.reporting.shown import markdown_of, show
from mechval.two_sat.report import result_blocks as two_sat
from mechval.two_sat.report.page import PAGE

FILES = ("README.md", "docs/RESULTS.md", "docs/INSTRUMENTS.md", "docs/RUNNING.md")
PAGES = {"index.html": "reference", "proved.html": "proved"}
"""In docs/: of which run of 2-SAT each page is."""
STUDIES = {"two_sat": two_sat.BLOCKS, "modular_addition": modular_addition.BLOCKS}


def committed_runs(root: Path, study: str) -> dict[str, RunFiles]:
    """The runs of a study that have an axiom table."""
    folders = sorted((root / "results" / study).iterdir())
    return {path.name: RunFiles.of(path) for path in folders if (path / "axioms").is_dir()}


def rewritten(root: Path) -> dict[Path, str]:
    """These files as they should be, by path; raises MechvalError if a table is missing."""
    blocks = {}
    for study, makers in STUDIES.items():
        runs = committed_runs(root, study)
        blocks.update({name: partial(make, runs) for name, make in makers.items()})
    folder = root / "results" / "instruments"
    blocks.update({name: partial(make, folder) for name, make in instruments.BLOCKS.items()})
    blocks["stages"] = stages
    paths = [root / name for name in FILES]
    return {path: fill(path.read_text(encoding="utf-8"), blocks) for path in paths}


def stages() -> str:
    """What each stage of 2-SAT is for."""
    purposes = load_study("two_sat").purposes
    columns = (("stage", lambda name: f"`{name}`"), ("makes", purposes.__getitem__))
    return markdown_of(show(purposes, *columns))


def pages(root: Path) -> Iterator[tuple[Path, str]]:
    """The pages in docs/ as they should be; those of runs that are not there are left out."""
    runs = {run.run.run: run for run in page_runs(Workspace(root), PAGE, [])}
    for page, name in PAGES.items():
        others = {other: run for other, run in PAGES.items() if other != page}
        if name in runs:
            yield root / "docs" / page, front_page(runs[name], "../", others)


_PICTURE = re.compile(r"data:image/svg\+xml,[^\"]*")
_PACKED = re.compile(r'": "([A-Za-z0-9+/]{8,}=*)"')


def is_same(text: str, other: str) -> bool:
    """Whether two texts are equal, tables in them (float32 in base64) up to rounding; their
    pictures are left out."""
    if _said(text) != _said(other):
        return False
    tables = zip(*(map(b64decode, _PACKED.findall(each)) for each in (text, other)), strict=True)
    return all(
        len(mine) == len(theirs)
        and np.allclose(np.frombuffer(mine, "<f4"), np.frombuffer(theirs, "<f4"), 1e-4, 1e-4)
        for mine, theirs in tables
    )


def _said(text: str) -> str:
    return _PICTURE.sub("", _PACKED.sub(":", text))


def draw(root: Path) -> None:
    """Draw the pictures of docs/; raises MechvalError if a table is missing."""
    with figure_style():
        for name, make in two_sat.PICTURES.items():
            save_figure(make(committed_runs(root, "two_sat")), root / "docs", name)


def main(*, check: bool, root: Path) -> int:
    """Rewrite the files, or say which of them differ; the exit code."""
    wanted = {**rewritten(root), **dict(pages(root))}
    changed = {
        path: text
        for path, text in wanted.items()
        if not path.is_file() or not is_same(path.read_text(encoding="utf-8"), text)
    }
    for path, text in changed.items():
        if not check:
            write_whole(path, text.encode())
        told = "differs from the tables" if check else "rewritten"
        sys.stderr.write(f"{path.relative_to(root)}: {told}\n")
    if not check:
        draw(root)
    return int(check and bool(changed))


if __name__ == "__main__":
    with exit_codes():
        parser = argparse.ArgumentParser("python -m experiments.readme")
        parser.add_argument(
            "--check", action="store_true", help="write nothing; 1 if a file differs"
        )
        sys.exit(main(check=parser.parse_args().check, root=working_folder()))
