"""Recomputing a committed run in an untracked place and comparing every value.

Nothing tracked is written and no figure is drawn. Every stage is recomputed, or checked through
its ``reverify``, on the committed outputs of the stages before it, which are what its own were
made from; what a fresh clone lacks of those, or was altered there, is taken from what was
recomputed. So a difference is found in the stage that it arises in, and in no later one.
"""

import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mechval.config import Config
from mechval.errors import MechvalError
from mechval.pipeline import places
from mechval.pipeline.decision import OutputState, changed_facts, output_state
from mechval.pipeline.manifest import FIGURES, Manifest, hash_files
from mechval.pipeline.recomputed import Difference, compare_hashes, compare_tracked
from mechval.pipeline.session import (
    RunOptions,
    Session,
    format_duration,
    require_consent,
    require_upstream,
    thread_count,
)
from mechval.pipeline.stage import CaseStudy, Stage, StageArtifacts

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageVerification:
    """What was found for one stage: differences, and committed files that ``reverify`` left alone.

    ``figures`` counts those of its manifest, which are neither drawn nor compared.
    """

    stage: str
    differences: tuple[Difference, ...]
    not_recomputed: tuple[str, ...]
    figures: int
    seconds: float


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
    workspace: places.Workspace,
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
        places.require_writable(session.verification_places(stage.name).directory)
    with places.run_lock(workspace.lock(study.name, options.run), options.run):
        require_upstream(session, selected)
        manifests = {stage.name: _committed_manifest(session, stage) for stage in selected}
        inputs: dict[str, StageArtifacts] = {
            stage.name: session.places(stage.name) for stage in session.stages
        }
        found = [_verify(session, stage, manifests[stage.name], inputs) for stage in selected]
    report = VerificationReport(tuple(found))
    _logger.info("%s", report.summary)
    return report


def _committed_manifest(session: Session, stage: Stage[Any]) -> Manifest:
    path = session.places(stage.name).manifest
    shown = session.workspace.display(path)
    command = session.options.command(stage.name)
    try:
        manifest = session.manifest(stage.name)
    except MechvalError:
        fault = "corrupt" if path.exists() else "missing"
        raise MechvalError(f"verify=true needs {shown}, which is {fault}; run: {command}") from None
    key = replace(session.key(stage), inputs=manifest.inputs)
    for fact in changed_facts(manifest, key):
        raise MechvalError(
            f"verify=true needs {shown} to be of this config ({fact}); run: {command}"
        )
    return manifest


def _verify(
    session: Session, stage: Stage[Any], manifest: Manifest, inputs: dict[str, StageArtifacts]
) -> StageVerification:
    """Verify one stage; ``inputs`` then says where later stages read its outputs."""
    started = time.perf_counter()
    committed = session.places(stage.name)
    recomputed = _recompute(session, stage, inputs)
    state = output_state(manifest, committed)
    differences, kept = _compare(session, stage, manifest, state, recomputed)
    if stage.reverify is None:
        is_bulk_whole = not (state.bulk_missing or state.bulk_changed)
        inputs[stage.name] = StageArtifacts(
            recomputed.directory if state.tracked else committed.directory,
            committed.bulk if is_bulk_whole else recomputed.bulk,
        )
    figures = sum(name.endswith(tuple(FIGURES)) for name in manifest.tracked)
    seconds = time.perf_counter() - started
    found = StageVerification(stage.name, differences, kept, figures, seconds)
    _tell(found)
    return found


def _recompute(
    session: Session, stage: Stage[Any], inputs: Mapping[str, StageArtifacts]
) -> StageArtifacts:
    _logger.info("%s: recomputing for verification", stage.name)
    before, now = session.manifest(stage.name).threads, thread_count(stage)
    if before != now and before is not None:
        told = "equal bytes are promised for equal counts alone"
        _logger.info("%s: made with %d threads, now %s; %s", stage.name, before, now, told)
    aside = session.verification_places(stage.name)
    upstream = {name: inputs[name] for name in session.upstream(stage)}
    with places.system_errors_told(stage.name):
        for directory in (aside.directory, aside.bulk, aside.scratch):
            places.clear_directory(directory)
        context = session.context(aside, aside.scratch, upstream, draw=False)
        if stage.reverify is not None:
            stage.reverify(context, session.places(stage.name))
        else:
            require_consent(session, stage, context)
            stage.run(context)
    shutil.rmtree(aside.scratch, ignore_errors=True)
    return aside


def _compare(
    session: Session,
    stage: Stage[Any],
    manifest: Manifest,
    state: OutputState,
    recomputed: StageArtifacts,
) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """Differences, and the names of committed files that ``reverify`` leaves alone."""
    partial, is_exact = stage.reverify is not None, not stage.upstream
    tracked = compare_tracked(
        session.places(stage.name).directory,
        manifest.tracked,
        recomputed.directory,
        stage.tables,
        partial=partial,
        exact_files=is_exact,
    )
    hashes = hash_files(recomputed.bulk)
    bulk = compare_hashes(manifest.bulk, hashes, partial=partial, exact=is_exact)
    # Committed files that are not what the manifest says, and inputs of other stages' making.
    altered = (
        Difference("manifest.json", fact, "as recorded", "changed", "equal", False)
        for fact in (*changed_facts(manifest, session.key(stage)), *state.tracked)
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
