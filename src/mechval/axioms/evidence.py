"""What stands behind a number: a sample, a count, a proof, or nothing yet.

A ledger is a table of `Statement`s; every study writes the same one, so one page shows all.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mechval import tables
from mechval.errors import MechvalError


class EvidenceKind(StrEnum):
    """How a rate of disagreement is known."""

    SAMPLED = "sampled"
    """Counted on independent draws; the rate is bounded at a stated confidence."""
    EXACT = "exact"
    """Counted on the whole domain under a stated distribution."""
    CERTIFIED = "certified"
    """Proved for the whole domain by a computation, with its margin and its numerical error."""
    UNKNOWN = "unknown"
    """Not decided; what stopped the computation is told."""


@dataclass(frozen=True)
class Statement:
    """One row of a ledger: what is claimed, on which domain, and what stands behind it.

    Attributes:
        statement: a sentence that a reader understands by itself.
        axiom: name of the axiom, None if the statement is about none.
        component: name of the component, None likewise.
        interpretation: its name, None if the statement is about the network alone.
        kind: of the evidence.
        domain: the inputs spoken of, such as ``all formulas``.
        distribution: how those inputs are weighted, such as ``uniform``.
        count_lower: inputs of the domain that disagree (or do what is stated), at least.
        count_upper: the same, at most; equal to ``count_lower`` where all are decided.
        total: inputs of the domain, weighted to integers.
        value_lower: the rate, at least.
        value_upper: the rate, at most.
        n: samples drawn.
        confidence: of the bounds of the rate, each one-sided.
        margin: by how much the weakest inequality of the proof holds, before its error.
        numerical_error: bound of the rounding error of that margin, in its unit.
        stopped_by: what stopped the computation.
        file: the table with the details, relative to the stage's folder.

    Raises:
        MechvalError: if the kind lacks what it must have, has what only another kind has, or a
            bound is out of order.
    """

    statement: str = tables.told()
    kind: EvidenceKind = tables.told("evidence")
    domain: str = tables.told("inputs")
    distribution: str = tables.told()
    file: str = tables.told("table")
    axiom: str | None = tables.told(default=None)
    component: str | None = tables.told(default=None)
    interpretation: str | None = tables.told(default=None)
    count_lower: int | None = tables.count("at least", default=None)
    count_upper: int | None = tables.count("at most", default=None)
    total: int | None = tables.told("of", default=None)
    value_lower: float | None = tables.rate("rate at least", default=None)
    value_upper: float | None = tables.rate("rate at most", default=None)
    n: int | None = tables.told("N", default=None)
    confidence: float | None = tables.told(default=None)
    margin: float | None = tables.number("worst margin", default=None)
    numerical_error: float | None = tables.number("its rounding error", default=None)
    stopped_by: str | None = tables.told("stopped by", default=None)

    def __post_init__(self) -> None:
        for field in _NEEDED[self.kind]:
            if getattr(self, field) is None:
                raise self._refusal(field, f"{self.kind} evidence has one")
        for field, kinds in _RESERVED.items():
            if self.kind not in kinds and getattr(self, field) is not None:
                raise self._refusal(field, f"only {' and '.join(kinds)} evidence has one")
        for field, (holds, allowed) in _CHECKS.items():
            if getattr(self, field) is not None and not holds(self):
                raise self._refusal(field, allowed)

    def _refusal(self, field: str, allowed: str) -> MechvalError:
        return MechvalError(
            f"statement {self.statement!r}: {field}={getattr(self, field)!r} is not allowed; "
            f"allowed: {allowed}."
        )


LEDGER = tables.Table("certify/ledger.csv", Statement)
_NEEDED: Mapping[EvidenceKind, tuple[str, ...]] = {
    EvidenceKind.SAMPLED: ("count_lower", "count_upper", "value_upper", "n", "confidence"),
    EvidenceKind.EXACT: ("count_lower", "count_upper", "total", "value_lower", "value_upper"),
    EvidenceKind.CERTIFIED: ("value_upper", "margin", "numerical_error"),
    EvidenceKind.UNKNOWN: ("stopped_by",),
}
_RESERVED: Mapping[str, tuple[EvidenceKind, ...]] = {
    "n": (EvidenceKind.SAMPLED,),
    "confidence": (EvidenceKind.SAMPLED,),
    "margin": (EvidenceKind.CERTIFIED, EvidenceKind.UNKNOWN),
    "numerical_error": (EvidenceKind.CERTIFIED,),
    "stopped_by": (EvidenceKind.UNKNOWN,),
}


def _is_ordered(*bounds: int | float | None) -> bool:
    present = [bound for bound in bounds if bound is not None]
    return all(math.isfinite(bound) for bound in present) and present == sorted(present)


_CHECKS: Mapping[str, tuple[Callable[[Statement], bool], str]] = {
    "count_lower": (
        lambda found: _is_ordered(0, found.count_lower, found.count_upper),
        "0 to count_upper",
    ),
    "count_upper": (
        lambda found: _is_ordered(
            0, found.count_upper, found.n if found.total is None else found.total
        ),
        "0 to the number of inputs",
    ),
    "value_lower": (
        lambda found: _is_ordered(0, found.value_lower, found.value_upper),
        "0 to value_upper",
    ),
    "value_upper": (lambda found: _is_ordered(0, found.value_upper, 1), "a rate from 0 to 1"),
    "n": (lambda found: _is_ordered(1, found.n), "at least 1"),
    "confidence": (
        lambda found: found.confidence is not None and 0 < found.confidence < 1,
        "strictly between 0 and 1",
    ),
    "numerical_error": (
        lambda found: _is_ordered(0, found.numerical_error, found.margin),
        "at least 0 and at most the margin",
    ),
}
