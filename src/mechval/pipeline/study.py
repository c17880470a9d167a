"""What studies share in saying what their stages are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mechval.config import Config
from mechval.pipeline.manifest import hash_file
from mechval.pipeline.stage import Stage


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
    upstream: tuple[str, ...],
    keys: tuple[str, ...],
    facts: Callable[[Any], Mapping[str, Any]] = lambda _: {},
) -> Stage[Any]:
    """The stage of a module's name, with what the module offers of it.

    Args:
        module: has ``run``, ``TABLES`` and perhaps ``reverify`` and ``estimate``, as in
            :class:`Stage`; it is also the entry to the stage's code digest.
        upstream: names of the stages that it reads.
        keys: the parts of the settings that its result depends on.
        facts: what else it depends on, from the settings.
    """
    return Stage(
        name=module.__name__.rpartition(".")[2],
        upstream=upstream,
        modules=(module.__name__,),
        run=module.run,
        config_slice=lambda settings: {**settings_slice(settings, keys), **facts(settings)},
        reverify=getattr(module, "reverify", None),
        estimate=getattr(module, "estimate", None),
        tables=module.TABLES,
    )


def import_stage(module: Any, upstream: tuple[str, ...], keys: tuple[str, ...]) -> Stage[Any]:
    """A module's ``import_published`` as its stage, keyed by the bytes of the published file."""

    def digest(settings: Any) -> Mapping[str, Any]:
        return {"checkpoint_sha256": hash_file(settings.model.checkpoint())}

    stage = module_stage(module, upstream, keys, digest)
    return replace(stage, run=module.import_published, reverify=None, estimate=None)


def settings_slice(settings: Config, keys: tuple[str, ...]) -> dict[str, Any]:
    """The named parts of the settings as plain values; absent optional parts are left out."""
    parts = {key: getattr(settings, key) for key in keys}
    return {
        key: part.model_dump(mode="json", exclude_none=True)
        for key, part in parts.items()
        if part is not None
    }
