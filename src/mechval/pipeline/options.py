"""How a pipeline is run, apart from what it computes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mechval.config import Config
from mechval.errors import MechvalError
from mechval.pipeline.manifest import Manifest
from mechval.pipeline.stage import Stage


@dataclass(frozen=True)
class RunOptions:
    """Options of one run.

    Attributes:
        run: the run's name, a folder name.
        seed: the run's seed.
        device: torch device for the stages.
        force: names of stages to redo, or ``("all",)``.
        yes: whether stages estimated above ``CONSENT_SECONDS`` may start.
        config: what ``config.json`` is to say: the resolved settings and what made them.
        overrides: command-line words to repeat in a suggested command.
    """

    run: str
    seed: int
    device: str = "cpu"
    force: tuple[str, ...] = ()
    yes: bool = False
    config: Mapping[str, Any] | None = None
    overrides: tuple[str, ...] = ()

    def command(self, stage: str) -> str:
        """The command that makes ``stage`` of this run."""
        return " ".join(["python -m experiments.run", f"+stage={stage}", *self.overrides])


@runtime_checkable
class Observer(Protocol):
    """Someone who wants to know what ran, such as an experiment tracker.

    Whatever it raises is logged as one warning; it never fails a stage.
    """

    def stage_started(self, name: str, settings: Config) -> None:
        """A stage is about to run."""
        ...

    def stage_finished(self, name: str, directory: Path, manifest: Manifest) -> None:
        """A stage has been published at ``directory``, which holds its ``run.json`` too."""
        ...


class SilentObserver:
    """An observer that does nothing."""

    def stage_started(self, name: str, settings: Config) -> None:
        """Do nothing."""

    def stage_finished(self, name: str, directory: Path, manifest: Manifest) -> None:
        """Do nothing."""


def select_stages(stages: Iterable[Stage[Any]], wanted: Iterable[str]) -> tuple[Stage[Any], ...]:
    """The wanted stages in pipeline order; ``all`` wants every one.

    Raises:
        MechvalError: naming an unknown stage and the known ones.
    """
    stages, wanted = tuple(stages), tuple(wanted)
    names = [stage.name for stage in stages]
    for name in wanted:
        if name not in ("all", *names):
            raise MechvalError(
                f"stage={name!r} is not allowed; allowed: {', '.join(['all', *names])}."
            )
    return tuple(stage for stage in stages if "all" in wanted or stage.name in wanted)


def require_known_force(force: Iterable[str], stages: Iterable[Stage[Any]]) -> None:
    """Check that every forced stage is one of the stages that run now.

    Raises:
        MechvalError: naming the wrong one.
    """
    names = ["all", *(stage.name for stage in stages)]
    for name in force:
        if name not in names:
            raise MechvalError(
                f"force={name!r} is not allowed here; allowed: {', '.join(names)} "
                "(the stages that this command runs)."
            )
