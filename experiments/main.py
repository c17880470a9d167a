"""The command ``mechval`` of an installed wheel: ``mechval run +stage=all`` is
``python -m experiments.run +stage=all``, and likewise the others."""

import runpy
import sys
from pathlib import Path
from typing import NoReturn

from experiments.exits import WRONG_INPUT

COMMANDS = {
    "run": "stages of the pipeline: mechval run --help",
    "explain": "one formula or sum through one network: mechval explain --help",
    "pages": "the HTML pages of all runs here",
    "validate": "a claim of your own: mechval validate package.module:function",
}


def main() -> None:
    """The entry point."""
    name, words = (sys.argv[1:2] or ["--help"])[0], sys.argv[2:]
    if name in COMMANDS:
        sys.argv = [f"mechval {name}", *words]
        # A question of one's own lies where the command is given.
        sys.path.insert(0, str(Path.cwd()))
        try:
            runpy.run_module(f"experiments.{name}", run_name="__main__", alter_sys=True)
        except ModuleNotFoundError as error:
            _leave(f"{error.name} is not installed; needed: pip install 'mechval[studies]'")
        return
    told = "\n".join(f"  {command:10}{what}" for command, what in COMMANDS.items())
    if name in ("--help", "-h"):
        sys.stdout.write(f"mechval <command> …\n{told}\n")
    else:
        _leave(f"{name} is not allowed; allowed: {', '.join(COMMANDS)}")


def _leave(sentence: str) -> NoReturn:
    sys.stderr.write(f"{sentence}.\n")
    sys.exit(WRONG_INPUT)


if __name__ == "__main__":
    main()
