"""What :mod:`tests.end_to_end.campaign` stops: commands, and the folders that they start from."""

import shutil
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.commands import QUIET, ROOT, SMALL, Answer, run_module
from tests.settings import STAGES

FORMULA = "(x0|~x1)&(~x2|x4)"
MODULAR_STAGES = tuple(stage for stage in STAGES if stage not in ("nulls", "improve"))
MODULAR = ("study=modular_addition", "preset=smoke", "run=small", *QUIET)
DRAWN_STAGES = ("data", "train", "consolidate")
DRAWN = (
    *("preset=proved", *SMALL[1:], "problem.n_variables=3", "problem.n_clauses=6"),
    *("finishing.warmup_steps=0", "nulls.training.batch_size=64", "model.path=null"),
    *("model.kind=own", "consolidate.start=scratch", "consolidate.batch_size=16"),
    "consolidate.pool_formulas=64",
    *("consolidate.hard_batch_size=16", "consolidate.scratch.steps=4"),
    "consolidate.scratch.measure_every_steps=2",
)
"""A network that is drawn, and trained by tables alone."""


@dataclass(frozen=True)
class Job:
    """A command and the folder that it starts from.

    Attributes:
        disks: at how many operations the disk is full, at most.
        moments: how many kills at random it has to survive.
        uncompared: files that say when, or depend on what else there is.
    """

    name: str
    module: str
    words: tuple[str, ...]
    base: Path
    disks: int = 1000
    moments: int = 50
    uncompared: tuple[str, ...] = ("run.json", "index.html", "deviations.html")

    def run(self, place: Path, **fault: object) -> Answer:
        """Give the command in a folder."""
        return run_module(place, self.module, *self.words, **fault)  # pyright: ignore

    def require(self, condition: bool, found: object) -> None:
        """End the campaign unless something holds."""
        if not condition:
            sys.exit(f"{self.name}: {found}")

    def finish(self, place: Path) -> Path:
        """Give the command in a folder, where it has to succeed; that folder."""
        answer = self.run(place)
        self.require(answer.code == 0, answer)
        return place


def fresh(base: Path, place: Path) -> Path:
    """A copy of a folder, in the place of what is there."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base, place, symlinks=True)
    return place


def stage_jobs(bases: Path) -> Iterator[Job]:
    """Every stage, for the first time and again; the pages; networks that are drawn or brought."""
    nothing = bases / "nothing"
    (nothing / "results").mkdir(parents=True)
    base = yield from _stages("", STAGES, SMALL, nothing)
    yield Job("pages", "experiments.pages", (), base, uncompared=("run.json",))
    brought = bases / "brought"
    (brought / "results").mkdir(parents=True)
    shutil.copy(base / "results/two_sat/small/train/weights.safetensors", brought)
    words = ("+stage=[data,train]", *SMALL, "model.kind=weights", "model.path=weights.safetensors")
    yield Job("brought train", "experiments.run", words, brought, disks=4)
    yield from _stages("drawn ", DRAWN_STAGES, DRAWN, nothing)


def modular_jobs(bases: Path) -> Iterator[Job]:
    """Every stage of modular addition, for the first time and again, and the pages."""
    nothing = bases / "no sums"
    (nothing / "results").mkdir(parents=True)
    base = yield from _stages("modular ", MODULAR_STAGES, MODULAR, nothing)
    yield Job("modular pages", "experiments.pages", (), base, uncompared=("run.json",))


def _stages(
    start: str, stages: Sequence[str], words: tuple[str, ...], base: Path
) -> Generator[Job, None, Path]:
    for stage in stages:
        name, first = f"{start}{stage}", (f"+stage={stage}", *words)
        job = Job(name, "experiments.run", first, base, disks=4)
        yield job
        base = job.finish(fresh(base, base.with_name(name)))
        again = (*first, f"force={stage}")
        yield Job(f"{name} again", "experiments.run", again, base, disks=4)
    return base


def command_jobs(bases: Path) -> Iterator[Job]:
    """What writes results without being a stage, over what it wrote before."""
    committed, unread = bases / "committed", shutil.ignore_patterns("*.svg", "*.html")
    for name in ("results", "docs"):
        shutil.copytree(ROOT / name, committed / name, ignore=unread)
    shutil.copy(ROOT / "README.md", committed)
    runs = ("two_sat/published/report", "two_sat/reference")
    jobs = (
        ("experiments.validate", ("experiments.bring_your_own:question",), ()),
        ("experiments.paper_table", ("two_sat",), runs),
        ("experiments.explain", (FORMULA, "--html", "page.html"), runs),
        ("experiments.theorems", ("--check", "proved-n6-m12"), ("theorems/proved-n6-m12",)),
        ("experiments.readme", (), ("",)),
    )
    for module, words, read in jobs:
        base = bases / module
        for name in (".", *read):
            (base / "results" / name).parent.mkdir(parents=True, exist_ok=True)
            if name != ".":
                shutil.copytree(committed / "results" / name, base / "results" / name)
        (base / "results").mkdir(exist_ok=True)
        shutil.copytree(committed / "docs", base / "docs")
        stale = (committed / "README.md").read_text("utf-8").replace("<!-- /", "stale\n<!-- /")
        (base / "README.md").write_text(stale, "utf-8")
        job = Job(module, module, words, base)
        # What is up to date is not written again.
        if module != "experiments.readme":
            job.finish(base)
        yield job


def moment_jobs(bases: Path) -> Iterator[Job]:
    """A claim, and all stages at once."""
    nothing = bases / "nowhere"
    (nothing / "results").mkdir(parents=True)
    question = ("experiments.bring_your_own:question",)
    yield Job("claim", "experiments.validate", question, nothing)
    yield Job("small", "experiments.run", ("+stage=all", *SMALL), nothing)
    words = ("+stage=all", "preset=smoke", "run=smoke", *QUIET)
    yield Job("smoke", "experiments.run", words, nothing)
    yield Job("modular smoke", "experiments.run", (*words, MODULAR[0]), nothing, moments=20)
