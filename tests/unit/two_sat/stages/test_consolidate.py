"""Stage consolidate: later stages read its weights, it verifies, and it is off unless asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mechval.pipeline import RunOptions, Workspace, run_stages, verify_stages
from mechval.transformer import save_weights
from mechval.transformer.weights import named_weights
from mechval.two_sat.configs import ModelSource, TwoSatSettings
from mechval.two_sat.network.training import load_network
from mechval.two_sat.stages import consolidate
from mechval.two_sat.study import STUDY
from tests.networks import SMALL_ARCHITECTURE, SMALL_PROBLEM, random_network
from tests.unit.two_sat.consolidate.test_training import CONFIG
from tests.unit.two_sat.stages.test_stages import settings

RUN = RunOptions("tiny", 0)
STAGES = [
    "data",
    "nulls",
    "train",
    "consolidate",
    "circuit",
    "improve",
    "axioms",
    "partial",
    "progress",
]
REST = ["certify", "report"]


def consolidated(directory: Path, **changes: Any) -> TwoSatSettings:
    path = directory / "start.safetensors"
    save_weights(random_network(SMALL_PROBLEM, seed=1), path)
    source = ModelSource(kind="weights", path=str(path))
    return settings(source, consolidate=CONFIG.model_copy(update=changes))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    made = consolidated(workspace.root)
    run_stages(STUDY, made, [*STAGES, *REST], workspace, RUN)
    return workspace


def weights(workspace: Workspace, stage: str) -> Path:
    places = workspace.stage("two_sat", "tiny", stage)
    return next(
        folder / "weights.safetensors"
        for folder in (places.directory, places.bulk)
        if (folder / "weights.safetensors").exists()
    )


def test_it_starts_from_the_given_weights_and_leaves_others(workspace: Workspace) -> None:
    start, end = (
        named_weights(load_network(SMALL_PROBLEM, SMALL_ARCHITECTURE, weights(workspace, stage)))
        for stage in ("train", "consolidate")
    )
    assert start["unembed.W_U"].equal(
        named_weights(random_network(SMALL_PROBLEM, seed=1))["unembed.W_U"]
    )
    assert not start["unembed.W_U"].equal(end["unembed.W_U"])


def test_later_stages_read_its_weights_and_not_those_of_train(workspace: Workspace) -> None:
    for stage in ("circuit", "improve", "axioms", "certify"):
        manifest = workspace.stage("two_sat", "tiny", stage).manifest
        inputs = json.loads(manifest.read_text(encoding="utf-8"))["inputs"]
        assert "consolidate/tracked/weights.safetensors" in inputs
        assert not any(name.startswith("train/") for name in inputs)


def test_a_finished_consolidation_verifies(workspace: Workspace) -> None:
    made = consolidated(workspace.root)
    report = verify_stages(STUDY, made, ["consolidate", "circuit"], workspace, RUN)
    assert report.failures == ()


def test_its_tables_can_be_read_and_its_phases_are_kept(workspace: Workspace) -> None:
    places = workspace.stage("two_sat", "tiny", "consolidate")
    curve = consolidate.CURVE.read(places.directory)
    assert {row.phase for row in curve} == {"sharpen", "mechanism", "average"}
    assert len(consolidate.ROLES.read(places.directory)) >= SMALL_PROBLEM.n_assignments
    found = consolidate.OUTCOME.read(places.directory)
    assert 0 <= found.accuracy.accuracy <= 1
    assert {path.stem for path in (places.bulk / "phases").iterdir()} == {
        *("sharpen", "mechanism", "average")
    }


def test_from_scratch_nothing_is_imported_and_no_recipe_matters(tmp_path: Path) -> None:
    made = consolidated(tmp_path, start="scratch")
    train = next(stage for stage in STUDY.stages(made) if stage.name == "train")
    assert set(train.config_slice(made)) == {"problem", "architecture"}
    workspace = Workspace(tmp_path)
    run_stages(STUDY, made, ["data", "train", "consolidate"], workspace, RUN)
    model = load_network(SMALL_PROBLEM, SMALL_ARCHITECTURE, weights(workspace, "consolidate"))
    assert torch.count_nonzero(model.block(1).mlp.b_in[SMALL_PROBLEM.n_assignments :]) == 0


def test_it_is_off_unless_asked_for() -> None:
    assert "consolidate" not in [stage.name for stage in STUDY.stages(settings())]


def test_only_its_own_setting_concerns_it(tmp_path: Path) -> None:
    before, after = (
        {stage.name: stage.config_slice(made) for stage in STUDY.stages(made)}
        for made in (consolidated(tmp_path), consolidated(tmp_path, averaging=2.0))
    )
    assert {name for name in before if before[name] != after[name]} == {"consolidate"}
