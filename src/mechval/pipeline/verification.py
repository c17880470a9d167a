"""Recomputing a committed run in an untracked place and comparing every value.

Nothing tracked is written. A stage with ``reverify`` is checked through it, on the committed
artifacts and on the committed inputs that they were made from; every other one is recomputed in
full from the recomputed stages before it.
"""

import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mechval.config import Config
from mechval.errors import MechvalError
from mechval.pipeline.comparison import Difference, compare_hashes, compare_tracked
from mechval.pipeline.decision import changed_facts, output_state
from mechval.pipeline.guards import full_disk_told, require_writable, run_lock
from mechval.pipeline.manifest import Manifest, hash_files
from mechval.pipeline.options import RunOptions, select_stages
from mechval.pipeline.session import (
    Session,
    clear_directory,
    require_consent,
    require_upstream,
)
from mechval.pipeline.stage import CaseStudy, Stage, StageArtifacts
from mechval.pipeline.workspace import StagePlaces, Workspace

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageVerification:
    """What was found for one stage."""

    stage: str
    differences: tuple[Difference, ...]
    not_recomputed: tuple[str, ...]

    @property
    def has_equal_tables(self) -> bool:
        """Whether no value of a JSON or CSV file differs, not even within tolerance."""
        return not any(item.path.endswith((".json", ".csv")) for item in self.differences)


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


def verify_stages(
    study: CaseStudy,
    settings: Config,
    wanted: Iterable[str],
    workspace: Workspace,
    options: RunOptions,
) -> VerificationReport:
    """Recompute the wanted stages and compare them with the committed ones.

    Every difference is logged as it is found.

    Raises:
        MechvalError: if there is nothing committed for this config, an upstream stage is
            incomplete, the disk is full, or the run is in use.
    """
    session = Session(study, settings, workspace, options)
    selected = select_stages(session.stages, wanted)
    for stage in selected:
        require_writable(session.verification_places(stage.name).directory)
    with run_lock(workspace.lock(study.name, options.run), options.run):
        require_upstream(session, selected)
        manifests = {stage.name: _committed_manifest(session, stage) for stage in selected}
        report = _verify_all(session, selected, manifests)
    _summarise(report)
    return report


def _verify_all(
    session: Session, selected: tuple[Stage[Any], ...], manifests: dict[str, Manifest]
) -> VerificationReport:
    committed = {stage.name: session.places(stage.name).artifacts for stage in session.stages}
    latest = dict(committed)
    found: list[StageVerification] = []
    for stage in selected:
        _recompute(session, stage, committed, latest)
        recomputed = session.verification_places(stage.name)
        tables_equal = all(item.has_equal_tables for item in found)
        found.append(_compare(session, stage, manifests[stage.name], recomputed, tables_equal))
        _tell(found[-1])
        if stage.reverify is None:
            latest[stage.name] = recomputed.artifacts
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
    key_facts = changed_facts(manifest, session.key(stage))
    facts = [fact for fact in key_facts if not fact.startswith("input ")]
    if facts:
        raise MechvalError(
            f"verify=true needs {shown} to be of this config ({facts[0]}); run: {command}"
        )
    return manifest


def _recompute(
    session: Session,
    stage: Stage[Any],
    committed: dict[str, StageArtifacts],
    latest: dict[str, StageArtifacts],
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
    context = session.context(staging, clear_directory(places.scratch), upstream)
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
    recomputed: StagePlaces,
    tables_equal: bool,
) -> StageVerification:
    places = session.places(stage.name)
    partial, is_exact = stage.reverify is not None, not stage.upstream
    tracked = compare_tracked(
        places.directory,
        recomputed.directory,
        partial=partial,
        exact_files=is_exact,
        tables_equal=tables_equal,
    )
    bulk = compare_hashes(
        manifest.bulk, hash_files(recomputed.bulk), partial=partial, exact=is_exact
    )
    found = (*_manifest_differences(session, stage, manifest), *tracked.differences)
    return StageVerification(
        stage.name,
        (*found, *bulk.differences),
        (*tracked.not_recomputed, *bulk.not_recomputed) if partial else (),
    )


def _manifest_differences(
    session: Session, stage: Stage[Any], manifest: Manifest
) -> tuple[Difference, ...]:
    """Committed files that are not what the manifest says, and inputs of other stages' making."""
    facts = changed_facts(manifest, session.key(stage))
    facts += output_state(manifest, session.places(stage.name)).tracked
    return tuple(
        Difference("manifest.json", fact, "as recorded", "changed", "equal", False)
        for fact in facts
    )


def _tell(stage: StageVerification) -> None:
    for item in stage.differences:
        verdict = "within tolerance" if item.is_allowed else "DIFFERS"
        _logger.info("%s: %s: %s", stage.stage, verdict, item)
    for name in stage.not_recomputed:
        _logger.info("%s: not recomputed: %s", stage.stage, name)


def _summarise(report: VerificationReport) -> None:
    total = sum(len(stage.differences) for stage in report.stages)
    failures = len(report.failures)
    _logger.info(
        "verification: %d stages, %d differences beyond tolerance, %d within",
        len(report.stages),
        failures,
        total - failures,
    )
