"""Tables of an enumeration: exact integers over all formulas, as intervals.

An interval has width 0 unless a case could not be decided even in ball arithmetic (answers) or in
float64 (bits).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from mechval import tables
from mechval.two_sat.certify.counting.arrays import OTHER, SATISFIABLE, UNDECIDED
from mechval.two_sat.certify.counting.chunks import ChunkCounts, verified_prefixes
from mechval.two_sat.certify.counting.enumeration import Enumeration, Enumerator
from mechval.two_sat.certify.counting.programs import ALL, CLASSES
from mechval.two_sat.configs import ReadingName, Version
from mechval.two_sat.programs.versions import CLAIMED

BALANCED = "balanced"
Quantity = Literal["error", "other_token"]


@dataclass(frozen=True)
class Counted:
    """A number of formulas of a stratum, known to lie between two integers, and its rates.

    A stratum is a class; ``all`` formulas alike; or ``balanced``, the mean of both classes, which
    has rates alone.
    """

    stratum: str = tables.told("formulas are")
    count_lower: int | None = tables.told("at least")
    count_upper: int | None = tables.told("at most")
    total: int | None = tables.told("of")
    value_lower: float | None = tables.number("rate at least", unit="%")
    value_upper: float | None = tables.number("rate at most", unit="%")


@dataclass(frozen=True, kw_only=True)
class AnswerCount(Counted):
    """The network after γ_1 against satisfiability.

    Its answer is an ``error``, or ``other_token``: the largest logit is neither ``s`` nor ``u``.
    """

    quantity: Quantity


@dataclass(frozen=True, kw_only=True)
class BitCount(Counted):
    """Disagreements of activation bits with a program; without a neuron, of any of them."""

    reading: ReadingName
    version: Version
    neuron: int | None


@dataclass(frozen=True)
class ChunkRow:
    """What a verification counts again: the multisets with these smallest two clauses."""

    first: int
    second: int
    multisets: int
    formulas: int
    unsatisfiable_errors: int
    satisfiable_errors: int
    undecided: int
    sha256: str


ANSWERS = tables.Table("certify/enumeration.csv", AnswerCount)
BITS = tables.Table("certify/enumeration_bits.csv", BitCount)
CHUNKS = tables.Table("certify/enumeration_chunks.csv", ChunkRow)
TABLES = (ANSWERS, BITS, CHUNKS)


def answer_rows(enumeration: Enumeration) -> list[AnswerCount]:
    """Errors of the network after γ_1 against satisfiability, and answers that are no answer."""
    rows = []
    for quantity in get_args(Quantity):
        counted = [_answers(enumeration, of_class, quantity) for of_class in (0, 1)]
        parts = [*_by_class(counted), _balanced(*counted)]
        rows += [AnswerCount(**vars(part), quantity=quantity) for part in parts]
    return rows


def bit_rows(enumeration: Enumeration) -> list[BitCount]:
    """Disagreements of the activation bits with the programs, all together and one by one."""
    rows = []
    totals = [_answers(enumeration, of_class, "error")[2] for of_class in (0, 1)]
    bit_wrong, bit_unsure, any_wrong, any_unsure = (
        # Python integers: sums over all chunks may exceed 64 bits.
        np.sum([np.array(getattr(chunk, name), object) for chunk in enumeration.chunks], axis=0)
        for name in ("bit_wrong", "bit_unsure", "any_wrong", "any_unsure")
    )
    for index, (reading, neurons) in enumerate(enumeration.readings.items()):
        columns = enumeration.columns[reading]
        for number, version in enumerate(CLAIMED):
            wrong = [any_wrong[index, number], *bit_wrong[index, number][:, columns].T]
            unsure = [any_unsure[index, number], *bit_unsure[index][:, columns].T]
            for neuron, low, more in zip((None, *neurons), wrong, unsure, strict=True):
                counted = [(int(low[k]), int(low[k] + more[k]), totals[k]) for k in (0, 1)]
                parts = _by_class(counted)
                rows += [BitCount(**vars(part), reading=reading, version=version, neuron=neuron)
                         for part in parts]  # fmt: skip
    return rows


def chunk_row(chunk: ChunkCounts) -> ChunkRow:
    errors = [
        sum(group[3] for group in chunk.answers if (group[0] > 0) == k and _is_error(k, group[2]))
        for k in (False, True)
    ]
    undecided = sum(group[3] for group in chunk.answers if group[2] == UNDECIDED)
    return ChunkRow(
        *(*chunk.prefix, chunk.n_multisets, chunk.n_formulas),
        unsatisfiable_errors=errors[0],
        satisfiable_errors=errors[1],
        undecided=undecided,
        sha256=chunk.digest(),
    )


def recounted_chunks(enumerator: Enumerator, committed: Iterable[ChunkRow]) -> list[ChunkRow]:
    """The committed rows of all chunks, those of :func:`verified_prefixes` counted again."""
    prefixes = verified_prefixes(enumerator.problem)
    again = {prefix: chunk_row(enumerator.count(prefix)) for prefix in prefixes}
    return [again.get((row.first, row.second), row) for row in committed]


def added_up(answers: Iterable[AnswerCount], chunks: Sequence[ChunkRow]) -> list[AnswerCount]:
    """The committed answers, with errors and totals added up from the chunks again.

    The chunks do not say in which class an undecided formula lies, so a class keeps its upper
    count, unless more errors than that are found.
    """
    errors = {name: sum(getattr(row, f"{name}_errors") for row in chunks) for name in CLASSES}
    errors[ALL] = sum(errors.values())
    formulas, undecided = (
        sum(getattr(row, of) for row in chunks) for of in ("formulas", "undecided")
    )
    rows = []
    for row in answers:
        if row.quantity == "error" and row.stratum in errors:
            lower = errors[row.stratum]
            row = replace(row, count_lower=lower, count_upper=max(lower, row.count_upper or 0))
            if row.stratum == ALL:
                row = replace(row, count_upper=lower + undecided, total=formulas)
        rows.append(row)
    return rows


_Interval = tuple[int, int, int]
"""At least and at most so many, of so many."""


def _is_error(of_class: int, answer: int) -> bool:
    """Whether a decided answer is wrong; the network's label is 1 for ``s`` and 0 for the rest."""
    return answer != UNDECIDED and (answer == SATISFIABLE) != bool(of_class)


def _answers(enumeration: Enumeration, of_class: int, quantity: Quantity) -> _Interval:
    """Formulas of a class, of which some are counted and the undecided ones may be."""
    lower = undecided = total = 0
    for (n_satisfying, _, answer), (formulas, _) in enumeration.answers.items():
        if (n_satisfying > 0) == bool(of_class):
            counts = answer == OTHER if quantity == "other_token" else _is_error(of_class, answer)
            lower += formulas * counts
            undecided += formulas * (answer == UNDECIDED)
            total += formulas
    return lower, lower + undecided, total


def _by_class(counted: Sequence[_Interval]) -> list[Counted]:
    """Both classes, then all formulas."""
    every = tuple(map(sum, zip(*counted, strict=True)))
    return [
        Counted(name, low, high, total, *((low / total, high / total) if total else (None, None)))
        for name, (low, high, total) in zip((*CLASSES, ALL), (*counted, every), strict=True)
    ]


def _balanced(first: _Interval, second: _Interval) -> Counted:
    if not first[2] or not second[2]:
        return Counted(BALANCED, None, None, None, None, None)
    ends = [
        float((Fraction(first[end], first[2]) + Fraction(second[end], second[2])) / 2)
        for end in (0, 1)
    ]
    return Counted(BALANCED, None, None, None, *ends)
