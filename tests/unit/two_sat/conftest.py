"""One finished run at the paper's problem size, with a tiny network, for all tests that read it."""

import pytest

from mechval.pipeline import Workspace, run_stages
from mechval.two_sat.circuit import CircuitConfig
from mechval.two_sat.published_values import PAPER_PROBLEM
from mechval.two_sat.settings import TwoSatSettings
from mechval.two_sat.study import STUDY
from tests.unit.two_sat.test_stages import RUN, settings


@pytest.fixture(scope="session")
def paper_size_settings() -> TwoSatSettings:
    return settings(problem=PAPER_PROBLEM, circuit=CircuitConfig())


@pytest.fixture(scope="session")
def paper_size_run(
    tmp_path_factory: pytest.TempPathFactory, paper_size_settings: TwoSatSettings
) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("paper-size"))
    run_stages(STUDY, paper_size_settings, ["all"], workspace, RUN)
    return workspace
