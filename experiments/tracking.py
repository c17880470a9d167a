"""Weights & Biases: each stage is one run, grouped by study and run, and one more sums them up.
Nothing else imports it.

A run is opened when its stage starts, under an id that config, seed, code and inputs decide: a
training that was killed goes on in its own run, and one that fails is marked as failed. What a
training streams goes to it, with W&B's system metrics, the console and the code.

Lineage data → model → circuit → axioms → report: online, a run uses the artifacts of the stages
whose files it reads. Offline runs cannot consume artifacts, so the same facts (``inputs``, and the
alias of each upstream artifact in ``upstream``) are in their config, from which
``+stage=dashboard`` replays them after ``wandb sync``.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments import stage_contents
from experiments.settings import Request
from mechval.pipeline import Manifest
from mechval.pipeline.manifest import StageKey, load_manifest, text_digest
from mechval.progress import listen

MAX_FILE_BYTES = 5_000_000
# Online the server may be away; offline only this machine can be slow.
INIT_SECONDS = {"online": 15, "offline": 600}
SUMMARY, PAGE = "summary", "page"
# Of the repository, or of the folder that a wheel is installed in.
CODE = Path(__file__).resolve().parents[1]
CODE_PARTS = ("src", "experiments", "conf", "mechval", "pyproject.toml")
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


def make_observer(request: Request) -> "WandbObserver | None":
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
    """Logs stages; ``mode`` is ``offline`` once the server has failed to answer."""

    request: Request
    mode: str
    tracked: Any = None
    streamed: set[tuple[str, float]] = field(default_factory=set)
    resumed_after: dict[str, float] = field(default_factory=dict)
    has_finished: bool = False

    def started(self, stage: str, key: StageKey) -> None:
        """Open the stage's run with config and lineage, and hand it what a training streams."""
        wandb, upstream = import_wandb(self._folder), self._upstream(key.inputs)
        config = {
            **self._about_run,
            "stage": key.config,
            "code": key.code,
            "inputs": key.inputs,
            "upstream": {source: artifact_alias(made) for source, made in upstream.items()},
        }
        self.tracked = self._open(wandb, stage, key.digest, config)
        self.streamed.clear()
        self.resumed_after.clear()
        listen(self._stream)
        log_code(self.tracked)
        if self.mode == "online":
            for source, made in upstream.items():
                self.tracked.use_artifact(self._artifact(wandb, source, made))

    def finished(self, stage: str, directory: Path, manifest: Manifest) -> None:
        """Log numbers, curves, figures, tables and one artifact, and close the run."""
        listen(None)
        wandb, tracked = import_wandb(self._folder), self.tracked
        stages = self.request.study.stages(self.request.settings)
        declared = next(each for each in stages if each.name == stage)
        contents = stage_contents.read_contents(declared, directory)
        try:
            tracked.config.update({"record": dict(contents.record or {})})
            self._log_curves(contents)
            _log_contents(wandb, tracked, contents, directory)
            artifact = self._artifact(wandb, stage, manifest)
            tracked.log_artifact(artifact, aliases=["latest", artifact_alias(manifest)])
        finally:
            tracked.finish()
        self.tracked, self.has_finished = None, True

    def failed(self, stage: str) -> None:
        """Close the run of a stage that was stopped, marked as failed."""
        listen(None)
        if self.tracked is not None:
            self.tracked.finish(exit_code=1)
        self.tracked = None

    def sum_up(self, page: Path | None) -> None:
        """Bring the summary run up to date, if a stage has finished: numbers of all stages beside
        all settings, and the page. A failure is one logged warning."""
        if not self.has_finished:
            return
        try:
            self._sum_up(import_wandb(self._folder), page)
        except Exception as error:
            _warn(error)

    def _sum_up(self, wandb: Any, page: Path | None) -> None:
        study, settings = self.request.study, self.request.settings
        config = {**self._about_run, "settings": settings.model_dump(mode="json")}
        preset, seed = config["preset"], config["seed"]
        epsilons: list[tuple[Any, ...]] = []
        with self._open(wandb, SUMMARY, "", config) as tracked:
            for stage in study.stages(settings):
                directory = self._run_directory / stage.name
                if (directory / "manifest.json").is_file():
                    contents = stage_contents.read_contents(stage, directory)
                    tracked.summary.update(contents.numbers())
                    epsilons += ((*row, preset, seed) for row in contents.epsilons())
            if epsilons:
                columns = [*stage_contents.EPSILON_COLUMNS, "preset", "seed"]
                table = wandb.Table(columns=columns, data=[*map(list, epsilons)])
                tracked.log({stage_contents.EPSILONS: table})
            if page is not None and page.is_file():
                tracked.log({PAGE: wandb.Html(page.read_text(encoding="utf-8"))})

    def _stream(self, series: str, values: Mapping[str, Any]) -> None:
        try:
            self._log_point(*stage_contents.curve_point(series, values))
        except Exception as error:
            listen(None)
            _warn(error)

    def _log_point(self, prefix: str, point: Mapping[str, float]) -> None:
        step = f"{prefix}/step"
        if prefix not in self.resumed_after:
            self.tracked.define_metric(f"{prefix}/*", step_metric=step)
            # A run that goes on has its points up to here.
            self.resumed_after[prefix] = self.tracked.summary.get(step, -1)
        self.streamed.add((prefix, point[step]))
        if point[step] > self.resumed_after[prefix]:
            self.tracked.log(dict(point))

    def _log_curves(self, contents: stage_contents.Contents) -> None:
        """What was not streamed: steps before a kill offline, and curves of their own kind."""
        for prefix, point in contents.points():
            if (prefix, point[f"{prefix}/step"]) not in self.streamed:
                self._log_point(prefix, point)

    @property
    def _folder(self) -> Path:
        return tracking_folder(self.request)

    @property
    def _names(self) -> tuple[str, str]:
        return self.request.study.name, self.request.run_options.run

    @property
    def _run_directory(self) -> Path:
        return self.request.workspace.run_directory(*self._names)

    @property
    def _about_run(self) -> dict[str, Any]:
        (study, run), options = self._names, self.request.options
        return {"study": study, "run": run, "preset": options.preset, "seed": options.seed}

    def _open(self, wandb: Any, name: str, digest: str, config: dict[str, Any]) -> Any:
        """Open a run; without a server, or with a wrong key, an offline one."""
        try:
            return self._init(wandb, name, digest, config)
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
        return self._init(wandb, name, digest, config)

    def _init(self, wandb: Any, name: str, digest: str, config: dict[str, Any]) -> Any:
        study, run = self._names
        return wandb.init(
            id=text_digest(f"{study}/{run}/{name}/{digest}")[:16],
            resume="allow",
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
                silent=True, console="wrap", init_timeout=INIT_SECONDS[self.mode]
            ),
        )

    def _upstream(self, inputs: Iterable[str]) -> dict[str, Manifest]:
        """The manifests of the stages whose files are read, from names ``<stage>/…``."""
        stages = sorted({name.partition("/")[0] for name in inputs})
        paths = {stage: self._run_directory / stage / "manifest.json" for stage in stages}
        return {stage: load_manifest(path) for stage, path in paths.items() if path.exists()}

    def _artifact(self, wandb: Any, name: str, manifest: Manifest) -> Any:
        directory = self._run_directory / name
        artifact = wandb.Artifact(
            artifact_name(*self._names, name),
            type=_ARTIFACT_TYPES.get(name, name),
            metadata={"manifest": manifest.digest},
        )
        for file in ["manifest.json", *manifest.tracked]:
            if (directory / file).stat().st_size < MAX_FILE_BYTES:
                artifact.add_file(str(directory / file), name=file)
        return artifact


def tracking_folder(request: Request) -> Path:
    """Where W&B keeps its files: ``wandb`` in ``WANDB_DIR``, else in ``build``."""
    return Path(os.environ.get("WANDB_DIR") or request.workspace.tracking) / "wandb"


def log_code(tracked: Any) -> None:
    """Keep the sources that are running, as an artifact."""
    tracked.log_code(
        str(CODE),
        include_fn=lambda path, _: Path(path).suffix in (".py", ".yaml", ".md", ".toml"),
        exclude_fn=lambda path, root: Path(path).relative_to(root).parts[0] not in CODE_PARTS,
    )


def _warn(error: Exception) -> None:
    reason = str(error).partition("\n")[0]
    _logger.warning("experiment tracking failed (%s: %s)", type(error).__name__, reason)


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


def reach_server(seconds: float) -> None:
    """Raise OSError if W&B's server does not answer, in whatever words.

    W&B's own process would go on asking, and now and then never end with ours.
    """
    import requests
    from wandb.sdk import wandb_setup

    url = wandb_setup.singleton().settings.base_url
    try:
        requests.head(url, timeout=seconds)
    except requests.RequestException as error:
        raise ConnectionError(f"{url} does not answer") from error


def _log_contents(
    wandb: Any, tracked: Any, contents: stage_contents.Contents, directory: Path
) -> None:
    for key, path in stage_contents.figures(directory).items():
        tracked.log({key: wandb.Html(path.read_text(encoding="utf-8"))})
    for key, (columns, rows) in contents.tables().items():
        tracked.log({key: wandb.Table(columns=columns, data=rows)})
    tracked.summary.update(contents.numbers())
