"""Whether a stage is up to date, and if not, which facts say so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mechval.errors import MechvalError
from mechval.pipeline.manifest import Manifest, StageKey, hash_file, load_manifest
from mechval.pipeline.run_record import load_reverified_manifest
from mechval.pipeline.stage import Stage
from mechval.pipeline.workspace import StagePlaces

_MISSING = object()


@dataclass(frozen=True)
class Decision:
    """What to do with a stage, and the facts that ask for it (none for ``skip``)."""

    action: Literal["skip", "reverify", "run"]
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutputState:
    """Names of a finished stage's files that are not what its manifest says."""

    tracked: tuple[str, ...]
    bulk_missing: tuple[str, ...]
    bulk_changed: tuple[str, ...]

    @property
    def facts(self) -> tuple[str, ...]:
        """One phrase per file."""
        changed = (*self.tracked, *self.bulk_changed)
        return (
            *(f"{name} is missing or differs from its manifest" for name in changed),
            *(f"{name} is missing" for name in self.bulk_missing),
        )


def decide(stage: Stage[Any], places: StagePlaces, key: StageKey, forced: bool) -> Decision:
    """Compare a stage's key and files with its manifest.

    Raises:
        MechvalError: if the stage has ``reverify`` and its finished files or manifest are
            damaged: redoing it is then the user's decision.
    """
    if forced:
        return Decision("run", (f"force={stage.name} asks for it",))
    if not places.directory.exists():
        return Decision("run", ("there is no result yet",))
    try:
        manifest = load_manifest(places.manifest)
    except MechvalError as error:
        _refuse_if_protected(stage, str(error).rstrip("."))
        return Decision("run", (str(error).rstrip("."),))
    facts = changed_facts(manifest, key)
    state = output_state(manifest, places)
    if stage.reverify is not None and not facts:
        return _decide_protected(stage, places, manifest, key, state)
    facts = (*facts, *_code_facts(manifest, key), *state.facts)
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
    tracked = [
        name
        for name, digest in manifest.tracked.items()
        if not _is_file_with(places.directory / name, digest)
    ]
    absent = [name for name in manifest.bulk if not (places.bulk / name).is_file()]
    changed = [
        name
        for name, digest in manifest.bulk.items()
        if name not in absent and hash_file(places.bulk / name) != digest
    ]
    return OutputState(tuple(tracked), tuple(absent), tuple(changed))


def _decide_protected(
    stage: Stage[Any], places: StagePlaces, manifest: Manifest, key: StageKey, state: OutputState
) -> Decision:
    damaged = (*state.tracked, *state.bulk_changed)
    if damaged:
        _refuse_if_protected(stage, f"{damaged[0]} is missing or differs from its manifest")
    facts = list(_code_facts(manifest, key))
    if load_reverified_manifest(places.run_record) != manifest.digest:
        facts.extend(f"{name} is missing" for name in state.bulk_missing)
    return Decision("reverify", tuple(facts)) if facts else Decision("skip")


def _refuse_if_protected(stage: Stage[Any], fact: str) -> None:
    if stage.reverify is not None:
        raise MechvalError(
            f"{stage.name}: {fact}; allowed: restoring the committed files, or "
            f"force={stage.name} to redo the stage."
        )


def _code_facts(manifest: Manifest, key: StageKey) -> tuple[str, ...]:
    return () if manifest.code == key.code else ("its code changed",)


def _is_file_with(path: Path, digest: str) -> bool:
    return path.is_file() and hash_file(path) == digest
