"""What is sent to the tracker, seen by a recording stand-in."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import tracking
from experiments.tracking import WandbObserver
from mechval.pipeline import Manifest


class Recorder:
    """A stand-in for the wandb module and its run."""

    def __init__(self) -> None:
        self.started: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.logged: dict[str, Any] = {}
        self.artifact = SimpleNamespace(files=[], type="", metadata={})

    def init(self, **settings: Any) -> "Recorder":
        self.started = settings
        return self

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def log(self, values: dict[str, Any]) -> None:
        self.logged.update(values)

    def log_artifact(self, artifact: Any) -> None:
        self.artifact = artifact

    def Settings(self, **settings: Any) -> dict[str, Any]:
        return settings

    def Image(self, path: str) -> str:
        return path

    def Table(self, columns: list[str], data: list[list[str]]) -> tuple[list[str], list[list[str]]]:
        return columns, data

    def Artifact(self, name: str, type: str, metadata: dict[str, str]) -> Any:
        files: list[str] = []

        def add_file(path: str, name: str) -> None:
            files.append(name)

        return SimpleNamespace(type=type, metadata=metadata, files=files, add_file=add_file)


@pytest.fixture
def log_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Recorder]:
    recorder = Recorder()
    monkeypatch.setattr(tracking, "_import_wandb", lambda folder: recorder)
    files = {
        "manifest.json": "{}",
        "metrics.json": '{"accuracy": {"test": 0.9}, "name": "x", "is_done": true, "n": 4}',
        "table.csv": "a,b\n1,2\n",
        "figure.png": "",
        "large.bin": "x" * tracking.MAX_FILE_BYTES,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    manifest = Manifest(
        stage="axioms",
        config={"confidence": 0.95},
        seed=0,
        code="c0de",
        inputs={"circuit/tracked/circuit.json": "1"},
        tracked=dict.fromkeys(sorted(set(files) - {"manifest.json"}), ""),
        bulk={},
    )

    def log() -> Recorder:
        observer = WandbObserver("offline", "two_sat", "mine", 0, tmp_path)
        observer.stage_finished("axioms", tmp_path, manifest)
        return recorder

    return log


def test_a_stage_is_one_run_in_the_group_of_its_run(log_stage: Callable[[], Recorder]) -> None:
    started = log_stage().started
    assert (started["group"], started["job_type"], started["tags"]) == (
        "mine",
        "axioms",
        ["two_sat"],
    )


def test_lineage_is_in_the_config(log_stage: Callable[[], Recorder]) -> None:
    assert log_stage().started["config"]["inputs"] == {"circuit/tracked/circuit.json": "1"}


def test_the_summary_holds_the_numbers_of_the_metrics(log_stage: Callable[[], Recorder]) -> None:
    assert log_stage().summary == {"accuracy.test": 0.9, "n": 4}


def test_tables_and_figures_are_logged(log_stage: Callable[[], Recorder]) -> None:
    logged = log_stage().logged
    assert logged["tables/table"] == (["a", "b"], [["1", "2"]])
    assert set(logged) == {"tables/table", "figures/figure"}


def test_the_artifact_has_its_type_and_small_files_only(log_stage: Callable[[], Recorder]) -> None:
    artifact = log_stage().artifact
    assert artifact.type == "axiom-report"
    assert artifact.files == ["manifest.json", "figure.png", "metrics.json", "table.csv"]


def test_importing_the_tracking_module_does_not_import_wandb() -> None:
    code = "import sys, experiments.tracking; sys.exit('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
