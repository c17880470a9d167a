"""Weights & Biases: each stage is one run, grouped by the run's name. Nothing else imports it.

Offline runs cannot consume artifacts, so lineage is the manifest's inputs, in the config. A run is
opened when its stage has finished: an interrupted stage leaves no half-open run behind.
"""

import csv
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.settings import Request
from mechval.config import Config
from mechval.pipeline import Manifest, Observer, SilentObserver

MAX_FILE_BYTES = 5_000_000
MAX_TABLE_ROWS = 10_000
PROJECT = "mechval"
_ARTIFACT_TYPES = {
    "data": "dataset",
    "train": "model",
    "circuit": "circuit",
    "axioms": "axiom-report",
    "report": "report",
}


def make_observer(request: Request) -> Observer:
    """The tracker that ``wandb.mode`` asks for; ``disabled`` imports nothing."""
    mode = request.options.wandb.mode
    if mode == "disabled":
        return SilentObserver()
    return WandbObserver(
        mode=mode,
        study=request.study.name,
        run=request.run_options.run,
        seed=request.run_options.seed,
        directory=request.workspace.tracking,
    )


@dataclass(frozen=True)
class WandbObserver:
    """Logs finished stages.

    Attributes:
        mode: ``offline`` or ``online``.
        study: the study's name, a tag.
        run: the run's name, the group of its stages.
        seed: the run's seed.
        directory: where W&B keeps its files, in a folder ``wandb``.
    """

    mode: str
    study: str
    run: str
    seed: int
    directory: Path

    def stage_started(self, name: str, settings: Config) -> None:
        """Wait for the stage to finish."""

    def stage_finished(self, name: str, directory: Path, manifest: Manifest) -> None:
        """Log config, lineage, metrics, figures, tables and one artifact."""
        wandb = _import_wandb(self.directory / "wandb")
        with wandb.init(
            project=PROJECT,
            dir=str(self.directory),
            mode=self.mode,
            group=self.run,
            job_type=name,
            name=f"{self.run}-{name}",
            tags=[self.study],
            config=self._config(directory, manifest),
            settings=wandb.Settings(
                silent=True, console="off", init_timeout=30, x_disable_stats=True
            ),
        ) as tracked:
            tracked.summary.update(dict(_numbers("", _load_json(directory / "metrics.json"))))
            for key, value in _media(wandb, directory):
                tracked.log({key: value})
            tracked.log_artifact(self._artifact(wandb, name, directory, manifest))

    def _config(self, directory: Path, manifest: Manifest) -> dict[str, Any]:
        return {
            "study": self.study,
            "run": self.run,
            "seed": self.seed,
            "stage": manifest.config,
            "inputs": manifest.inputs,
            "code": manifest.code,
            "record": _load_json(directory / "run.json"),
        }

    def _artifact(self, wandb: Any, name: str, directory: Path, manifest: Manifest) -> Any:
        artifact = wandb.Artifact(
            f"{self.study}-{self.run}-{name}",
            type=_ARTIFACT_TYPES.get(name, name),
            metadata={"manifest": manifest.digest},
        )
        for file in ["manifest.json", *manifest.tracked]:
            if (directory / file).stat().st_size < MAX_FILE_BYTES:
                artifact.add_file(str(directory / file), name=file)
        return artifact


def _import_wandb(folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    for variable in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        os.environ.setdefault(variable, str(folder))
    # W&B would otherwise write beside our one line per stage.
    logging.getLogger("wandb").setLevel(logging.ERROR)
    import wandb

    return wandb


def _numbers(key: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(f"{key}.{name}" if key else name, inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _media(wandb: Any, directory: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(directory.rglob("*.png")):
        yield f"figures/{path.stem}", wandb.Image(str(path))
    for path in sorted(directory.rglob("*.csv")):
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        if len(rows) <= MAX_TABLE_ROWS:
            yield f"tables/{path.stem}", wandb.Table(columns=header, data=rows)
