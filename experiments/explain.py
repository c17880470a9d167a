"""One input through one network, explained.

``python -m experiments.explain "(x0 | ~x1) & (~x2 | x4)"`` (or DIMACS, as text or as a file;
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
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page as well")
    options = parser.parse_args(arguments)
    asked = [word for word in options.words if "=" not in word]
    request = _read_request([word for word in options.words if "=" in word])
    if options.html is not None and not options.html.absolute().parent.is_dir():
        raise MechvalError(
            f"--html {options.html}: its folder does not exist; allowed: one that does."
        )
    drawn = [] if request.seed is None else [f"seed={request.seed}"]
    # By default the committed run of the model.
    run = FinishedRun(Workspace(root), request.study, request.run or PROTECTED[request.model.kind])
    heading = f"{request.study}, run {run.run}: {' '.join([*asked, *drawn])}"
    checkpoint = Path(request.model.path) if request.model.path else None
    explain = load_explainer(request.study)
    parts = [Text(heading), *explain(run, asked, seed=request.seed, checkpoint=checkpoint)]
    show(parts, title=heading, page=options.html)


def _read_request(words: Sequence[str]) -> Request:
    values: dict[str, Any] = dict(word.split("=", 1) for word in words)
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
