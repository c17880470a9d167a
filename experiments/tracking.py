"""Weights & Biases: each stage is one run, grouped by study and run. Nothing else imports it.

Lineage data → model → circuit → axioms → report: online, a run uses the artifacts of the stages
whose files it read. Offline runs cannot consume artifacts, so the same facts (``inputs``, and the
alias of each upstream artifact in ``upstream``) are in their config, from which
``+stage=dashboard`` replays them after ``wandb sync``.

A run is opened when its stage has finished: an interrupted stage leaves no half-open run behind.
W&B's own sampler would therefore measure the upload and not the stage; it is off, and the time and
peak memory that the pipeline itself recorded are logged instead.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import stage_contents
from experiments.settings import Request
from mechval.pipeline import Manifest, Observer
from mechval.pipeline.manifest import load_manifest

MAX_FILE_BYTES = 5_000_000
# Online the server may be away; offline only this machine can be slow.
INIT_SECONDS = {"online": 15, "offline": 600}
_ARTIFACT_TYPES = {
    "data": "dataset",
    "train": "model",
    "consolidate": "model",
    "circuit": "circuit",
    "improve": "programs",
    "axioms": "axiom-report",
    "certify": "certificate",
    "report": "report",
}

_logger = logging.getLogger(__name__)


def make_observer(request: Request) -> Observer | None:
    """The tracker that ``wandb.mode`` asks for; ``disabled`` imports nothing."""
    mode = request.options.wandb.mode
    return None if mode == "disabled" else WandbObserver(request, mode)


def group_name(study: str, run: str) -> str:
    """The group of all runs of one reproduction."""
    return f"{study}-{run}"


def artifact_name(study: str, run: str, stage: str) -> str:
    """The artifact with a stage's files."""
    return f"{group_name(study, run)}-{stage}"


def artifact_alias(manifest: Manifest) -> str:
    """Names the version of an artifact that one manifest describes."""
    return f"manifest-{manifest.digest[:16]}"


@dataclass
class WandbObserver:
    """Logs finished stages; ``mode`` is ``offline`` once the server has failed to answer."""

    request: Request
    mode: str

    def __call__(self, name: str, directory: Path, manifest: Manifest) -> None:
        """Log config, lineage, numbers, curves, figures, tables and one artifact."""
        wandb = import_wandb(self._folder)
        stages = self.request.study.stages(self.request.settings)
        stage = next(stage for stage in stages if stage.name == name)
        contents = stage_contents.read_contents(stage, directory)
        upstream = _upstream_manifests(directory, manifest)
        with self._open(wandb, name, self._config(contents.record, manifest, upstream)) as tracked:
            _log_contents(wandb, tracked, contents, directory)
            if self.mode == "online":
                for source, made in upstream.items():
                    folder = directory.parent / source
                    tracked.use_artifact(self._artifact(wandb, source, folder, made))
            artifact = self._artifact(wandb, name, directory, manifest)
            tracked.log_artifact(artifact, aliases=["latest", artifact_alias(manifest)])

    @property
    def _folder(self) -> Path:
        return self.request.workspace.tracking / "wandb"

    @property
    def _names(self) -> tuple[str, str]:
        return self.request.study.name, self.request.run_options.run

    def _open(self, wandb: Any, name: str, config: dict[str, Any]) -> Any:
        """Open a run; without a server, or with a wrong key, an offline one."""
        try:
            return self._init(wandb, name, config)
        except Exception as error:
            if self.mode == "offline":
                raise
            self.mode = "offline"
            _logger.warning(
                "W&B cannot be reached (%s: %s); runs are kept in %s, and `wandb sync` of the "
                "folders offline-run-* there uploads them",
                type(error).__name__,
                str(error).partition("\n")[0],
                self._folder,
            )
        return self._init(wandb, name, config)

    def _init(self, wandb: Any, name: str, config: dict[str, Any]) -> Any:
        study, run = self._names
        return wandb.init(
            project=self.request.options.wandb.project,
            entity=self.request.options.wandb.entity,
            dir=str(self._folder.parent),
            mode=self.mode,
            group=group_name(study, run),
            job_type=name,
            name=f"{run}-{name}",
            tags=[study],
            config=config,
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=INIT_SECONDS[self.mode],
                x_disable_stats=True,
            ),
        )

    def _config(
        self, record: Mapping[str, Any], manifest: Manifest, upstream: Mapping[str, Manifest]
    ) -> dict[str, Any]:
        study, run = self._names
        return {
            "study": study,
            "run": run,
            "seed": manifest.seed,
            "stage": manifest.config,
            "inputs": manifest.inputs,
            "upstream": {stage: artifact_alias(made) for stage, made in upstream.items()},
            "code": manifest.code,
            "record": dict(record),
        }

    def _artifact(self, wandb: Any, name: str, directory: Path, manifest: Manifest) -> Any:
        artifact = wandb.Artifact(
            artifact_name(*self._names, name),
            type=_ARTIFACT_TYPES.get(name, name),
            metadata={"manifest": manifest.digest},
        )
        for file in ["manifest.json", *manifest.tracked]:
            if (directory / file).stat().st_size < MAX_FILE_BYTES:
                artifact.add_file(str(directory / file), name=file)
        return artifact


def import_wandb(folder: Path) -> Any:
    """The ``wandb`` module, told to keep its files in ``folder`` and its messages to itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for variable in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        os.environ.setdefault(variable, str(folder))
    # W&B would otherwise write beside our one line per stage.
    os.environ.setdefault("WANDB_SILENT", "true")
    logging.getLogger("wandb").setLevel(logging.ERROR)
    import wandb

    return wandb


def _upstream_manifests(directory: Path, manifest: Manifest) -> dict[str, Manifest]:
    """The manifests of the stages whose files this one read, from names ``<stage>/…``."""
    stages = sorted({name.partition("/")[0] for name in manifest.inputs})
    paths = {stage: directory.parent / stage / "manifest.json" for stage in stages}
    return {stage: load_manifest(path) for stage, path in paths.items() if path.exists()}


def _log_contents(
    wandb: Any, tracked: Any, contents: stage_contents.Contents, directory: Path
) -> None:
    for curve in contents.curves():
        tracked.define_metric(f"{curve.prefix}/*", step_metric=curve.step)
        for row in curve.rows:
            tracked.log(row)
    for key, path in stage_contents.figures(directory).items():
        tracked.log({key: wandb.Html(path.read_text(encoding="utf-8"))})
    for key, (columns, rows) in contents.tables().items():
        tracked.log({key: wandb.Table(columns=columns, data=rows)})
    tracked.log(contents.numbers())
