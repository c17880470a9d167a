"""Every command stopped at every file operation.

``python -m tests.end_to_end.campaign [PART …] [JOB …]``. Parts are ``kills`` (before each
operation), ``disks`` (full from an operation on), ``room`` (a file system that is too small, which
takes root) and ``moments`` (SIGKILL at random, over and over until the command is done). A job is
named as it is told (``train``, ``experiments.validate``); all are done unless some are named. What
was tried is written to ``benchmarks/faults.csv`` and, from there, into ``benchmarks/README.md``
after every job; a job that is there, of the same code, is not tried again. The first thing that is
not as it should be ends the campaign. All of it takes hours;
:mod:`tests.unit.pipeline.test_faults` is the part of it that takes seconds.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mechval import tables
from mechval.files import write_whole
from mechval.pipeline import Workspace
from mechval.reporting.filled_blocks import fill
from mechval.reporting.shown import markdown_of, show
from tests.end_to_end.campaign_jobs import (
    Job,
    command_jobs,
    fresh,
    modular_jobs,
    moment_jobs,
    stage_jobs,
)
from tests.end_to_end.commands import ROOT, Answer
from tests.faults import Fault
from tests.settings import STAGES

FOLDER = ROOT / "benchmarks"
Tree = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """How often a job was stopped, and each time ended by the same command with the same bytes.

    Attributes:
        operations: how many there are on files, of the kind that the part stops; none at random.
        stopped: at how many of them it was stopped, or how often.
        commands: how often the command was given again: once for all operations that leave the
            same, once for each full disk, and at random until it was done.
        code: git's name of the tree ``src`` that was tried.
    """

    part: str = tables.told()
    job: str = tables.told()
    operations: int | None = tables.told()
    stopped: int = tables.told()
    commands: int = tables.told()
    code: str = tables.told()


FAULTS = tables.Table("benchmarks/faults.csv", Tried)
TOLD = {
    "kills": "a kill before an operation on files",
    "disks": "a full disk, from an operation on",
    "room": "a disk with 4, 8, 16 … KB to spare, until all fits",
    "moments": "SIGKILL at random moments",
}


def expected(job: Job, scratch: Path) -> tuple[Tree, int, int]:
    """What it makes, and how many operations that takes: all, and those that need space."""
    counts = []
    for kind in ("kill", "full disk"):
        place = fresh(job.base, scratch / "expected")
        answer = job.run(place, fault=Fault(kind, str(place), 0, every=True))
        job.require(answer.code == 0, answer)
        counts.append(answer.operations)
    return tree(place, job), counts[0], counts[1]


def tree(place: Path, job: Job) -> Tree:
    """The digest of every file that is a result, and the names of those that should be gone."""
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_file() and path.name not in job.uncompared and not name.startswith("build/"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif name.startswith("build/scratch/") and path.is_file():
            found[name] = "a leftover"
    return found


def differing(first: Tree, second: Tree) -> list[str]:
    """The names that are not the same in both."""
    return sorted(name for name in first | second if first.get(name) != second.get(name))


def whole(place: Path) -> str:
    """One digest of all that the next command can see, once it has recovered."""
    for study in (place / "results").glob("*"):
        for run in filter(Path.is_dir, study.glob("*")):
            for stage in (*STAGES, "consolidate"):
                Workspace(place).stage(study.name, run.name, stage).recover()
    found = [(path.relative_to(place), path) for path in place.rglob("*") if path.is_file()]
    parts = sorted(
        (str(name), hashlib.sha256(path.read_bytes()).digest())
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


def try_kills(job: Job, scratch: Path) -> Iterator[Tried]:
    """Kill before each operation; the same command then gives the same bytes and leaves nothing."""
    wanted, n, _ = expected(job, scratch)
    place = fresh(job.base, scratch / "killed")
    states = Path(f"{place}.before")
    answer = job.run(place, fault=Fault("copy", str(place), every=True))
    job.require(answer.code == 0, answer)
    # Where recovery leaves what it left before, the rest is the same command from there.
    digests = {state: whole(state) for state in sorted(states.iterdir(), key=_number, reverse=True)}
    tried = {digest: state for state, digest in digests.items()}
    for state in tried.values():
        answer = job.run(fresh(state, place))
        job.require(answer.code == 0, (state.name, answer))
        job.require(not (names := differing(tree(place, job), wanted)), (state.name, names))
    shutil.rmtree(states)
    yield made("kills", job, n, len(digests), len(tried))


def _number(path: Path) -> int:
    return int(path.name)


def try_disks(job: Job, scratch: Path) -> Iterator[Tried]:
    """Fill the disk from an operation on: one sentence, the old results, then the new ones."""
    wanted, _, n = expected(job, scratch)
    stopped = 0
    for number in sorted(set(range(1, n + 1)[:: max(1, n // job.disks)])):
        place = fresh(job.base, scratch / "full")
        answer = job.run(place, fault=Fault("full disk", str(place), number, every=True))
        stopped += answer.code != 0
        check_refusal(job, place, wanted, answer)
    yield made("disks", job, n, stopped, stopped)


def try_room(job: Job, scratch: Path) -> Iterator[Tried]:
    """The same on a file system with 4, 8, 16 … KB to spare, until all fits."""
    wanted, _, _ = expected(job, scratch)
    disk = scratch / "disk"
    disk.mkdir(exist_ok=True)
    for stopped in count():
        mount("-t", "tmpfs", "tmpfs", disk)
        try:
            place = fresh(job.base, disk / "place")
            found = os.statvfs(disk)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            mount("-o", f"remount,size={used + 4096 * 2**stopped}", disk)
            answer = job.run(place)
            mount("-o", "remount,size=50%", disk)
            check_refusal(job, place, wanted, answer)
        finally:
            subprocess.run(("umount", disk), check=True)
        if answer.code == 0:
            yield made("room", job, None, stopped, stopped)
            return


def mount(*words: str | Path) -> None:
    """Of Linux; it takes root."""
    subprocess.run(("mount", *words), check=True)


def check_refusal(job: Job, place: Path, wanted: Tree, answer: Answer) -> None:
    """The answer to a full disk; where it was one, the command is given again."""
    if answer.code != 0:
        # Before it, a command may have said which files are done.
        told = [line for line in answer.stderr.splitlines() if not line.endswith(": rewritten")]
        job.require(answer.code == 2 and len(told) == 1, answer)
        before, found = tree(job.base, job), tree(place, job)
        # A stage has its old results until it has all; other commands replace file by file.
        also = before if job.module == "experiments.run" else wanted
        changed = [each for each in before if found.get(each) not in (before[each], also.get(each))]
        job.require(not changed, (answer, changed))
        job.finish(place)
    job.require(not (names := differing(tree(place, job), wanted)), (answer, names))


def try_moments(job: Job, scratch: Path) -> Iterator[Tried]:
    """Kill at random moments, each time giving the same command again, until it is done; told
    each time that it was."""
    wanted, _, _ = expected(job, scratch)
    started = time.monotonic()
    job.finish(fresh(job.base, scratch / "moments"))
    # A command that goes on where it was has done half in few attempts.
    most = (time.monotonic() - started) / 2
    former = [row for row in of_this_code() if (row.part, row.job) == ("moments", job.name)]
    kills, given = (former[0].stopped, former[0].commands) if former else (0, 0)
    rng = random.Random(kills)
    while kills < job.moments:
        place = fresh(job.base, scratch / "moments")
        while (answer := job.run(place, seconds=rng.uniform(0, most))).code == -signal.SIGKILL:
            kills, given = kills + 1, given + 1
        given += 1
        job.require(answer.code == 0, answer)
        job.require(not (names := differing(tree(place, job), wanted)), (kills, names))
        yield made("moments", job, None, kills, given)


def made(part: str, job: Job, operations: int | None, stopped: int, commands: int) -> Tried:
    """What was tried, of the code as it is."""
    return Tried(
        part=part,
        job=job.name,
        operations=operations,
        stopped=stopped,
        commands=commands,
        code=code(),
    )


def code() -> str:
    """Git's name of the sources' tree."""
    words = ("git", "rev-parse", "--short=12", "HEAD:src")
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout[:-1]


def of_this_code() -> list[Tried]:
    """What was tried of the code as it is."""
    now = code()
    return [row for row in FAULTS.read(FOLDER) if row.code == now]


def render(rows: Sequence[Tried]) -> str:
    """One row for each part: where, and how often."""
    parts = [[row for row in rows if row.part == part] for part in TOLD]
    return markdown_of(
        show(
            [part for part in parts if part],
            ("stopped by", lambda part: TOLD[part[0].part]),
            ("in: how often, if not everywhere of how many", lambda part: _places(part)),
            ("stopped", lambda part: sum(row.stopped for row in part)),
            ("given again", lambda part: sum(row.commands for row in part)),
        )
    )


def _places(rows: Sequence[Tried]) -> str:
    def told(row: Tried) -> str:
        is_sample = row.operations is not None and row.stopped < row.operations
        return f"{row.job} {row.stopped}{f' of {row.operations}' if is_sample else ''}"

    return ", ".join(map(told, rows))


def keep(row: Tried, folder: Path = FOLDER) -> None:
    """Write a row in the place of the one before, and the table of the README."""
    rows = {(each.part, each.job): each for each in (*FAULTS.read(folder), row)}
    kept = sorted(rows.values(), key=lambda each: [*TOLD].index(each.part))
    FAULTS.write(kept, folder)
    readme = folder / "README.md"
    text = fill(readme.read_text("utf-8"), {"faults": lambda: render(kept)})
    write_whole(readme, text.encode())


Make = Callable[[Path], Iterator[Job]]
OF_FILES: tuple[Make, ...] = (stage_jobs, modular_jobs, command_jobs)
PARTS: dict[str, tuple[Callable[[Job, Path], Iterator[Tried]], tuple[Make, ...]]] = {
    "kills": (try_kills, OF_FILES),
    "disks": (try_disks, OF_FILES),
    "room": (try_room, OF_FILES),
    "moments": (try_moments, (moment_jobs,)),
}


def main(words: list[str]) -> None:
    """Do the parts and the jobs that are named, or all."""
    names = [word for word in words if word not in PARTS]
    done = {(row.part, row.job): row.stopped for row in of_this_code()}
    for part in [word for word in words if word in PARTS] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            for job in _named(part, names, Path(folder) / "bases"):
                enough = job.moments if part == "moments" else 0
                if done.get((part, job.name), -1) < enough:
                    for row in PARTS[part][0](job, Path(folder) / part):
                        keep(row)


def _named(part: str, names: Sequence[str], bases: Path) -> Iterator[Job]:
    left = set(names)
    for job in (job for make in PARTS[part][1] for job in make(bases)):
        if not names or job.name in left:
            yield job
            left.discard(job.name)
        if names and not left:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
