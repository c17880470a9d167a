"""One finished run at the paper's problem size, for all tests that read what a run writes."""

from pathlib import Path

import pytest
import torch

from mechval.pipeline import Workspace, run_stages
from mechval.two_sat.configs import ModelSource, TwoSatSettings
from mechval.two_sat.network.training import make_network
from mechval.two_sat.report.paper_values import PAPER_PROBLEM
from mechval.two_sat.study import STUDY
from tests.networks import SMALL_ARCHITECTURE
from tests.settings import TWO_SAT, changed
from tests.unit.transformer.test_foreign_checkpoint import Weights, foreign_weights
from tests.unit.two_sat.stages.test_stages import RUN, settings

_LOUD = 8
"""Makes random activations and effects large enough for the paper's constants to find neurons."""


@pytest.fixture(scope="session")
def paper_size_settings(tmp_path_factory: pytest.TempPathFactory) -> TwoSatSettings:
    path = tmp_path_factory.mktemp("checkpoint") / "published.pth"
    torch.save({"model": _loud_weights()}, path)
    source = ModelSource(kind="published", path=str(path))
    return settings(
        source,
        problem=PAPER_PROBLEM,
        circuit=TWO_SAT.circuit,
        certify=changed(
            TWO_SAT.certify,
            parsing=changed(TWO_SAT.certify.parsing, max_branches=0),
            enumerate=False,
            drift_formulas=2,
        ),
    )


@pytest.fixture(scope="session")
def paper_size_run(
    tmp_path_factory: pytest.TempPathFactory, paper_size_settings: TwoSatSettings
) -> Workspace:
    root: Path = tmp_path_factory.mktemp("paper-size")
    # The report links to it.
    (root / "docs").mkdir()
    (root / "docs" / "DEVIATIONS.md").touch()
    workspace = Workspace(root)
    run_stages(STUDY, paper_size_settings, ["all"], workspace, RUN)
    return workspace


def _loud_weights() -> Weights:
    weights, generator = foreign_weights(), torch.Generator().manual_seed(0)
    model = make_network(PAPER_PROBLEM, SMALL_ARCHITECTURE)
    for name, tensor in (
        ("embed.W_E", model.W_E.T),
        ("pos_embed.W_pos", model.W_pos),
        ("unembed.W_U", model.W_U),
    ):
        weights[name] = torch.randn(tensor.shape, generator=generator) / 4
    for name in ("unembed.W_U", "blocks.1.mlp.W_in"):
        weights[name] *= _LOUD
    return weights
