"""A workspace in a temporary directory, and the toy study run in it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mechval.pipeline import RunOptions, Workspace, run_stages
from tests.unit.pipeline.toy_study import ToySettings, ToyStudy

RunToy = Callable[..., None]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def run_toy(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> RunToy:
    """Run wanted stages of the toy; the log then holds this call's lines only."""
    caplog.set_level("INFO", logger="mechval.pipeline")

    def run(
        *wanted: str,
        study: ToyStudy | None = None,
        settings: ToySettings | None = None,
        observer: Any = None,
        seed: int = 0,
        force: tuple[str, ...] = (),
        yes: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        caplog.clear()
        options = RunOptions(
            "toy",
            seed,
            force=force,
            yes=yes,
            config=config,
            overrides=("preset=smoke", "run=toy"),
        )
        run_stages(
            study or ToyStudy(),
            settings or ToySettings(),
            wanted or ("all",),
            workspace,
            options,
            observer,
        )

    return run
