"""What studies share in saying what their stages are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mechval.config import Config
from mechval.pipeline.manifest import hash_file
from mechval.pipeline.stage import Stage


@dataclass(frozen=True)
class Study:
    """A case study: the class of its settings, with a block ``model``, and its stages in order.

    ``stages`` are those for the network that the settings ask for, ``stage_names`` the names of
    all that there can be, both in pipeline order.
    """

    name: str
    settings: type[Config]
    stages: Callable[[Any], tuple[Stage[Any], ...]]
    stage_names: tuple[str, ...]


def module_stage(
    module: Any,
    upstream: tuple[str, ...],
    keys: tuple[str, ...],
    facts: Callable[[Any], Mapping[str, Any]] = lambda _: {},
    optional: tuple[str, ...] = (),
) -> Stage[Any]:
    """The stage of a module's name, whose code digest starts at the module.

    The module has ``run``, ``TABLES`` and perhaps ``reverify`` and ``estimate``, as in
    :class:`Stage`. Its result depends on these ``keys`` of the settings, and on ``facts`` of them;
    ``optional`` are the upstream stages that a run may lack.
    """

    def config_slice(settings: Config) -> dict[str, Any]:
        parts = {key: getattr(settings, key) for key in keys}
        # An absent optional part is left out.
        plain = {
            key: part.model_dump(mode="json", exclude_none=True)
            for key, part in parts.items()
            if part is not None
        }
        return {**plain, **facts(settings)}

    return Stage(
        name=module.__name__.rpartition(".")[2],
        upstream=upstream,
        modules=(module.__name__,),
        run=module.run,
        config_slice=config_slice,
        reverify=getattr(module, "reverify", None),
        estimate=getattr(module, "estimate", None),
        tables=module.TABLES,
        optional=optional,
    )


def import_stage(module: Any, upstream: tuple[str, ...], keys: tuple[str, ...]) -> Stage[Any]:
    """A module's ``import_published`` as its stage, keyed by the bytes of the file."""

    def digest(settings: Any) -> Mapping[str, Any]:
        return {"checkpoint_sha256": hash_file(settings.model.checkpoint())}

    stage = module_stage(module, upstream, keys, digest)
    return replace(stage, run=module.import_published, reverify=None, estimate=None)
