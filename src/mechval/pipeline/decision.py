"""Whether a stage is up to date, and if not, which facts say so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mechval.errors import MechvalError
from mechval.pipeline.manifest import Manifest, StageKey, hash_file, load_manifest
from mechval.pipeline.places import StagePlaces
from mechval.pipeline.stage import Stage

_MISSING = object()


@dataclass(frozen=True)
class Decision:
    """What to do with a stage, and what asks for it (nothing for ``skip``)."""

    action: Literal["skip", "reverify", "run"]
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutputState:
    """Names of a finished stage's files that are not what its manifest says."""

    tracked: tuple[str, ...]
    bulk_missing: tuple[str, ...]
    bulk_changed: tuple[str, ...]

    @property
    def damage(self) -> tuple[str, ...]:
        """One phrase per file that is there in other bytes, or tracked and missing."""
        changed = (*self.tracked, *self.bulk_changed)
        return tuple(f"{name} is missing or differs from its manifest" for name in changed)


def decide(stage: Stage[Any], places: StagePlaces, key: StageKey, forced: bool) -> Decision:
    """Compare a stage's key and files with its manifest.

    Raises MechvalError if the stage has ``reverify`` and its finished files or manifest are
    damaged: redoing it is then the user's decision.
    """
    if forced:
        return Decision("run", (f"force={stage.name} asks for it",))
    if not places.directory.exists():
        return Decision("run", ("there is no result yet",))
    try:
        manifest = load_manifest(places.manifest)
    except MechvalError as error:
        fact = str(error).rstrip(".")
        _refuse_if_protected(stage, fact)
        return Decision("run", (fact,))
    seen = {name: key.inputs[name] for name in key.inputs if name in manifest.inputs}
    facts = changed_facts(manifest, replace(key, inputs=seen))
    # What a finished result never saw is like new code: it may change the result and need not.
    code = [f"input {name} is new" for name in key.inputs if name not in manifest.inputs]
    code += ["its code changed"] if manifest.code != key.code else []
    state = output_state(manifest, places)
    if stage.reverify is not None and not facts:
        for fact in state.damage:
            _refuse_if_protected(stage, fact)
        return Decision("reverify", tuple(code)) if code else Decision("skip")
    missing = (f"{name} is missing" for name in state.bulk_missing)
    facts = (*facts, *code, *state.damage, *missing)
    return Decision("run", facts) if facts else Decision("skip")


def changed_facts(manifest: Manifest, key: StageKey) -> tuple[str, ...]:
    """Differences in config, seed and inputs, one phrase each."""
    facts = list(config_changes(manifest.config, key.config))
    if manifest.seed != key.seed:
        facts.append(f"seed changed from {manifest.seed} to {key.seed}")
    for name in sorted(manifest.inputs.keys() | key.inputs.keys()):
        if manifest.inputs.get(name) != key.inputs.get(name):
            facts.append(f"input {name} changed")
    return tuple(facts)


def config_changes(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Phrases such as ``config axioms.confidence changed from 0.95 to 0.99``, depth first."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            inner = f"{path}.{name}" if path else name
            yield from config_changes(old.get(name, _MISSING), new.get(name, _MISSING), inner)
    elif old is _MISSING:
        yield f"config {path} is new ({new!r})"
    elif new is _MISSING:
        yield f"config {path} is gone (it was {old!r})"
    elif old != new:
        yield f"config {path} changed from {old!r} to {new!r}"


def output_state(manifest: Manifest, places: StagePlaces) -> OutputState:
    """Hash the files a manifest names."""
    tracked, bulk = manifest.tracked, manifest.bulk
    found = {name: _digest(places.bulk / name) for name in bulk}
    return OutputState(
        tuple(name for name in tracked if _digest(places.directory / name) != tracked[name]),
        tuple(name for name in bulk if found[name] is None),
        tuple(name for name in bulk if found[name] not in (None, bulk[name])),
    )


def _digest(path: Path) -> str | None:
    return hash_file(path) if path.is_file() else None


def _refuse_if_protected(stage: Stage[Any], fact: str) -> None:
    if stage.reverify is not None:
        raise MechvalError(
            f"{stage.name}: {fact}; allowed: restoring the committed files, or "
            f"force={stage.name} to redo the stage."
        )
