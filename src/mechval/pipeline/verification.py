"""Recomputing a committed run in an untracked place and comparing every value.

Nothing tracked is written and no figure is drawn. A stage with ``reverify`` is checked through it,
on the committed artifacts and on the committed inputs that they were made from; every other one is
recomputed in full from the recomputed stages before it.
"""

import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mechval.config import Config
from mechval.errors import MechvalError
from mechval.pipeline.comparison import TABLES, Difference, compare_hashes, compare_tracked
from mechval.pipeline.decision import changed_facts, output_state
from mechval.pipeline.manifest import FIGURES, Manifest, hash_files
from mechval.pipeline.options import RunOptions
from mechval.pipeline.places import (
    Workspace,
    clear_directory,
    full_disk_told,
    require_writable,
    run_lock,
)
from mechval.pipeline.session import Session, format_duration, require_consent, require_upstream
from mechval.pipeline.stage import CaseStudy, Stage, StageArtifacts

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageVerification:
    """What was found for one stage.

    Attributes:
        figures: how many figures its manifest lists; they are neither drawn nor compared.
        seconds: how long recomputing and comparing took.
    """

    stage: str
    differences: tuple[Difference, ...]
    not_recomputed: tuple[str, ...]
    figures: int
    seconds: float

    @property
    def has_equal_tables(self) -> bool:
        """Whether no value of a JSON or CSV file differs, not even within tolerance."""
        return not any(item.path.endswith(tuple(TABLES)) for item in self.differences)


@dataclass(frozen=True)
class VerificationReport:
    """What was found for each verified stage, in pipeline order."""

    stages: tuple[StageVerification, ...]

    @property
    def failures(self) -> tuple[Difference, ...]:
        """Differences beyond tolerance."""
        return tuple(
            item for stage in self.stages for item in stage.differences if not item.is_allowed
        )

    @property
    def summary(self) -> str:
        """Five lines, what differs first."""
        failures = [
            f"{stage.stage}/{item.path}"
            for stage in self.stages
            for item in stage.differences
            if not item.is_allowed
        ]
        within = sum(len(stage.differences) for stage in self.stages) - len(failures)
        kept = [stage for stage in self.stages if stage.not_recomputed]
        files = ", ".join(dict.fromkeys(failures)) or "none"
        told = ", ".join(f"{len(stage.not_recomputed)} of {stage.stage}" for stage in kept)
        times = ", ".join(f"{item.stage} {format_duration(item.seconds)}" for item in self.stages)
        return "\n".join(
            (
                f"verification: {len(failures)} differences beyond tolerance, {within} within",
                f"files that differ: {files}",
                f"files kept and checked by what they measure: {told or 'none'}",
                f"figures present, not redrawn: {sum(stage.figures for stage in self.stages)}",
                f"{len(self.stages)} stages: {times}",
            )
        )


def verify_stages(
    study: CaseStudy,
    settings: Config,
    wanted: Iterable[str],
    workspace: Workspace,
    options: RunOptions,
) -> VerificationReport:
    """Recompute the wanted stages and compare them with the committed ones.

    Every difference beyond tolerance is logged as it is found, and a summary at the end.

    Raises:
        MechvalError: if there is nothing committed for this config, an upstream stage is
            incomplete, the disk is full, or the run is in use.
    """
    session = Session(study, settings, workspace, options)
    selected = session.select(wanted)
    for stage in selected:
        require_writable(session.verification_places(stage.name).directory)
    with run_lock(workspace.lock(study.name, options.run), options.run):
        require_upstream(session, selected)
        manifests = {stage.name: _committed_manifest(session, stage) for stage in selected}
        report = _verify_all(session, selected, manifests)
    _logger.info("%s", report.summary)
    return report


def _verify_all(
    session: Session, selected: tuple[Stage[Any], ...], manifests: Mapping[str, Manifest]
) -> VerificationReport:
    committed = {stage.name: session.places(stage.name) for stage in session.stages}
    latest = dict(committed)
    found: list[StageVerification] = []
    for stage in selected:
        started = time.perf_counter()
        _recompute(session, stage, committed, latest)
        recomputed = session.verification_places(stage.name)
        tables_equal = all(item.has_equal_tables for item in found)
        comparison = _compare(session, stage, manifests[stage.name], recomputed, tables_equal)
        figures = [name for name in manifests[stage.name].tracked if name.endswith(tuple(FIGURES))]
        seconds = time.perf_counter() - started
        found.append(StageVerification(stage.name, *comparison, len(figures), seconds))
        _tell(found[-1])
        if stage.reverify is None:
            latest[stage.name] = recomputed
    return VerificationReport(tuple(found))


def _committed_manifest(session: Session, stage: Stage[Any]) -> Manifest:
    path = session.places(stage.name).manifest
    shown = session.workspace.display(path)
    command = session.options.command(stage.name)
    try:
        manifest = session.manifest(stage.name)
    except MechvalError:
        fault = "corrupt" if path.exists() else "missing"
        raise MechvalError(f"verify=true needs {shown}, which is {fault}; run: {command}") from None
    for fact in changed_facts(manifest, session.key(stage)):
        if not fact.startswith("input "):
            raise MechvalError(
                f"verify=true needs {shown} to be of this config ({fact}); run: {command}"
            )
    return manifest


def _recompute(
    session: Session,
    stage: Stage[Any],
    committed: Mapping[str, StageArtifacts],
    latest: Mapping[str, StageArtifacts],
) -> None:
    _logger.info("%s: recomputing for verification", stage.name)
    places = session.verification_places(stage.name)
    staging = StageArtifacts(clear_directory(places.directory), clear_directory(places.bulk))
    upstream = {name: latest[name] for name in stage.upstream}
    if stage.reverify is not None:
        # Untracked files are not there in a fresh clone: they come from what was recomputed.
        upstream = {
            name: StageArtifacts(committed[name].directory, artifacts.bulk)
            for name, artifacts in upstream.items()
        }
    context = session.context(staging, clear_directory(places.scratch), upstream, draw=False)
    with full_disk_told(stage.name):
        if stage.reverify is not None:
            stage.reverify(context, committed[stage.name])
        else:
            require_consent(session, stage, context)
            stage.run(context)
    shutil.rmtree(places.scratch, ignore_errors=True)


def _compare(
    session: Session,
    stage: Stage[Any],
    manifest: Manifest,
    recomputed: StageArtifacts,
    tables_equal: bool,
) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """Differences, and the names of committed files that ``reverify`` leaves alone."""
    places = session.places(stage.name)
    partial, is_exact = stage.reverify is not None, not stage.upstream
    tracked = compare_tracked(
        places.directory,
        recomputed.directory,
        stage.tables,
        partial=partial,
        exact_files=is_exact,
        tables_equal=tables_equal,
    )
    hashes = hash_files(recomputed.bulk)
    bulk = compare_hashes(manifest.bulk, hashes, partial=partial, exact=is_exact)
    # Committed files that are not what the manifest says, and inputs of other stages' making.
    facts = changed_facts(manifest, session.key(stage)) + output_state(manifest, places).tracked
    altered = (
        Difference("manifest.json", fact, "as recorded", "changed", "equal", False)
        for fact in facts
    )
    kept = (*tracked.not_recomputed, *bulk.not_recomputed) if partial else ()
    return (*altered, *tracked.differences, *bulk.differences), kept


def _tell(stage: StageVerification) -> None:
    within = [item for item in stage.differences if item.is_allowed]
    for item in stage.differences:
        if not item.is_allowed:
            _logger.info("%s: DIFFERS: %s", stage.stage, item)
    if within:
        told = f"{len(within)} values within tolerance, the first: {within[0]}"
        _logger.info("%s: %s", stage.stage, told)
