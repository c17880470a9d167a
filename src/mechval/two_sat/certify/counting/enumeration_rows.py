"""Tables of an enumeration: exact integers over all formulas, as intervals [lower, upper].

An interval has width 0 unless a case could not be decided even in ball arithmetic (answers) or in
float64 (bits).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np

from mechval.reporting.tables import Row
from mechval.two_sat.certify.counting.enumeration import VERSIONS, Enumeration, smallest_formulas
from mechval.two_sat.certify.counting.enumeration_chunks import ChunkCounts
from mechval.two_sat.certify.counting.enumeration_kernel import OTHER, SATISFIABLE, UNDECIDED
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem, clause_literals

CLASSES = ("unsatisfiable", "satisfiable")
ALL = "all"


@dataclass(frozen=True)
class Counted:
    """A number of formulas out of all of a domain, known to lie between two integers."""

    lower: int
    upper: int
    total: int

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.lower + other.lower, self.upper + other.upper, self.total + other.total)

    def columns(self) -> dict[str, int | float | None]:
        """``count_lower``, ``count_upper``, ``total``, ``value_lower`` and ``value_upper``."""
        return {
            "count_lower": self.lower,
            "count_upper": self.upper,
            "total": self.total,
            "value_lower": self.lower / self.total if self.total else None,
            "value_upper": self.upper / self.total if self.total else None,
        }


def answer_rows(enumeration: Enumeration) -> list[Row]:
    """Errors of the network after γ_1 against satisfiability, and answers that are no answer.

    Columns: ``quantity`` (``error`` or ``other_token``: the largest logit is neither ``s`` nor
    ``u``), ``class`` (``all`` is every formula equally likely; ``balanced`` is the mean of both
    classes and has rates alone), then the interval.
    """
    errors = [_answers(enumeration, of_class, _is_error(of_class)) for of_class in (0, 1)]
    others = [
        _answers(enumeration, of_class, lambda answer: answer == OTHER) for of_class in (0, 1)
    ]
    rows: list[Row] = []
    for quantity, counted in (("error", errors), ("other_token", others)):
        rows.extend({"quantity": quantity, **row} for row in _by_class(counted))
        rows.append({"quantity": quantity, "class": "balanced", **_balanced(*counted)})
    return rows


def bit_rows(enumeration: Enumeration) -> list[Row]:
    """Disagreements of the activation bits with the programs, neuron by neuron and all together.

    Columns: ``reading``, ``version``, ``neuron`` (empty where some neuron of the reading
    differs), ``class``, then the interval; its numbers are of disagreements.
    """
    rows: list[Row] = []
    totals = [_class_total(enumeration, of_class) for of_class in (0, 1)]
    sums = _BitSums.of(enumeration)
    for index, (reading, neurons) in enumerate(enumeration.readings.items()):
        columns = enumeration.columns[reading]
        for version, name in enumerate(VERSIONS):
            wrong = [sums.any_wrong[index, version], *sums.bit_wrong[index, version][:, columns].T]
            unsure = [sums.any_unsure[index, version], *sums.bit_unsure[index][:, columns].T]
            for neuron, low, more in zip((None, *neurons), wrong, unsure, strict=True):
                counted = [Counted(int(low[k]), int(low[k] + more[k]), totals[k]) for k in (0, 1)]
                about = {"reading": reading, "version": name, "neuron": neuron}
                rows.extend({**about, **row} for row in _by_class(counted))
    return rows


def _by_class(counted: Sequence[Counted]) -> list[Row]:
    """Both classes, then all formulas."""
    every = (*counted, counted[0] + counted[1])
    return [
        {"class": name, **found.columns()}
        for name, found in zip((*CLASSES, ALL), every, strict=True)
    ]


def failure_rows(enumeration: Enumeration) -> list[Row]:
    """Errors by how many assignments satisfy the formula and how many distinct clauses it has.

    Columns: ``satisfying_assignments``, ``distinct_clauses``, then the interval, then
    ``multisets`` and ``wrong_multisets`` (decided ones), how many different multisets of clauses
    there are and are wrong.
    """
    rows: list[Row] = []
    for n_satisfying, n_distinct in sorted({key[:2] for key in enumeration.answers}):
        wrong = _is_error(int(n_satisfying > 0))
        members = {
            key[2]: counts
            for key, counts in enumeration.answers.items()
            if key[:2] == (n_satisfying, n_distinct)
        }
        rows.append(
            {
                "satisfying_assignments": n_satisfying,
                "distinct_clauses": n_distinct,
                **_interval([(answer, members[answer][0]) for answer in members], wrong).columns(),
                "multisets": sum(counts[1] for counts in members.values()),
                "wrong_multisets": sum(members[answer][1] for answer in members if wrong(answer)),
            }
        )
    return rows


def smallest_failure_rows(enumeration: Enumeration) -> list[Row]:
    """The wrong formulas of either class with the fewest distinct clauses, clauses sorted.

    Columns: ``class``, ``rank``, ``distinct_clauses``, ``clauses`` (ids), ``formula`` (literals).
    """
    rows: list[Row] = []
    for of_class in (0, 1):
        kept = chain.from_iterable(chunk.smallest[of_class] for chunk in enumeration.chunks)
        for rank, formula in enumerate(smallest_formulas(kept), start=1):
            rows.append(
                {
                    "class": CLASSES[of_class],
                    "rank": rank,
                    "distinct_clauses": len(set(formula)),
                    "clauses": " ".join(map(str, formula)),
                    "formula": _written(enumeration.problem, formula),
                }
            )
    return rows


def chunk_rows(enumeration: Enumeration) -> list[Row]:
    """What a verification needs to recompute some chunks and compare them exactly.

    Columns: ``first`` and ``second`` clause, ``multisets``, ``formulas``, ``unsatisfiable_errors``,
    ``satisfiable_errors``, ``undecided``, ``sha256`` of everything counted in the chunk.
    """
    return [chunk_row(chunk) for chunk in enumeration.chunks]


def chunk_row(chunk: ChunkCounts) -> Row:
    """One row of :func:`chunk_rows`."""
    errors = []
    for of_class in (0, 1):
        members = [group[2:4] for group in chunk.answers if (group[0] > 0) == bool(of_class)]
        errors.append(_interval(members, _is_error(of_class)).lower)
    return {
        "first": chunk.prefix[0],
        "second": chunk.prefix[1],
        "multisets": chunk.n_multisets,
        "formulas": chunk.n_formulas,
        "unsatisfiable_errors": errors[0],
        "satisfiable_errors": errors[1],
        "undecided": sum(group[3] for group in chunk.answers if group[2] == UNDECIDED),
        "sha256": chunk.digest(),
    }


@dataclass(frozen=True)
class _BitSums:
    """Python integers: sums over all chunks may exceed 64 bits."""

    bit_wrong: np.ndarray
    bit_unsure: np.ndarray
    any_wrong: np.ndarray
    any_unsure: np.ndarray

    @classmethod
    def of(cls, enumeration: Enumeration) -> "_BitSums":
        def total(read: Callable[[ChunkCounts], object]) -> np.ndarray:
            parts = [np.array(read(chunk), dtype=object) for chunk in enumeration.chunks]
            return np.sum(parts, axis=0)

        return cls(
            bit_wrong=total(lambda chunk: chunk.bit_wrong),
            bit_unsure=total(lambda chunk: chunk.bit_unsure),
            any_wrong=total(lambda chunk: chunk.any_wrong),
            any_unsure=total(lambda chunk: chunk.any_unsure),
        )


def _is_error(of_class: int) -> Callable[[int], bool]:
    """Whether a decided answer is wrong; the network's label is 1 for ``s`` and 0 for the rest."""

    def is_error(answer: int) -> bool:
        return answer != UNDECIDED and (answer == SATISFIABLE) != bool(of_class)

    return is_error


def _answers(enumeration: Enumeration, of_class: int, is_counted: Callable[[int], bool]) -> Counted:
    members = [
        (answer, counts[0])
        for (n_satisfying, _, answer), counts in enumeration.answers.items()
        if (n_satisfying > 0) == bool(of_class)
    ]
    return _interval(members, is_counted)


def _interval(members: Sequence[tuple[int, int]], is_counted: Callable[[int], bool]) -> Counted:
    """Formulas by answer, of which some are counted and the undecided ones may be."""
    lower = sum(formulas for answer, formulas in members if is_counted(answer))
    undecided = sum(formulas for answer, formulas in members if answer == UNDECIDED)
    return Counted(lower, lower + undecided, sum(formulas for _, formulas in members))


def _class_total(enumeration: Enumeration, of_class: int) -> int:
    return _answers(enumeration, of_class, lambda answer: False).total


def _balanced(first: Counted, second: Counted) -> dict[str, float | None]:
    columns: dict[str, float | None] = {"count_lower": None, "count_upper": None, "total": None}
    if not first.total or not second.total:
        return {**columns, "value_lower": None, "value_upper": None}
    ends = [
        float((Fraction(low, first.total) + Fraction(high, second.total)) / 2)
        for low, high in ((first.lower, second.lower), (first.upper, second.upper))
    ]
    return {**columns, "value_lower": ends[0], "value_upper": ends[1]}


def _written(problem: Problem, formula: tuple[int, ...]) -> str:
    symbols, literals = Vocabulary(problem).symbols, clause_literals(problem)
    clauses = [[symbols[literal] for literal in literals[clause]] for clause in formula]
    return " ".join(f"({first} {second})" for first, second in clauses)
