"""One small run and what is done with it, for all tests that ask what the commands answered."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.commands import SMALL, Answer, run_command, run_commands

RUN = Path("results") / "two_sat" / "small"


@dataclass(frozen=True)
class Session:
    """A directory and the answers to the commands given in it, in turn."""

    directory: Path
    first: Answer
    again: Answer
    axioms_alone: Answer
    verified: Answer
    after_verification: Answer

    @property
    def run(self) -> Path:
        return self.directory / RUN


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    directory = tmp_path_factory.mktemp("smoke")
    first = run_command(directory, "+stage=all", *SMALL)
    assert first.code == 0, first.stderr
    shutil.copytree(directory / RUN, directory / "before")
    again, alone, verified, after = run_commands(
        directory,
        [
            ("+stage=all", *SMALL),
            ("+stage=axioms", *SMALL),
            ("+stage=all", *SMALL, "verify=true"),
            ("+stage=all", *SMALL),
        ],
    )
    return Session(directory, first, again, alone, verified, after)


def tracked(run: Path) -> dict[str, bytes]:
    """Every tracked file; run.json says when and where, index.html is for reading: neither is."""
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.name not in ("run.json", "index.html")
    }
