"""Stages taken from another run, instead of being made again."""

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mechval.errors import MechvalError
from mechval.pipeline.decision import changed_facts, output_state
from mechval.pipeline.manifest import Manifest, StageKey, load_manifest
from mechval.pipeline.places import StagePlaces, system_errors_told
from mechval.pipeline.run import run_names
from mechval.pipeline.session import Session
from mechval.pipeline.stage import Stage, StageContext

_logger = logging.getLogger(__name__)


def take_stages(session: Session, selected: tuple[Stage[Any], ...]) -> None:
    """Take what the selected stages need and this run lacks from the run ``options.source``.

    A stage is taken if it has the same config, seed and inputs here and its files are what its
    manifest says. One that is selected and cannot be taken is left to be made.

    Raises MechvalError if there is no such run, it is this one, or a stage that is only read cannot
    be taken.
    """
    source = session.options.source
    if source is None:
        return
    runs = run_names(session.workspace, session.study.name)
    if source not in runs:
        raise MechvalError(
            f"from={source} is no finished run of study={session.study.name} here; allowed: "
            f"{', '.join(runs) or 'none yet'}."
        )
    if source == session.options.run:
        raise MechvalError(f"from={source} is this run itself; allowed: another one, or a change.")
    other = replace(session, options=replace(session.options, run=source))
    made = {stage.name for stage in selected}
    for stage in _needed(session, other, made):
        places = session.places(stage.name)
        is_forced = bool({"all", stage.name} & set(session.options.force) and stage.name in made)
        if places.manifest.exists() or is_forced:
            continue
        fault = _fault(session, other, stage)
        if not fault:
            with system_errors_told(stage.name):
                _copy(other.places(stage.name), places)
            _logger.info("%s: taken from run %s", stage.name, source)
        elif stage.name not in made:
            raise MechvalError(
                f"from={source} cannot give the stage {stage.name} ({fault}); allowed: a run with "
                f"the same settings of that stage, or {session.options.command(stage.name)} first."
            )


def take_counts(
    session: Session, stage: Stage[Any], key: StageKey, context: StageContext[Any]
) -> Manifest | None:
    """Copy the finished files of ``options.source`` if nothing but how they are judged differs.

    Returns their manifest; None, and nothing copied, if the stage is to count by itself.
    """
    source = session.options.source
    if source is None or stage.rejudge is None:
        return None
    places = session.workspace.stage(session.study.name, source, stage.name)
    try:
        found = load_manifest(places.manifest)
    except MechvalError:
        return None
    counted, wanted = (
        replace(each, config=_without(each.config, stage.judged_by))
        for each in (StageKey(found.config, found.seed, found.code, found.inputs), key)
    )
    if counted != wanted or output_state(found, places).tracked:
        return None
    for name in found.tracked:
        (context.directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(places.directory / name, context.directory / name)
    _logger.info(
        "%s: counts taken from run %s, judged anew (%s)",
        stage.name,
        source,
        ", ".join(changed_facts(found, key)),
    )
    return found


def _without(config: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """The config without those settings, given by their dotted names."""
    left = {**config}
    for setting in settings:
        block, _, inner = setting.partition(".")
        if block in left:
            left[block] = _without(left[block], [inner]) if inner else None
    return left


def _needed(session: Session, other: Session, names: set[str]) -> list[Stage[Any]]:
    """The named stages and all that they read, in pipeline order; what the other run lacks and they
    can do without is none of them."""
    needed = set(names)
    for stage in reversed(session.stages):
        if stage.name in needed:
            needed.update(other.upstream(stage))
    return [stage for stage in session.stages if stage.name in needed]


def _fault(session: Session, other: Session, stage: Stage[Any]) -> str:
    """Why a stage of the other run is not that of this one, in a phrase; empty if it is."""
    places = other.places(stage.name)
    try:
        manifest, key = other.manifest(stage.name), session.key(stage)
    except MechvalError as error:
        return str(error).rstrip(".")
    state = output_state(manifest, places)
    missing = () if stage.reverify is not None else state.bulk_missing
    lost = (f"{name} is missing" for name in missing)
    return next(iter((*changed_facts(manifest, key), *state.damage, *lost)), "")


def _copy(source: StagePlaces, target: StagePlaces) -> None:
    staging = target.make_staging()
    shutil.copytree(source.directory, staging.directory, dirs_exist_ok=True)
    if source.bulk.is_dir():
        shutil.copytree(source.bulk, staging.bulk, copy_function=_link, dirs_exist_ok=True)
    target.replace_outputs()


def _link(source: str, target: str) -> None:
    """A second name for a large file, which no stage ever changes in place; a copy elsewhere."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(Path(source), Path(target))
