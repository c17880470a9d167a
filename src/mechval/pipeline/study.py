"""What studies share in saying what their stages are.

A stage is a module, which has all that there is to say of it:

- its name, and in the first line of its docstring what it is for;
- ``READS``, the stages that it reads: of ``a|b`` the first that a run makes, and no stage that it
  does not make; ``ALL`` are all of the study but those with ``IS_SHOWN = False``;
- ``SETTINGS``, the blocks of the settings that its result depends on;
- ``TABLES`` and ``run``, perhaps ``OPTIONAL``, ``reverify``, ``estimate``, and ``JUDGED_BY`` with
  ``rejudge``: see :class:`Stage`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mechval.config import Config
from mechval.pipeline.manifest import hash_file
from mechval.pipeline.stage import Stage

ALL = "*"
"""In ``READS``: whatever there is to show."""


@dataclass(frozen=True)
class Study:
    """A case study: the class of its settings, with a block ``model``, and its stages in order.

    ``stages`` are those for the network that the settings ask for; ``modules`` all that there can
    be, in pipeline order.
    """

    name: str
    settings: type[Config]
    stages: Callable[[Any], tuple[Stage[Any], ...]]
    modules: Sequence[Any]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of all stages, in pipeline order."""
        return tuple(map(_name, self.modules))

    @property
    def purposes(self) -> dict[str, str]:
        """What each stage is for, by its name."""
        first = {_name(each): each.__doc__.partition("\n")[0] for each in self.modules}
        return {name: line.partition(": ")[2] for name, line in first.items()}


def stages_of(modules: Sequence[Any]) -> tuple[Stage[Any], ...]:
    """The stages of a run that makes those of these modules, in this order."""
    return tuple(_stage(module, modules) for module in modules)


def depends_on(
    keys: Iterable[str], facts: Callable[[Any], Mapping[str, Any]] = lambda _: {}
) -> Callable[[Any], dict[str, Any]]:
    """What a result depends on: these blocks of the settings, an absent one left out, and facts."""

    def config_slice(settings: Config) -> dict[str, Any]:
        parts = {key: getattr(settings, key) for key in keys}
        plain = {
            key: part.model_dump(mode="json", exclude_none=True)
            for key, part in parts.items()
            if part is not None
        }
        return {**plain, **facts(settings)}

    return config_slice


def imported(stage: Stage[Any], module: Any, keys: Iterable[str]) -> Stage[Any]:
    """The stage as its module's ``import_published``, keyed by the bytes of the file."""

    def digest(settings: Any) -> Mapping[str, Any]:
        return {"checkpoint_sha256": hash_file(settings.model.checkpoint())}

    return replace(
        stage,
        run=module.import_published,
        config_slice=depends_on(keys, digest),
        reverify=None,
        estimate=None,
    )


def told_with(stage: Stage[Any], module: Any, texts: Iterable[Path]) -> Stage[Any]:
    """A report's stage, which depends on texts too, and on whose network it is about."""

    def facts(settings: Any) -> Mapping[str, Any]:
        digests = {path.name: hash_file(path) for path in texts}
        return {"model": settings.model.kind, "texts_sha256": digests}

    return replace(stage, config_slice=depends_on(module.SETTINGS, facts))


def _name(module: Any) -> str:
    return module.__name__.rpartition(".")[2]


def _stage(module: Any, modules: Sequence[Any]) -> Stage[Any]:
    return Stage(
        name=_name(module),
        upstream=tuple(_reads(module, modules)),
        modules=(module.__name__,),
        run=module.run,
        config_slice=depends_on(module.SETTINGS),
        reverify=getattr(module, "reverify", None),
        estimate=getattr(module, "estimate", None),
        tables=module.TABLES,
        optional=getattr(module, "OPTIONAL", ()),
        judged_by=getattr(module, "JUDGED_BY", ()),
        rejudge=getattr(module, "rejudge", None),
    )


def _reads(module: Any, modules: Sequence[Any]) -> Iterator[str]:
    made = {_name(each): getattr(each, "IS_SHOWN", True) for each in modules if each is not module}
    for names in module.READS:
        if names == ALL:
            yield from (name for name, is_shown in made.items() if is_shown)
        else:
            yield from [name for name in names.split("|") if name in made][:1]
