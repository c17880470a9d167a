"""What running and verifying share: options, keys, contexts, whether upstream is complete."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mechval.config import Config
from mechval.errors import MechvalError
from mechval.pipeline import manifest as manifests
from mechval.pipeline.code_digest import code_digest
from mechval.pipeline.decision import changed_facts, output_state
from mechval.pipeline.manifest import Manifest, StageKey
from mechval.pipeline.places import StagePlaces, Workspace
from mechval.pipeline.stage import CaseStudy, Stage, StageArtifacts, StageContext

CONSENT_SECONDS = 4 * 3600.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """How the stages of one run are run, apart from what they compute.

    Attributes:
        run: the run's name, a folder name.
        force: names of stages to redo, or ``("all",)``.
        source: another run that stages are taken from, None to make all here.
        yes: whether stages estimated above ``CONSENT_SECONDS`` may start.
        config: what ``config.json`` is to say: the resolved settings and what made them.
        overrides: command-line words to repeat in a suggested command.
    """

    run: str
    seed: int
    device: str = "cpu"
    force: tuple[str, ...] = ()
    source: str | None = None
    yes: bool = False
    config: Mapping[str, Any] | None = None
    overrides: tuple[str, ...] = ()

    def command(self, stage: str) -> str:
        """The command that makes ``stage`` of this run."""
        return " ".join(["python -m experiments.run", f"+stage={stage}", *self.overrides])


@dataclass(frozen=True)
class Session:
    """One study with its settings and options, in its places."""

    study: CaseStudy
    settings: Config
    workspace: Workspace
    options: RunOptions

    @property
    def stages(self) -> tuple[Stage[Any], ...]:
        """All stages of the study, in pipeline order."""
        return self.study.stages(self.settings)

    def select(self, wanted: Iterable[str]) -> tuple[Stage[Any], ...]:
        """The wanted stages in pipeline order; ``all`` wants every one.

        Raises MechvalError naming an unknown stage and the known ones.
        """
        wanted = tuple(wanted)
        names = ["all", *(stage.name for stage in self.stages)]
        for name in wanted:
            if name not in names:
                raise MechvalError(f"stage={name!r} is not allowed; allowed: {', '.join(names)}.")
        return tuple(stage for stage in self.stages if {"all", stage.name} & set(wanted))

    def places(self, stage: str) -> StagePlaces:
        """Where a stage of this run lies."""
        return self.workspace.stage(self.study.name, self.options.run, stage)

    def verification_places(self, stage: str) -> StagePlaces:
        """Where a stage of this run is recomputed."""
        return self.workspace.verification(self.study.name, self.options.run, stage)

    def manifest(self, stage: str) -> Manifest:
        """Read a finished stage's manifest."""
        return manifests.load_manifest(self.places(stage).manifest)

    def key(self, stage: Stage[Any]) -> StageKey:
        """What the stage's result depends on now; its upstream stages must be finished."""
        return StageKey(
            config=manifests.plain_values(stage.config_slice(self.settings)),
            seed=self.options.seed,
            code=code_digest(stage.modules),
            inputs=manifests.upstream_inputs(
                {name: self.manifest(name) for name in self.upstream(stage)}
            ),
        )

    def upstream(self, stage: Stage[Any]) -> tuple[str, ...]:
        """The stages that it reads: all of its upstream but optional ones that are not made."""
        return tuple(
            name
            for name in stage.upstream
            if name not in stage.optional or self.places(name).manifest.exists()
        )

    def context(
        self,
        staging: StageArtifacts,
        scratch: Path,
        upstream: Mapping[str, StageArtifacts],
        *,
        draw: bool = True,
    ) -> StageContext[Any]:
        """A stage's view of this session."""
        scratch.mkdir(parents=True, exist_ok=True)
        return StageContext(
            settings=self.settings,
            seed=self.options.seed,
            device=self.options.device,
            directory=staging.directory,
            bulk=staging.bulk,
            scratch=scratch,
            upstream=dict(upstream),
            draw=draw,
        )


def require_upstream(session: Session, selected: tuple[Stage[Any], ...]) -> None:
    """Check the stages that the selected ones read and that do not run now.

    Raises MechvalError naming the first missing, damaged or outdated artifact and the command
    that makes it.
    """
    running = {stage.name for stage in selected}
    by_name = {stage.name: stage for stage in session.stages}
    for stage in selected:
        for name in session.upstream(stage):
            if name in running:
                continue
            for artifact, fault in _faults(session, by_name[name]):
                raise MechvalError(
                    f"{stage.name} needs {session.workspace.display(artifact)}, which {fault}; "
                    f"run: {session.options.command(name)}"
                )


def require_consent(session: Session, stage: Stage[Any], context: StageContext[Any]) -> None:
    """Tell how long a stage will take.

    Raises MechvalError if the estimate is above ``CONSENT_SECONDS`` and ``yes`` is not set.
    """
    if stage.estimate is None:
        return
    seconds = float(stage.estimate(context))
    _logger.info("%s: estimated time %s", stage.name, format_duration(seconds))
    if seconds > CONSENT_SECONDS and not session.options.yes:
        raise MechvalError(
            f"{stage.name}: the estimated time is {format_duration(seconds)}; above "
            f"{format_duration(CONSENT_SECONDS)} allowed only with yes=true; run: "
            f"{session.options.command(stage.name)} yes=true"
        )


def thread_count(stage: Stage[Any]) -> int | None:
    """How many threads torch adds with now; None for a stage made from the seed alone."""
    return torch.get_num_threads() if stage.upstream else None


def format_duration(seconds: int | float) -> str:
    """A duration for people.

    >>> format_duration(42), format_duration(600), format_duration(20000)
    ('42 s', '10 min', '5.6 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _faults(session: Session, stage: Stage[Any]) -> Iterable[tuple[Path, str]]:
    """What is wrong with a finished stage, worst first: a file or folder and a phrase."""
    places = session.places(stage.name)
    if not places.manifest.exists():
        yield places.manifest, "is missing"
    try:
        manifest = manifests.load_manifest(places.manifest)
    except MechvalError:
        yield places.manifest, "is corrupt"
        return
    state = output_state(manifest, places)
    for name in state.tracked:
        yield places.directory / name, "is missing or differs from its manifest"
    for name in state.bulk_changed:
        yield places.bulk / name, "differs from its manifest"
    if stage.reverify is None:
        for name in state.bulk_missing:
            yield places.bulk / name, "is missing"
    for fact in _outdated_facts(session, stage, manifest):
        yield places.directory, f"is outdated ({fact})"


def _outdated_facts(session: Session, stage: Stage[Any], manifest: Manifest) -> tuple[str, ...]:
    try:
        key = session.key(stage)
    except MechvalError:
        # Its own upstream is gone: what can be checked without it is its config and seed.
        config = manifests.plain_values(stage.config_slice(session.settings))
        key = StageKey(config, session.options.seed, manifest.code, manifest.inputs)
    return changed_facts(manifest, key)
