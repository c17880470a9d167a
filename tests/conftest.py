"""What all tests share: quiet progress, reproducible properties, files that may be absent."""

import os
from collections.abc import Callable
from importlib import import_module
from itertools import accumulate, cycle
from pathlib import Path
from types import SimpleNamespace

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings

from mechval.progress import QUIET_VARIABLE
from tests.annotations import check_once

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED_CHECKPOINT = "palumbo2025-2sat-epoch900.pth"
REQUIRE_VARIABLE = "MECHVAL_REQUIRE"
CHECKPOINTS_VARIABLE = "MECHVAL_CHECKPOINTS"

Require = Callable[[Path], Path]

os.environ.setdefault(QUIET_VARIABLE, "1")
# What its import hook writes before every function of mechval.
jaxtyping.jaxtyped = check_once
# The machine may be busy: how long an example takes, or is drawn for, says nothing.
settings.register_profile(
    "mechval",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("mechval")


# The hook that checks annotations compiles anew whatever its modules are the first to import.
LIBRARIES = ("lightning", "scipy.stats", "sklearn.tree", "numba", "matplotlib.figure", "rich.table")
LIBRARIES += ("markdown_it", "lark", "jinja2", "itables")
# Which group tests are in that use a fixture which takes long and serves several files.
SHARED = {
    "paper_size_run": "run of the paper's size",
    "tiny_run": "tiny run",
    "session": "smoke run",
    "story": "smoke run",
}


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Where tests are collected, and nowhere else, import large libraries before ``mechval``."""
    if isinstance(collector, pytest.Session):
        for name in LIBRARIES:
            import_module(name)


# First, because the workers read the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker gets all tests of a file, and all that share a run."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        shared = (group for fixture, group in SHARED.items() if fixture in names)
        item.add_marker(pytest.mark.xdist_group(next(shared, str(item.path))))


@pytest.fixture
def step_seconds(monkeypatch: pytest.MonkeyPatch) -> float:
    """What the fastest timed training step takes, by a clock of the test's own.

    Each step reads the clock twice. Three steps take 8, 0.25 and 2 seconds, with one between
    any two; then the same again.
    """
    readings = accumulate(cycle((1.0, 8.0, 1.0, 0.25, 1.0, 2.0)))
    clock = SimpleNamespace(perf_counter=lambda: next(readings))
    monkeypatch.setattr("mechval.training.resumable_fit.time", clock)
    return 0.25


@pytest.fixture(scope="session")
def require() -> Require:
    """Give a path back if it is there; else skip, or fail under ``MECHVAL_REQUIRE=1``."""

    def check(path: Path) -> Path:
        if not path.exists():
            reason = f"{path} is missing; this test runs once it is there"
            if os.environ.get(REQUIRE_VARIABLE) == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return check


@pytest.fixture(scope="session")
def published_checkpoint(require: Require) -> Path:
    """The authors' checkpoint, beside the repository or in ``MECHVAL_CHECKPOINTS``."""
    beside = ROOT.parent / "shared" / "checkpoints"
    return require(Path(os.environ.get(CHECKPOINTS_VARIABLE, beside)) / PUBLISHED_CHECKPOINT)
