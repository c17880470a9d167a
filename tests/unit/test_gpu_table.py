from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from benchmarks import gpu
from benchmarks.gpu_table import FOLDER, render
from experiments.settings import read_request
from mechval.pipeline import Workspace
from tests.unit.test_configuration import CONF


def test_the_tables_of_the_cards_are_those_of_their_figures():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == render()


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_the_script_asks_the_pipeline_for_stages_on_its_device(
    device: str, quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    made = {}
    for step in gpu._steps(device, quick):
        _, module, *words = step.arguments
        if module == "experiments.run":
            with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
                config = compose("config", overrides=words)
            request = read_request(config, words, Workspace(tmp_path))
            made[step.name] = request.options.stage
            assert request.run_options.device == device
    assert made == {
        "data": ("data",),
        "training": ("train",),
        "consolidation": ("data", "train", "consolidate"),
    }
