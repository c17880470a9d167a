"""Stages ``data`` and ``train``, run by the pipeline: own training, import, verification."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mechval.errors import MechvalError
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network.dataset import draw_split, load_split
from mechval.modular_addition.network.model import load_network
from mechval.modular_addition.study import STUDY
from mechval.pipeline import RunOptions, Workspace, run_stages, verify_stages
from mechval.pipeline.stage import ModelSource
from mechval.transformer import named_weights
from tests.settings import MODULAR_ADDITION, changed
from tests.unit.modular_addition.tiny import ARCHITECTURE, DATA, PROBLEM, RECIPE, tiny_network

RUN = RunOptions("tiny", 0)
STAGES = ["data", "train"]


def settings(**changes: Any) -> ModularAdditionSettings:
    tiny = {"problem": PROBLEM, "data": DATA, "architecture": ARCHITECTURE, "training": RECIPE}
    return changed(MODULAR_ADDITION, **(tiny | changes))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    run_stages(STUDY, settings(), STAGES, workspace, RUN)
    return workspace


def place(workspace: Workspace, stage: str) -> Path:
    return workspace.stage("modular_addition", "tiny", stage).directory


def bulk(workspace: Workspace) -> Path:
    return workspace.stage("modular_addition", "tiny", "train").bulk


def read_json(workspace: Workspace, stage: str, name: str = "metrics.json") -> dict[str, Any]:
    return json.loads((place(workspace, stage) / name).read_text(encoding="utf-8"))


def foreign_file(directory: Path) -> Path:
    """A checkpoint in the original layout, of a network drawn from seed 1."""
    weights = named_weights(tiny_network(seed=1))
    content = {
        name: turned(name, weight) for name, weight in weights.items() if name != "unembed.W_U"
    }
    content["unembed.W_U"] = weights["unembed.W_U"]
    content["blocks.0.attn.mask"] = torch.ones(3, 3).tril()
    torch.save({"model": content, "train_losses": [1.0], "test_losses": [2.0]}, directory / "a.pth")
    return directory / "a.pth"


def turned(name: str, weight: torch.Tensor) -> torch.Tensor:
    if name.endswith(("W_Q", "W_K", "W_V")):
        return weight.transpose(1, 2)
    if name.endswith("W_O"):
        return weight.flatten(0, 1).T
    return weight.T if weight.ndim == 2 and "pos" not in name else weight


def imported(directory: Path) -> Workspace:
    workspace = Workspace(directory)
    source = ModelSource(kind="published", path=str(foreign_file(directory)))
    run_stages(STUDY, settings(model=source), STAGES, workspace, RUN)
    return workspace


def test_the_stored_split_is_the_one_of_the_seed(workspace: Workspace) -> None:
    found = load_split(place(workspace, "data"), PROBLEM)
    assert found.train.tolist() == draw_split(PROBLEM, DATA, 0).train.tolist()
    assert read_json(workspace, "data") == {"n_pairs": 25, "n_train": 20, "n_test": 5}


def test_the_learning_curve_has_losses_and_accuracies_of_both_parts(workspace: Workspace) -> None:
    with (place(workspace, "train") / "learning_curve.csv").open(encoding="utf-8") as file:
        points = list(csv.DictReader(file))
    assert list(points[0]) == [
        "step",
        "train_loss",
        "test_loss",
        "train_accuracy",
        "test_accuracy",
    ]
    assert [point["step"] for point in points] == ["0", "8", "16", "24", "32", "40", "48", "56"]


def test_metrics_count_all_inputs_and_each_part(workspace: Workspace) -> None:
    found = read_json(workspace, "train")
    assert (found["n"], found["train"]["n"], found["test"]["n"]) == (25, 20, 5)
    assert found["wrong_count"] == found["train"]["wrong_count"] + found["test"]["wrong_count"]
    assert found["accuracy"] == pytest.approx(1 - found["wrong_count"] / 25)


def test_a_training_that_has_not_grokked_is_kept_and_says_so(workspace: Workspace) -> None:
    assert read_json(workspace, "train")["test"]["wrong_count"] > 0
    found = read_json(workspace, "train", "grokking.json")
    assert found["has_grokked"] is False
    assert found["grokked_at_step"] is None
    assert found["has_settled"] is None
    assert found["steps"] == 60


def test_snapshots_are_bulk_files_from_the_first_to_the_last_step(workspace: Workspace) -> None:
    found = sorted(path.stem for path in (bulk(workspace) / "snapshots" / "training").iterdir())
    assert (found[0], found[-1]) == ("step-0000000", "step-0000060")


def test_trained_weights_verify(workspace: Workspace) -> None:
    assert not verify_stages(STUDY, settings(), STAGES, workspace, RUN).failures


def test_weights_that_answer_otherwise_do_not_verify(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run_stages(STUDY, settings(), STAGES, workspace, RUN)
    metrics = place(workspace, "train") / "metrics.json"
    wrong = read_json(workspace, "train")
    wrong["test"]["loss"] *= 1.01
    metrics.write_text(json.dumps(wrong), encoding="utf-8")
    assert verify_stages(STUDY, settings(), STAGES, workspace, RUN).failures


def test_an_imported_network_is_the_one_in_the_file(tmp_path: Path) -> None:
    workspace = imported(tmp_path)
    loaded = load_network(PROBLEM, ARCHITECTURE, bulk(workspace) / "weights.safetensors")
    expected = named_weights(tiny_network(seed=1))
    assert all(weight.equal(expected[name]) for name, weight in named_weights(loaded).items())


def test_weights_of_an_imported_network_are_not_tracked(tmp_path: Path) -> None:
    directory = place(imported(tmp_path), "train")
    assert sorted(path.name for path in directory.glob("*")) == [
        "manifest.json",
        "metrics.json",
        "run.json",
    ]


def test_a_missing_checkpoint_is_told(tmp_path: Path) -> None:
    source = ModelSource(kind="published", path=str(tmp_path / "none.pth"))
    with pytest.raises(MechvalError, match=r"none\.pth does not exist; allowed:"):
        run_stages(STUDY, settings(model=source), STAGES, Workspace(tmp_path), RUN)


def test_a_checkpoint_of_another_modulus_is_refused(tmp_path: Path) -> None:
    source = ModelSource(kind="published", path=str(foreign_file(tmp_path)))
    other = settings(model=source, problem=PROBLEM.model_copy(update={"p": 7}))
    with pytest.raises(MechvalError, match=r"embed\.W_E has shape \(16, 6\); allowed: \(16, 8\)"):
        run_stages(STUDY, other, STAGES, Workspace(tmp_path), RUN)
