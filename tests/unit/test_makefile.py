"""What ``make`` says of itself."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("words", [(), ("help",)])
def test_make_lists_every_target_and_does_nothing(words: tuple[str, ...]) -> None:
    command = ["make", "--no-print-directory", *words]
    # A make that runs these tests hands its own options down.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    answer = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True)
    (targets,) = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    listed = [re.fullmatch(r"make (\w+) +(\S.*)", line) for line in answer.stdout.splitlines()]
    assert [line[1] for line in listed if line] == targets.split()
    assert all(listed)


def test_a_worker_keeps_its_groups_together(request: pytest.FixtureRequest) -> None:
    """Else each worker makes every shared run anew; pytest-xdist 3.8 fails to group from 9.2 on."""
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith(f"@{Path(__file__)}")
