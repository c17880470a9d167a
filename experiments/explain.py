"""One input through one network, explained.

``python -m experiments.explain "(x0 | ~x1) & (~x2 | x4)"`` (or DIMACS, as text or as a file;
``random seed=3`` draws a formula), ``python -m experiments.explain study=modular_addition 17 58``.
Exit codes: 0 done, 2 wrong input (the message on standard error points at the character).
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field
from rich.console import RenderableType
from rich.text import Text

from experiments.studies import STUDIES
from mechval.config import Config, parse_config
from mechval.errors import MechvalError
from mechval.pipeline import Workspace
from mechval.pipeline.run import FinishedRun
from mechval.pipeline.run_name import PROTECTED
from mechval.pipeline.stage import ModelSource
from mechval.reporting.terminal import show

RANDOM = "random"


class Request(Config):
    """The ``key=value`` words of the command; ``seed`` goes with ``random`` alone."""

    study: str = Field(
        default="two_sat", pattern="|".join(f"^{study}$" for study in STUDIES),
        description=" or ".join(STUDIES),
    )  # fmt: skip
    model: ModelSource = Field(default=ModelSource(), description="own or published")
    run: str | None = Field(default=None, description="the folder of a finished run")
    seed: int | None = Field(default=None, ge=0, description="an integer of at least 0")

    @property
    def run_name(self) -> str:
        """The run asked for: by default the committed one of the model."""
        return self.run or PROTECTED[self.model.kind]

    def open_run(self, root: Path) -> FinishedRun:
        """The run's files; raises MechvalError if there is no such run."""
        return FinishedRun(Workspace(root), self.study, self.run_name)

    @property
    def checkpoint(self) -> Path | None:
        """Where the published checkpoint lies, if that is told."""
        return Path(self.model.path) if self.model.path else None


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
        help=f"a formula, a DIMACS file, {RANDOM} (with seed=…), or two numbers; and study=, "
        "run=, model=published, model.path=",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page as well")
    options = parser.parse_args(arguments)
    asked = [word for word in options.words if "=" not in word]
    request = _read_request([word for word in options.words if "=" in word])
    explain = explain_formula if request.study == "two_sat" else explain_sum
    if options.html is not None and not options.html.absolute().parent.is_dir():
        raise MechvalError(
            f"--html {options.html}: its folder does not exist; allowed: one that does."
        )
    drawn = [] if request.seed is None else [f"seed={request.seed}"]
    heading = f"{request.study}, run {request.run_name}: {' '.join([*asked, *drawn])}"
    parts = [Text(heading), *explain(request, asked, root)]
    show(parts, title=heading, page=options.html)


def explain_formula(request: Request, asked: list[str], root: Path) -> Iterable[RenderableType]:
    """The parts of the explanation of a formula."""
    from mechval.two_sat.formulas.text import random_formula, read_formula
    from mechval.two_sat.single.explain import explain_formula
    from mechval.two_sat.single.explain_view import explanation_parts
    from mechval.two_sat.single.subject import load_explained

    if len(asked) != 1:
        raise MechvalError(
            f"{len(asked)} formulas {asked} are not allowed; allowed: one, in quotes."
        )
    if (asked[0] == RANDOM) != (request.seed is not None):
        raise MechvalError(f"seed={request.seed} with {asked[0]!r} is not allowed; allowed: seed=… "
                           f"with {RANDOM} and with nothing else.")  # fmt: skip
    explained = load_explained(request.open_run(root), request.checkpoint)
    if request.seed is not None:
        written = random_formula(explained.problem, request.seed)
    else:
        written = read_formula(explained.problem, _text(asked[0]))
    return explanation_parts(explain_formula(explained, written))


def explain_sum(request: Request, asked: list[str], root: Path) -> Iterable[RenderableType]:
    """The parts of the explanation of a sum."""
    from mechval.modular_addition.single.explain import explain_sum, load_explained
    from mechval.modular_addition.single.explain_view import explanation_parts

    if len(asked) != 2 or not all(word.lstrip("-").isdecimal() for word in asked):
        raise MechvalError(f"{' '.join(asked)!r} is not allowed; allowed: two integers, a and b.")
    explained = load_explained(request.open_run(root), request.checkpoint)
    return explanation_parts(explain_sum(explained, int(asked[0]), int(asked[1])))


def _read_request(words: Sequence[str]) -> Request:
    values: dict[str, Any] = dict(word.split("=", 1) for word in words)
    model = {"kind": values.pop("model", "own"), "path": values.pop("model.path", None)}
    return parse_config(Request, {**values, "model": model})


def _text(word: str) -> str:
    """A formula, or what a file of that name holds."""
    is_one_word = len(word.split()) == 1 or Path(word).suffix != ""
    if "(" in word or not is_one_word:
        return word
    try:
        return Path(word).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MechvalError(
            f"formula file {word} cannot be read ({type(error).__name__}); allowed: a DIMACS file, "
            "or clauses in parentheses."
        ) from None


def run(arguments: Sequence[str], root: Path) -> int:
    """Explain, or tell on standard error what is wrong; the exit code."""
    try:
        main(arguments, root)
    except MechvalError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], Path.cwd()))
