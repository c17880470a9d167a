"""One finished run of 2-SAT on a tiny problem, for all tests that read what stages write."""

from pathlib import Path
from typing import Any

import pytest

from mechval.pipeline import RunOptions, Workspace, run_stages
from mechval.two_sat.study import STUDY
from tests.unit.two_sat.stages.test_stages import RUN, settings

_BLANK = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>\n'


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Tests copy it before they change it.

    Its figures are drawn but not rendered, which takes long; those of the paper's size are.
    """

    def blank(figure: Any, directory: Path, name: str) -> None:
        (directory / f"{name}.svg").write_text(_BLANK, encoding="utf-8")

    values = settings().model_dump(mode="json")
    words = ["preset=tiny", "seed=0"]
    config = {"study": "two_sat", "model": "own", "seed": 0, "settings": values, "words": words}
    workspace = Workspace(tmp_path_factory.mktemp("tiny-run"))
    options = RunOptions(RUN.run, RUN.seed, config=config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mechval.reporting.report.save_figure", blank)
        run_stages(STUDY, settings(), ["all"], workspace, options)
    return workspace
