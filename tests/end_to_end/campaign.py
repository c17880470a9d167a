"""Every command stopped at every file operation: ``python -m tests.end_to_end.campaign [PART …]``.

Parts are ``kills`` (before each operation), ``disks`` (full from an operation on) and ``moments``
(SIGKILL at random, over and over until the command is done). Told is, for each command, at how many
places it was stopped; the first thing that is not as it should be ends the campaign. It takes about
an hour; :mod:`tests.unit.test_faults` is the part of it that takes seconds.
"""

import hashlib
import random
import shutil
import sys
import tempfile
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
    jobs = (
        ("experiments.validate", ("experiments.bring_your_own:question",)),
        ("experiments.paper_table", ("two_sat",)),
        ("experiments.explain", (FORMULA, "--html", "page.html")),
        ("experiments.readme", ()),
        ("experiments.theorems", ("--check", "proved-n6-m12")),
    )
    for module, words in jobs:
        base = fresh(committed, bases / module)
        stale = (base / "README.md").read_text("utf-8").replace("<!-- /", "stale\n<!-- /")
        (base / "README.md").write_text(stale, "utf-8")
        job = Job(module, module, words, base)
        # What is up to date is not written again.
        if module != "experiments.readme":
            require((answer := job.run(base)).code == 0, job, answer)
        yield job


def try_moments(scratch: Path) -> None:
    """Kill at random moments, each time giving the same command again, until it is done."""
    rng = random.Random(0)
    smoke = ("+stage=all", "preset=smoke", "run=smoke", *QUIET)
    nothing = scratch / "nothing"
    (nothing / "results").mkdir(parents=True)
    for job, longest in (
        (Job("smoke", "experiments.run", smoke, nothing), 20.0),
        (
            Job("claim", "experiments.validate", ("experiments.bring_your_own:question",), nothing),
            3,
        ),
    ):
        expected, _, _ = job.expected(scratch)
        kills = chains = 0
        while kills < FEWEST_MOMENTS:
            place = fresh(nothing, scratch / "moments")
            while (answer := job.run(place, seconds=rng.uniform(0, longest))).code == -9:
                kills += 1
            chains += 1
            require(answer.code == 0, job, answer)
            require(not (names := differing(tree(place), expected)), job, (chains, names))
        tell(f"{job.name}: {kills} kills at random moments, {chains} runs to the end")


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(parts: list[str]) -> None:
    """Do the parts that are named, or all."""
    tries: dict[str, Callable[[Job, Path], str]] = {"kills": try_kills, "disks": try_disks}
    wanted = {part: tries[part] for part in (parts or tries) if part in tries}
    with tempfile.TemporaryDirectory() as folder:
        for made in (command_jobs, stage_jobs) if wanted else ():
            for job in made(Path(folder) / "bases"):
                for part, attempt in wanted.items():
                    tell(f"{job.name}, {part}: {attempt(job, Path(folder) / 'scratch')}")
        if not parts or "moments" in parts:
            try_moments(Path(folder) / "scratch")


if __name__ == "__main__":
    main(sys.argv[1:])
