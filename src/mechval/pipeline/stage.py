"""The contract between the pipeline and a case study: stages that turn artifacts into artifacts.

A stage is a value: its name, what it reads, what its result depends on, and functions of a
``StageContext``. Stage bodies import from this module (not from ``mechval.pipeline``), so that
their code digest depends on the contract and not on the machinery that runs them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import Field, model_validator

from mechval.config import Config, once_constant
from mechval.errors import MechvalError
from mechval.tables import Declared

Settings = TypeVar("Settings", bound=Config)


class ModelSource(Config):
    """The ``model`` block: whose network a study looks at.

    ``own`` is trained here, ``published`` is the authors' checkpoint, ``weights`` is a file of
    either kind that a later stage goes on from.
    """

    kind: Literal["own", "published", "weights"] = Field(
        default="own", description="own, published or weights"
    )
    path: str | None = Field(default=None, description="null, or the checkpoint's place")

    @model_validator(mode="after")
    def _file_has_a_path(self) -> "ModelSource":
        if self.kind != "own" and not self.path:
            raise ValueError(f"kind={self.kind} must come with model.path=<file>")
        if self.kind == "own" and self.path:
            raise ValueError(
                f"model.path={self.path} with kind=own is not allowed; allowed: with "
                "model=published, or with a preset that goes on from weights"
            )
        return self

    def checkpoint(self) -> Path:
        """Where the checkpoint lies; raises MechvalError if it does not."""
        path = Path(str(self.path))
        if not path.is_file():
            what = "published torch file" if self.kind == "published" else "weights to go on from"
            raise MechvalError(f"model.path={path} does not exist; allowed: the {what}.")
        return path


class PageConfig(Config):
    """The ``page`` block: conventions of a run's page, on which no stage's result depends."""

    bar: float = once_constant(
        0.05,
        "a number between 0 and 1, both excluded: an ε at or below it counts as holding",
        gt=0,
        lt=1,
    )


@dataclass(frozen=True)
class StageArtifacts:
    """Where one finished stage's tracked results (tables, figures, cards, weights) lie, and its
    large untracked outputs, which a fresh clone does not have."""

    directory: Path
    bulk: Path


@dataclass(frozen=True)
class StageContext(Generic[Settings]):
    """Everything one run of a stage may read and write.

    Attributes:
        settings: the study's settings.
        seed: a stage derives all its randomness from it.
        device: the torch device to compute on, e.g. ``cpu`` or ``cuda``.
        directory: empty directory for the tracked results.
        bulk: empty directory for large untracked outputs.
        scratch: untracked directory for checkpoints; it survives an interrupted attempt with the
            same config, seed, code and inputs, and is removed once the stage has completed.
        upstream: the artifacts of each upstream stage, by stage name.
        draw: whether figures are wanted; a verification compares none.
    """

    settings: Settings
    seed: int
    device: str
    directory: Path
    bulk: Path
    scratch: Path
    upstream: Mapping[str, StageArtifacts]
    draw: bool = True


@dataclass(frozen=True)
class Stage(Generic[Settings]):
    """One step of a case study.

    A stage without upstream makes its outputs from the seed alone, so verification requires its
    binary files to be byte-equal; elsewhere a different byte of a binary file is only reported.

    Attributes:
        name: the stage's name, e.g. ``axioms``.
        upstream: names of the stages whose artifacts it reads.
        optional: those of them that a run may lack altogether.
        judged_by: settings that only judge what is counted, such as ``axioms.confidence``.
        rejudge: makes the result, in the context's ``directory``, from the finished files that lie
            there, of a run that differs in such settings alone.
        modules: entry modules of ``mechval``; they and all they import make the code digest.
        run: computes the stage and writes into the context's ``directory`` and ``bulk``.
        config_slice: the part of the settings that the result depends on, as plain values.
        reverify: recomputes, from finished artifacts, what can be had without redoing the stage,
            and writes those files into the context's ``directory`` (tables only, not weights).
            A stage with it is never redone merely because code changed; its bulk files are for
            later stages to look at, and may be gone.
        estimate: how long ``run`` would take, in seconds.
        tables: every CSV and JSON file that it may write; a verification compares by them.
    """

    name: str
    upstream: tuple[str, ...]
    modules: tuple[str, ...]
    run: Callable[[StageContext[Settings]], None]
    config_slice: Callable[[Settings], Mapping[str, Any]]
    reverify: Callable[[StageContext[Settings], StageArtifacts], None] | None = None
    estimate: Callable[[StageContext[Settings]], float] | None = None
    tables: tuple[Declared, ...] = ()
    optional: tuple[str, ...] = ()
    judged_by: tuple[str, ...] = ()
    rejudge: Callable[[StageContext[Settings]], None] | None = None


@runtime_checkable
class CaseStudy(Protocol):
    """A study is a name and its stages in pipeline order."""

    @property
    def name(self) -> str:
        """The name used in paths and on the command line."""
        ...

    def stages(self, settings: Any, /) -> tuple[Stage[Any], ...]:
        """Return the stages in pipeline order; each one's upstream stages come before it."""
        ...
