"""One input through one network, explained.

``python -m experiments.explain "(x0 | ~x1) & (~x2 | x4)"`` (or DIMACS, as text, as a
file, or ``-`` for standard input;
``random seed=3`` draws a formula), ``python -m experiments.explain study=modular_addition 17 58``.
Exit codes as in ``experiments.exits``; the message on standard error points at the character.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field
from rich.text import Text

from experiments.exits import exit_codes
from experiments.studies import STUDIES, load_explainer
from mechval.config import Config, parse_config
from mechval.errors import MechvalError
from mechval.pipeline import Workspace
from mechval.pipeline.places import require_writable
from mechval.pipeline.run import FinishedRun
from mechval.pipeline.run_name import PROTECTED
from mechval.pipeline.stage import ModelSource
from mechval.reporting.terminal import show


class Request(Config):
    """The ``key=value`` words of the command; ``seed`` goes with ``random`` alone."""

    study: str = Field(
        default="two_sat", pattern="|".join(f"^{study}$" for study in STUDIES),
        description=" or ".join(STUDIES),
    )  # fmt: skip
    model: ModelSource = Field(default=ModelSource(), description="own or published")
    run: str | None = Field(default=None, description="the folder of a finished run")
    seed: int | None = Field(default=None, ge=0, description="an integer of at least 0")


def main(arguments: Sequence[str], root: Path) -> None:
    """Explain what the words ask for."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.explain",
        description="Explain what a network does with one formula, or with one sum.",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help="a formula, a DIMACS file, random (with seed=…), or two numbers; and study=, "
        "run=, model=published, model.path=",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="also draw it on a page")
    options = parser.parse_args(arguments)
    asked = [word for word in options.words if _is_asked(word)]
    request = _read_request([word for word in options.words if not _is_asked(word)])
    if options.html is not None:
        _require_place(options.html)
    drawn = [] if request.seed is None else [f"seed={request.seed}"]
    # By default the committed run of the model.
    run = FinishedRun(Workspace(root), request.study, request.run or PROTECTED[request.model.kind])
    heading = f"{request.study}, run {run.run}: {' '.join([*asked, *drawn])}"
    checkpoint = Path(request.model.path) if request.model.path else None
    explain = load_explainer(request.study)
    explained = explain(run, asked, seed=request.seed, checkpoint=checkpoint)
    show([Text(heading), *explained.parts])
    if options.html is not None:
        # Loading it takes as long as all the rest.
        from mechval.reporting.html.page import build_explained

        build_explained(options.html, heading, explained.parts, explained.drawing())


def _is_asked(word: str) -> bool:
    """Whether a word is what is to be explained: no setting, or the name of a file."""
    try:
        return "=" not in word or Path(word).exists()
    except (OSError, ValueError):
        return False


def _require_place(page: Path) -> None:
    # What stands in the place is replaced, were it a device.
    is_other = page.exists() and not page.is_file()
    if is_other or not page.absolute().parent.is_dir():
        raise MechvalError(
            f"--html {page} is a folder or a device, or its folder does not exist; allowed: a file "
            "in one that does."
        )
    require_writable(page.absolute().parent)


def _read_request(words: Sequence[str]) -> Request:
    values: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name in values:
            raise MechvalError(f"{word} is the second {name}=; allowed: one.")
        values[name] = value
    model = {"kind": values.pop("model", "own"), "path": values.pop("model.path", None)}
    return parse_config(Request, {**values, "model": model})


def run(arguments: Sequence[str], root: Path) -> int:
    """Explain, or tell on standard error what is wrong; the exit code."""
    try:
        with exit_codes():
            main(arguments, root)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], Path.cwd()))
