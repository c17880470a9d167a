"""How a pipeline is run, apart from what it computes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mechval.pipeline.manifest import Manifest

Observer: TypeAlias = Callable[[str, Path, Manifest], None]
"""Told of a stage that has run: its name, its folder (with ``run.json``) and its manifest.

Whatever it raises is logged as one warning; it never fails a stage.
"""


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
