"""Turns the composed Hydra config, once, into the study's settings and the run's options."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from experiments.studies import load_study
from mechval.config import Config, known_keys, parse_config
from mechval.errors import MechvalError
from mechval.pipeline import (
    CaseStudy,
    RunConfig,
    RunOptions,
    Workspace,
    choose_run_name,
    load_run_config,
)
from mechval.pipeline.manifest import hash_file
from mechval.pipeline.stage import ModelSource

# What W&B's own variables say, unless a key is given.
_TRUE = ("true", "1", "yes", "on", "t", "y")


def wandb_variable(name: str, otherwise: str | None) -> str | None:
    """An OmegaConf resolver: a variable of the environment; ``WANDB_DISABLED`` is a mode too."""
    is_off = os.environ.get("WANDB_DISABLED", "").lower() in _TRUE
    if name == "WANDB_MODE" and is_off:
        return "disabled"
    return os.environ.get(name) or otherwise


OmegaConf.register_new_resolver("wandb_variable", wandb_variable, replace=True)

# Words that say how to run or where files are, not what is computed.
_PLAIN_WORDS = ("stage", "study", "model", "model.path", "run", "from", "force", "verify", "yes")
_TRACKING_WORDS = ("wandb.mode", "wandb.entity", "wandb.project")
_UNREPEATED_WORDS = ("stage", "from", "force", "verify", "yes", *_TRACKING_WORDS)


def _as_names(value: Any) -> Any:
    if value is None:
        return ()
    return tuple(value.split(",")) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_names)]


class WandbOptions(Config):
    """The ``wandb`` block."""

    mode: Literal["offline", "online", "disabled"] = Field(
        description="offline, online or disabled"
    )
    entity: str | None = Field(
        pattern=r"^[\w.-]+$", description="a W&B user or team, or null for the account's own"
    )
    project: str = Field(
        pattern=r"^[\w.-]+$", description="a W&B project: letters, digits and any of _ . -"
    )


class Options(Config):
    """The keys of the command line that are not settings of a study."""

    study: str
    preset: str
    stage: Names = Field(description="a stage, a list of stages or all")
    run: str | None = Field(description="a folder name, or null")
    source: str | None = Field(
        alias="from", description="null, or a run that stages of the same settings are taken from"
    )
    seed: StrictInt = Field(ge=0, lt=2**32, description="an integer from 0 to 4294967295")
    force: Names = Field(description="a stage, a list of stages or all")
    verify: StrictBool = Field(description="true or false")
    yes: StrictBool = Field(description="true or false")
    accelerator: Literal["auto", "cpu", "gpu"] = Field(description="auto, cpu or gpu")
    wandb: WandbOptions


@dataclass(frozen=True)
class Request:
    """What one command asks for; ``run_options`` is what the pipeline needs of its ``options``."""

    study: CaseStudy
    settings: Config
    workspace: Workspace
    options: Options
    run_options: RunOptions


def read_request(config: DictConfig, words: Sequence[str], workspace: Workspace) -> Request:
    """Convert and check everything before any work starts.

    ``config`` is composed and has a stage; ``words`` are the overrides of the command line. Raises
    MechvalError naming the first wrong key.
    """
    options, settings_values = _split(_plain(config))
    if options.verify and options.source is not None:
        raise MechvalError(f"from={options.source} is not allowed with verify=true; allowed: null.")
    study = load_study(options.study)
    settings: Config = parse_config(study.settings, settings_values)
    source = getattr(settings, "model", None)
    is_read = options.stage != ("dashboard",)
    if isinstance(source, ModelSource) and source.kind != "own" and is_read:
        source.checkpoint()
    run_config = _run_config(options, settings, words)
    run_options = _run_options(options, run_config, words, workspace)
    return Request(study, settings, workspace, options, run_options)


def resolve_device(accelerator: str) -> str:
    """The torch device of a key; raises MechvalError if a GPU is asked for and there is none."""
    import torch

    if accelerator == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if accelerator == "gpu":
        raise MechvalError(
            "accelerator=gpu is not allowed on this machine, which has no CUDA device; "
            "allowed: auto or cpu."
        )
    return "cpu"


def _plain(config: DictConfig) -> dict[str, Any]:
    try:
        values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        reason = str(error).partition("\n")[0]
        raise MechvalError(f"the config cannot be resolved: {reason}.") from None
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _split(values: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    own = {key: value for key, value in values.items() if key in known_keys(Options)}
    rest = {key: value for key, value in values.items() if key not in own}
    return parse_config(Options, own), rest


def _run_config(options: Options, settings: Config, words: Sequence[str]) -> RunConfig:
    values = settings.model_dump(mode="json")
    model = dict(values.get("model", {}))
    model.pop("path", None)
    is_default = options.preset == "reference"
    source = getattr(settings, "model", None)
    if isinstance(source, ModelSource) and source.kind == "weights":
        # The published model is one; weights to go on from are known by their bytes.
        model["sha256"] = hash_file(source.checkpoint())
        is_default = options.preset == "proved" and "model.path" not in map(_key, words)
    return RunConfig(
        study=options.study,
        preset=options.preset,
        model=model.get("kind", "own"),
        seed=options.seed,
        settings={**values, "model": model},
        is_default=is_default and all(map(_is_plain, words)),
        words=tuple(_without_place(word) for word in _repeated(words)),
    )


def _run_options(
    options: Options, run_config: RunConfig, words: Sequence[str], workspace: Workspace
) -> RunOptions:
    protected = workspace.run_config(options.study, run_config.protected_name)
    run = choose_run_name(options.run, run_config, load_run_config(protected))
    return RunOptions(
        run=run,
        seed=options.seed,
        device=resolve_device(options.accelerator),
        force=options.force,
        source=options.source,
        yes=options.yes,
        config=run_config.record,
        overrides=_repeated(words),
    )


def _repeated(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if _key(word) not in _UNREPEATED_WORDS)


def _without_place(word: str) -> str:
    return "model.path=<file>" if _key(word) == "model.path" else word


def _is_plain(word: str) -> bool:
    key = _key(word)
    return key in (*_PLAIN_WORDS, *_TRACKING_WORDS, "preset", "accelerator")


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")
