"""What studies share in saying what their stages are."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval.config import Config
from mechval.pipeline.stage import Stage, StageArtifacts, StageContext


@dataclass(frozen=True)
class Study:
    """A case study.

    Attributes:
        name: the name used in paths and on the command line.
        settings: the class of its settings, with a block ``model``.
        own: its stages, in pipeline order, for a network trained here.
        published: its stages for a published network.
    """

    name: str
    settings: type[Config]
    own: tuple[Stage[Any], ...]
    published: tuple[Stage[Any], ...]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of its stages, in pipeline order."""
        return tuple(stage.name for stage in self.own)

    def stages(self, settings: Any) -> tuple[Stage[Any], ...]:
        """The stages for the network that the settings ask for."""
        return self.published if settings.model.kind == "published" else self.own


def module_stage(
    module: Any,
    name: str,
    upstream: tuple[str, ...],
    keys: tuple[str, ...],
    reverify: Callable[[StageContext[Any], StageArtifacts], None] | None = None,
) -> Stage[Any]:
    """The stage that a module's ``run`` computes.

    Args:
        module: the module, which is also the entry to the stage's code digest.
        name: the stage's name.
        upstream: names of the stages that it reads.
        keys: the parts of the settings that its result depends on.
        reverify: as in :class:`Stage`.
    """
    return Stage(
        name=name,
        upstream=upstream,
        modules=(module.__name__,),
        run=module.run,
        config_slice=lambda settings: settings_slice(settings, keys),
        reverify=reverify,
    )


def own_train_stage(module: Any, keys: tuple[str, ...]) -> Stage[Any]:
    """Stage ``train`` for a network trained here: ``run``, ``reverify`` and ``estimate``."""
    return Stage(
        name="train",
        upstream=("data",),
        modules=(module.__name__,),
        run=module.run,
        config_slice=lambda settings: settings_slice(settings, keys),
        reverify=module.reverify,
        estimate=module.estimate,
    )


def import_stage(module: Any, keys: tuple[str, ...]) -> Stage[Any]:
    """Stage ``train`` for a published network: ``import_published``, keyed by the file's bytes."""

    def config_slice(settings: Any) -> Mapping[str, Any]:
        digest = settings.model.checkpoint_digest()
        return {**settings_slice(settings, keys), "checkpoint_sha256": digest}

    return Stage(
        name="train",
        upstream=("data",),
        modules=(module.__name__,),
        run=module.import_published,
        config_slice=config_slice,
    )


def settings_slice(settings: Config, keys: tuple[str, ...]) -> dict[str, Any]:
    """The named parts of the settings as plain values; absent optional parts are left out."""
    parts = {key: getattr(settings, key) for key in keys}
    return {
        key: part.model_dump(mode="json", exclude_none=True)
        for key, part in parts.items()
        if part is not None
    }


def file_digest(path: Path) -> str:
    """The sha256 of a data file that a stage reads, to be part of its key."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
