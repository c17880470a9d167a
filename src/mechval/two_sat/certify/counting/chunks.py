"""Multisets of clauses in chunks: one per first two clauses, counted in closed form.

A finished chunk is one line of a scratch file, so an interrupted enumeration goes on where it
stopped.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from itertools import combinations_with_replacement
from math import comb
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import TypeAdapter

from mechval.errors import MechvalError
from mechval.progress import progress_bar
from mechval.two_sat.problem import Problem

MAX_MULTISETS = 10**11
SECONDS_PER_MULTISET = 1e-7
"""On one thread."""
_VERIFIED_EVERY = 16
_VERIFIED_SHARE = 1 / 2000
_INT64_LIMIT = 2**63
_logger = logging.getLogger(__name__)

Prefix: TypeAlias = tuple[int, int]
Formula: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Chunk:
    """What was found of the multisets that begin with two given clauses."""

    prefix: Prefix


Found = TypeVar("Found", bound=Chunk)


@dataclass(frozen=True)
class ChunkCounts(Chunk):
    """What was counted among the multisets that begin with two given clauses, the smallest.

    Attributes:
        answers: ``(n_satisfying, n_distinct, answer, formulas, multisets)`` of every group that
            occurs; answers as in `arrays`.
        smallest: wrong formulas of either class with the fewest distinct clauses, then first in
            the order of their sorted clauses; unsatisfiable formulas first.
        bit_wrong: as the others below, lists in the shape of an `arrays.Tally`.
    """

    answers: tuple[tuple[int, int, int, int, int], ...]
    smallest: tuple[tuple[Formula, ...], tuple[Formula, ...]]
    bit_wrong: Any
    bit_unsure: Any
    any_wrong: Any
    any_unsure: Any

    @property
    def n_formulas(self) -> int:
        """How many formulas the chunk has, all orders counted."""
        return sum(group[3] for group in self.answers)

    @property
    def n_multisets(self) -> int:
        return sum(group[4] for group in self.answers)

    def digest(self) -> str:
        """SHA-256 of everything that was counted."""
        return hashlib.sha256(_line(self).encode()).hexdigest()


def n_multisets(problem: Problem) -> int:
    """How many multisets of clauses there are, each of them some formulas in any order.

    >>> n_multisets(Problem(n_variables=5, n_clauses=10))
    8217822536
    """
    return comb(problem.n_distinct_clauses + problem.n_clauses - 1, problem.n_clauses)


def chunk_prefixes(problem: Problem) -> list[Prefix]:
    """All chunks, in lexicographic order."""
    return list(combinations_with_replacement(range(problem.n_distinct_clauses), 2))


def verified_prefixes(problem: Problem) -> list[Prefix]:
    """The chunks that a verification counts again: some of the small ones, always the same."""
    most = n_multisets(problem) * _VERIFIED_SHARE
    every = chunk_prefixes(problem)
    small = [prefix for prefix in every if chunk_multisets(problem, prefix) <= most]
    return (small or every[-1:])[::_VERIFIED_EVERY]


def chunk_multisets(problem: Problem, prefix: Prefix) -> int:
    """How many multisets begin with ``prefix``."""
    free = problem.n_clauses - len(prefix)
    return comb(problem.n_distinct_clauses - prefix[1] + free - 1, free)


def chunk_formulas(problem: Problem, prefix: Prefix) -> int:
    """How many formulas have ``prefix`` as their two smallest clauses.

    >>> problem = Problem(n_variables=3, n_clauses=4)
    >>> sum(chunk_formulas(problem, prefix) for prefix in chunk_prefixes(problem)) == 12**4
    True
    """
    smallest, second = prefix
    n, from_second = problem.n_clauses, problem.n_distinct_clauses - second
    if smallest < second:
        return n * (from_second ** (n - 1) - (from_second - 1) ** (n - 1))
    above = from_second - 1
    return from_second**n - above**n - n * above ** (n - 1)


def refuse_too_many(
    problem: Problem, n_threads: int, seconds_each: float = SECONDS_PER_MULTISET
) -> None:
    """Raise MechvalError if there are too many multisets, saying how many and how long."""
    cases = n_multisets(problem)
    if cases > MAX_MULTISETS:
        hours = cases * seconds_each / n_threads / 3600
        raise MechvalError(
            f"{_size(problem)} has {cases:,} "
            f"multisets of clauses, about {hours:,.0f} hours on {n_threads} threads; "
            f"allowed: up to {MAX_MULTISETS:,} multisets, or any number of them with "
            "certify.enumerate=always yes=true."
        )


def refuse_too_heavy(problem: Problem) -> None:
    """Raise MechvalError if a chunk has more formulas than a 64-bit count holds."""
    heaviest = max(chunk_formulas(problem, prefix) for prefix in chunk_prefixes(problem))
    if heaviest >= _INT64_LIMIT:
        raise MechvalError(
            f"{_size(problem)} has a chunk of {heaviest:,} formulas; allowed: fewer than "
            f"{_INT64_LIMIT:,}, what a count holds."
        )


def _size(problem: Problem) -> str:
    return f"n_variables={problem.n_variables}, n_clauses={problem.n_clauses}"


class ChunkFile(Generic[Found]):
    """Finished chunks of one enumeration in a scratch file, which other enumerations ignore."""

    def __init__(self, path: Path, key: Mapping[str, Any], kind: type[Found]) -> None:
        self._path = path
        self._header = json.dumps(key, sort_keys=True)
        self._kind = TypeAdapter(kind)

    def read(self) -> dict[Prefix, Found]:
        """The chunks that are done; none if the file is another enumeration's or damaged."""
        if not self._path.exists():
            return {}
        try:
            header, *lines = self._path.read_text(encoding="utf-8").split("\n")
            # What follows the last line break was cut off while it was written.
            chunks = [*map(self._kind.validate_json, lines[:-1])] if header == self._header else []
        except ValueError:
            _logger.warning("%s is damaged; its chunks are counted anew.", self._path)
            return {}
        return {chunk.prefix: chunk for chunk in chunks}

    def start(self, done: Mapping[Prefix, Found]) -> None:
        """Write the file anew with the chunks that are done."""
        aside = self._path.with_suffix(".partial")
        lines = [self._header, *map(_line, done.values())]
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        aside.replace(self._path)

    def add(self, chunk: Found) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{_line(chunk)}\n")


def count_chunks(
    problem: Problem,
    file: ChunkFile[Found],
    count: Callable[[Prefix], Found],
    n_threads: int,
    title: str,
) -> list[Found]:
    """Count every chunk that the file does not have, some at a time; all chunks in their order."""
    done = file.read()
    file.start(done)
    # By the second clause: the large ones first, and those of the same suffixes together.
    prefixes = chunk_prefixes(problem)
    waiting = sorted(set(prefixes) - set(done), key=lambda prefix: prefix[::-1])
    with progress_bar(None, title, n_multisets(problem)) as bar:
        bar.update(sum(chunk_multisets(problem, prefix) for prefix in done))
        for chunk in _in_threads(count, waiting, n_threads):
            file.add(chunk)
            done[chunk.prefix] = chunk
            bar.update(chunk_multisets(problem, chunk.prefix))
    return [done[prefix] for prefix in prefixes]


def _line(chunk: Chunk) -> str:
    """One line of plain values."""
    return json.dumps(asdict(chunk), sort_keys=True, separators=(",", ":"))


def _in_threads(
    count: Callable[[Prefix], Found], prefixes: Iterable[Prefix], n_threads: int
) -> Iterator[Found]:
    """Chunks as they are finished; on an interruption, those not begun are dropped."""
    pool = ThreadPoolExecutor(n_threads)
    try:
        for future in as_completed([pool.submit(count, prefix) for prefix in prefixes]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
