"""Running the wanted stages of a study: skip what is up to date, make the rest whole."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mechval.config import Config
from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.pipeline import manifest as manifests
from mechval.pipeline import places as placing
from mechval.pipeline.decision import Decision, decide
from mechval.pipeline.headline import headline
from mechval.pipeline.manifest import Manifest, StageKey
from mechval.pipeline.places import StagePlaces, Workspace
from mechval.pipeline.recomputed import compare_tracked
from mechval.pipeline.run_name import load_run_config, values_of
from mechval.pipeline.run_record import read_run_record, record_run
from mechval.pipeline.session import (
    RunOptions,
    Session,
    format_duration,
    require_consent,
    require_upstream,
    thread_count,
)
from mechval.pipeline.stage import CaseStudy, Stage, StageContext
from mechval.pipeline.taking import take_counts, take_stages

_SHOWN_FACTS = 3


@runtime_checkable
class Observer(Protocol):
    """Is told of the stages that run. Whatever it raises is logged as one warning; it never fails a
    stage."""

    def started(self, stage: str, key: StageKey) -> None:
        """A stage begins, or goes on after an interruption, with what its result depends on."""
        ...

    def finished(self, stage: str, directory: Path, manifest: Manifest) -> None:
        """Its outputs are in their place; its folder has a ``run.json``."""
        ...

    def failed(self, stage: str) -> None:
        """It was stopped by an error or an interruption."""
        ...


_logger = logging.getLogger(__name__)


def run_stages(
    study: CaseStudy,
    settings: Config,
    wanted: Iterable[str],
    workspace: Workspace,
    options: RunOptions,
    observer: Observer | None = None,
) -> None:
    """Bring the wanted stages (names, or ``all``) up to date, in pipeline order.

    Raises:
        MechvalError: for an unknown stage, an incomplete or outdated upstream stage, a folder
            that cannot be written, a run in use or one that cannot be taken from, an error of the
            operating system (a full disk among them), an estimate that needs consent, or trained
            weights that no longer verify.
    """
    session = Session(study, settings, workspace, options)
    selected = session.select(wanted)
    _require_known_force(options.force, selected)
    for stage in selected:
        places = session.places(stage.name)
        for directory in (places.directory, places.bulk, places.scratch):
            placing.require_writable(directory)
    with placing.run_lock(workspace.lock(study.name, options.run), options.run):
        for stage in session.stages:
            session.places(stage.name).recover()
        take_stages(session, selected)
        require_upstream(session, selected)
        for stage in selected:
            _advance(session, stage, observer)


def _require_known_force(force: Iterable[str], stages: tuple[Stage[Any], ...]) -> None:
    names = ["all", *(stage.name for stage in stages)]
    for name in force:
        if name not in names:
            raise MechvalError(
                f"force={name!r} is not allowed here; allowed: {', '.join(names)} "
                "(the stages that this command runs)."
            )


def _advance(session: Session, stage: Stage[Any], observer: Observer | None) -> None:
    places, key = session.places(stage.name), session.key(stage)
    decision = decide(stage, places, key, _is_forced(session, stage))
    _logger.info("%s: %s", stage.name, _describe(decision, places))
    if decision.action == "run":
        for name in set(stage.upstream) - set(session.upstream(stage)):
            told = f"which this run lacks; +stage={name} makes it"
            _logger.info("%s: without the stage %s, %s", stage.name, name, told)
        try:
            manifest = _run(session, stage, key, observer)
        except BaseException:
            _notify(observer, lambda told: told.failed(stage.name))
            raise
        _tell(session, stage)
        _notify(observer, lambda told: told.finished(stage.name, places.directory, manifest))
    elif decision.action == "reverify":
        _reverify(session, stage, key)
    # After a skip as well: a kill may have come between the result and this.
    places.forget_scratch()
    _keep_config(session)


def _is_forced(session: Session, stage: Stage[Any]) -> bool:
    return bool({"all", stage.name} & set(session.options.force))


def _tell(session: Session, stage: Stage[Any]) -> None:
    """Three lines: the headline numbers, the folder, the seconds."""
    places = session.places(stage.name)
    _logger.info("%s: %s", stage.name, headline(stage, places.directory))
    _logger.info("%s: in %s", stage.name, session.workspace.display(places.directory))
    if record := read_run_record(places.run_record):
        _logger.info("%s: took %s", stage.name, format_duration(record.seconds))


def _describe(decision: Decision, places: StagePlaces) -> str:
    if decision.action == "skip":
        return "up to date, skipped"
    facts = ", ".join(decision.facts[:_SHOWN_FACTS])
    if len(decision.facts) > _SHOWN_FACTS:
        facts += f" and {len(decision.facts) - _SHOWN_FACTS} more"
    if decision.action == "reverify":
        return f"verifies the finished result because {facts}"
    return f"{'reruns' if places.manifest.exists() else 'runs'} because {facts}"


def _run(session: Session, stage: Stage[Any], key: StageKey, observer: Observer | None) -> Manifest:
    places = session.places(stage.name)
    with _attempt(session, stage, key) as context:
        require_consent(session, stage, context)
        _notify(observer, lambda told: told.started(stage.name, key))
        started = datetime.now(UTC)
        threads = _compute(session, stage, key, context)
        manifest = manifests.make_manifest(
            stage.name, key, context.directory, context.bulk, threads
        )
        _write(context.directory / "manifest.json", manifests.manifest_text(manifest))
        record = record_run("run", session.workspace.root, context.device, started)
        _write(context.directory / "run.json", record)
        _keep_config(session)
        places.replace_outputs()
    return manifest


def _compute(
    session: Session, stage: Stage[Any], key: StageKey, context: StageContext[Any]
) -> int | None:
    """Run the stage, or judge anew what another run counted; returns the threads that counted."""
    counted = None if _is_forced(session, stage) else take_counts(session, stage, key, context)
    if counted is None or stage.rejudge is None:
        stage.run(context)
        return thread_count(stage)
    stage.rejudge(context)
    return counted.threads


def _reverify(session: Session, stage: Stage[Any], key: StageKey) -> None:
    assert stage.reverify is not None
    places, old = session.places(stage.name), session.manifest(stage.name)
    with _attempt(session, stage, key) as context:
        started = datetime.now(UTC)
        stage.reverify(context, places)
        comparison = compare_tracked(
            places.directory, old.tracked, context.directory, stage.tables, partial=True
        )
        for item in comparison.differences:
            if not item.is_allowed:
                raise MechvalError(
                    f"{stage.name}: the finished result no longer verifies ({item}); allowed: "
                    f"code that reproduces it, or force={stage.name} to redo the stage."
                )
        places.recover()
        manifest = old.model_copy(update={"code": key.code, "inputs": key.inputs})
        _write(places.manifest, manifests.manifest_text(manifest))
        record = record_run("reverify", session.workspace.root, context.device, started)
        _write(places.run_record, record)
    _logger.info("%s: verified, kept", stage.name)


@contextmanager
def _attempt(session: Session, stage: Stage[Any], key: StageKey) -> Iterator[StageContext[Any]]:
    """Staging directories that are gone after any failure, Ctrl-C included; scratch stays."""
    places = session.places(stage.name)
    upstream = {name: session.places(name) for name in session.upstream(stage)}
    try:
        with placing.system_errors_told(stage.name):
            yield session.context(places.make_staging(), places.scratch / key.digest, upstream)
    except BaseException:
        # Not a plain removal: the interruption may have come in the middle of the swap.
        places.recover()
        places.forget_if_empty()
        raise


def _keep_config(session: Session) -> None:
    """Write ``config.json``, unless it says the same values, perhaps in other words."""
    record = session.options.config
    path = session.workspace.run_config(session.study.name, session.options.run)
    if record is None:
        return
    kept = load_run_config(path)
    if kept is None or "words" not in kept or values_of(kept) != values_of(record):
        _write(path, manifests.json_text(record))


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())


def _notify(observer: Observer | None, tell: Callable[[Observer], None]) -> None:
    try:
        if observer is not None:
            tell(observer)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        _logger.warning("experiment tracking failed (%s: %s)", type(error).__name__, reason)
