"""The README and its pages: examples are what they print, and it stays short."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments import explain

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path("conf/settings/two_sat")
SMALLER: dict[str, dict[str, Any]] = {
    "data": {"training_formulas": 800, "analysis_formulas": 400},
    "architecture": {"d_model": 16, "d_mlp": 8},
    "training": {
        "examples": 128,
        "batch_size": 32,
        "evaluate_every_steps": 4,
        "warmup_steps": 4,
        "learning_rate": 2e-4,
        "muon_learning_rate": 4e-3,
        "evaluation_examples": 20,
        "n_snapshots": 2,
    },
    "improved": {"formulas": 240},
    "nulls": {"formulas": 400},
    "progress": {"formulas": 400},
    "partial": {"formulas": 160},
    # So small a network has no neuron that the paper's constants would select.
    "circuit": {"readings": ["calibrated"]},
}


@pytest.fixture(scope="module")
def example() -> str:
    return only_example("docs/RUNNING.md")


def only_example(page: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    (found,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return found


def test_the_sample_of_an_explanation_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r'experiments\.explain "(.*?)"', readme)
    (sample,) = re.findall(r"```text\n(.*?)```", readme, flags=re.DOTALL)
    explain.main([command], ROOT)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    for line in sample.replace("…", "").splitlines():
        assert any(is_same(line.split(), found) for found in printed), line


def is_same(words: list[str], found: list[str]) -> bool:
    """Whether the words are equal, numbers up to the last digit (other processors round so)."""
    return len(words) == len(found) and all(map(is_same_word, words, found))


def is_same_word(word: str, found: str) -> bool:
    try:
        return abs(float(word) - float(found)) <= 0.011
    except ValueError:
        return word == found


def test_a_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1300


def test_a_claim_is_validated_in_ten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    block = only_example("README.md")
    exec(compile(block, "README.md", "exec"), {})
    assert "distance holds in all 4 cells" in capsys.readouterr().out
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


def test_the_library_example_validates_a_network_it_trained(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_smaller_settings(tmp_path / SETTINGS)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(example, "RUNNING.md", "exec"), names)
    assert {cell.n for report in names["found"].reports for cell in report.cells} == {160}


def write_smaller_settings(folder: Path) -> None:
    shutil.copytree(ROOT / SETTINGS, folder)
    settings = yaml.safe_load((folder / "smoke.yaml").read_text(encoding="utf-8"))
    for part, changes in SMALLER.items():
        settings.setdefault(part, {}).update(changes)
    # It would leave so small a network no neuron that evaluates.
    settings["finishing"] = None
    (folder / "smoke.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
