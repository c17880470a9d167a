"""Every command stopped at every file operation.

``python -m tests.end_to_end.campaign [PART …] [JOB …]``. Parts are ``kills`` (before each
operation), ``disks`` (full from an operation on) and ``moments`` (SIGKILL at random, over and over
until the command is done). A job is named as it is told (``train``, ``experiments.validate``); all
are done unless some are named. Told is at how many places each was stopped; the first thing that is
not as it should be ends the campaign. All of it takes an hour or more;
:mod:`tests.unit.pipeline.test_faults` is the part of it that takes seconds.
"""

import hashlib
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mechval.pipeline import Workspace
from tests.end_to_end.commands import QUIET, ROOT, SMALL, Answer, run_module
from tests.end_to_end.conftest import STAGES
from tests.faults import Fault

UNCOMPARED = ("run.json", "index.html", "deviations.html")
"""They say when, or depend on what else there is."""
FEWEST_MOMENTS = 50
FORMULA = "(x0|~x1)&(~x2|x4)"

Tree = dict[str, str]


@dataclass(frozen=True)
class Job:
    """A command, the folder that it starts from, and how many full disks are enough."""

    name: str
    module: str
    words: tuple[str, ...]
    base: Path
    disks: int = 1000

    def run(self, place: Path, **fault: object) -> Answer:
        """Give the command in a folder."""
        return run_module(place, self.module, *self.words, **fault)  # pyright: ignore

    def expected(self, scratch: Path) -> tuple[Tree, int, int]:
        """What it makes, and how many operations that takes: all, and those that need space."""
        counts = []
        for kind in ("kill", "full disk"):
            place = fresh(self.base, scratch / "expected")
            answer = self.run(place, fault=Fault(kind, str(place), 0, every=True))
            require(answer.code == 0, self, answer)
            counts.append(answer.operations)
        return tree(place), counts[0], counts[1]


def tree(place: Path) -> Tree:
    """The digest of every file that is a result, and the names of those that should be gone."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_file() and path.name not in UNCOMPARED and not name.startswith("build/"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif name.startswith("build/scratch/") and path.is_file():
            found[name] = "a leftover"
    return found


def fresh(base: Path, place: Path) -> Path:
    """A copy of a folder, in the place of what is there."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base, place, symlinks=True)
    return place


def require(condition: bool, job: Job, found: object) -> None:
    """Stop the campaign unless something holds."""
    if not condition:
        sys.exit(f"{job.name}: {found}")


def differing(first: Tree, second: Tree) -> list[str]:
    """The names that are not the same in both."""
    return sorted(name for name in first | second if first.get(name) != second.get(name))


def whole(place: Path) -> str:
    """One digest of all that the next command can see, once it has recovered."""
    for study in (place / "results").glob("*"):
        for run in filter(Path.is_dir, study.glob("*")):
            for stage in STAGES:
                Workspace(place).stage(study.name, run.name, stage).recover()
    found = [(path.relative_to(place), path) for path in place.rglob("*") if path.is_file()]
    parts = sorted(
        (str(name), path.read_bytes())
        for name, path in found
        if not any(map(_goes_first, name.parts)) and not is_log(name)
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def is_log(name: Path) -> bool:
    """Whether a file is Hydra's, a lock, or says when something ran."""
    return (name.parts[0] == "build" and name.parts[1] != "scratch") or name.name == "run.json"


def _goes_first(part: str) -> bool:
    """Whether something of this name is of an attempt: the next one removes or overwrites it."""
    return part.startswith(".") and not part.endswith(".old")


def try_kills(job: Job, scratch: Path) -> str:
    """Kill before each operation; the same command then gives the same bytes and leaves nothing."""
    expected, n, _ = job.expected(scratch)
    place = fresh(job.base, scratch / "killed")
    states = Path(f"{place}.before")
    answer = job.run(place, fault=Fault("copy", str(place), every=True))
    require(answer.code == 0, job, answer)
    seen = set()
    for state in sorted(states.iterdir(), key=lambda path: int(path.name)):
        # Where recovery leaves what it left before, the rest is the same command from there.
        if (digest := whole(state)) not in seen:
            seen.add(digest)
            fresh(state, place)
            answer = job.run(place)
            require(answer.code == 0, job, answer)
            require(not (names := differing(tree(place), expected)), job, (state.name, names))
    shutil.rmtree(states)
    return f"before each of {n} operations, {len(seen)} states once recovered"


def try_disks(job: Job, scratch: Path) -> str:
    """Fill the disk from an operation on: one sentence, the old results, then the new ones."""
    before, (expected, _, n) = tree(job.base), job.expected(scratch)
    places = sorted(set(range(1, n + 1)[:: max(1, n // job.disks)]))
    stopped = 0
    for number in places:
        place = fresh(job.base, scratch / "full")
        answer = job.run(place, fault=Fault("full disk", str(place), number, every=True))
        if answer.code == 0:
            require(not differing(tree(place), expected), job, (number, answer))
            continue
        stopped += 1
        is_told = answer.code == 2 and answer.stderr.count("\n") == 1
        require(is_told and "Traceback" not in answer.stderr, job, (number, answer))
        changed = [name for name in differing(tree(place), before) if name in before]
        require(not changed, job, (number, changed))
        answer = job.run(place)
        require(answer.code == 0, job, (number, answer))
        require(not (names := differing(tree(place), expected)), job, (number, names))
    return f"full at {stopped} of {n} places"


def stage_jobs(bases: Path) -> Iterator[Job]:
    """Every stage, for the first time and again."""
    base = bases / "nothing"
    (base / "results").mkdir(parents=True)
    for stage in STAGES:
        words = (f"+stage={stage}", *SMALL)
        job = Job(f"{stage}", "experiments.run", words, base, disks=4)
        yield job
        base = fresh(base, bases / stage)
        require(job.run(base).code == 0, job, "cannot be made")
        again = (*words, f"force={stage}")
        yield Job(f"{stage} again", "experiments.run", again, base, disks=4)
    yield Job("pages", "experiments.pages", (), base)


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
            require((answer := job.run(base)).code == 0, job, answer)
        yield job


def try_moments(job: Job, scratch: Path) -> str:
    """Kill at random moments, each time giving the same command again, until it is done."""
    expected, _, _ = job.expected(scratch)
    started = time.monotonic()
    job.run(fresh(job.base, scratch / "moments"))
    longest, rng = time.monotonic() - started, random.Random(0)
    kills = runs = 0
    while kills < FEWEST_MOMENTS:
        place = fresh(job.base, scratch / "moments")
        while (answer := job.run(place, seconds=rng.uniform(0, longest))).code == -signal.SIGKILL:
            kills += 1
        runs += 1
        require(answer.code == 0, job, answer)
        require(not (names := differing(tree(place), expected)), job, (runs, names))
    return f"{kills} kills at random, {runs} times until it was done"


def moment_jobs(bases: Path) -> Iterator[Job]:
    """A claim, and all stages at once."""
    nothing = bases / "nowhere"
    (nothing / "results").mkdir(parents=True)
    question = ("experiments.bring_your_own:question",)
    yield Job("claim", "experiments.validate", question, nothing)
    yield Job("small", "experiments.run", ("+stage=all", *SMALL), nothing)
    words = ("+stage=all", "preset=smoke", "run=smoke", *QUIET)
    yield Job("smoke", "experiments.run", words, nothing)


PARTS: dict[str, tuple[Callable[[Job, Path], str], tuple[Callable[[Path], Iterator[Job]], ...]]] = {
    "kills": (try_kills, (stage_jobs, command_jobs)),
    "disks": (try_disks, (stage_jobs, command_jobs)),
    "moments": (try_moments, (moment_jobs,)),
}


def main(words: list[str]) -> None:
    """Do the parts and the jobs that are named, or all."""
    names = [word for word in words if word not in PARTS]
    for part in [word for word in words if word in PARTS] or PARTS:
        attempt, makers = PARTS[part]
        with tempfile.TemporaryDirectory() as folder:
            for job in (job for make in makers for job in make(Path(folder) / "bases")):
                if not names or job.name in names:
                    sys.stdout.write(f"{job.name}, {part}: {attempt(job, Path(folder) / part)}\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
