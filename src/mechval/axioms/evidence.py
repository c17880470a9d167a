"""What stands behind a number: a sample, a count, a proof, or nothing yet.

A ledger is a table of `Statement`s; every study writes the same one, so one page shows all.
"""

import math
from collections.abc import Mapping
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
        domain: the inputs spoken of, such as ``all formulas``.
        distribution: how those inputs are weighted, such as ``uniform``.
        file: the table with the details, relative to the stage's folder.
        axiom: by name, as component and interpretation; None for what it is not about.
        count_lower: inputs of the domain that disagree (or do what is stated), at least; equal to
            ``count_upper`` where all are decided.
        total: inputs of the domain, weighted to integers.
        value_lower: the rate, at least.
        confidence: of the bounds of the rate, each one-sided, from n samples.
        margin: by how much the weakest inequality of the proof holds, before its error.
        numerical_error: bound of the rounding error of that margin, in its unit.

    Raises MechvalError if the kind lacks what it must have, has what only another kind has, or a
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
        for field, (order, allowed) in _ORDERED.items():
            bounds = [getattr(self, at) if isinstance(at, str) else at for at in order]
            present = [bound for bound in bounds if bound is not None]
            is_finite = all(map(math.isfinite, present))
            if getattr(self, field) is not None and not (is_finite and present == sorted(present)):
                raise self._refusal(field, allowed)

    @property
    def n_inputs(self) -> int | None:
        """Of how many inputs those that disagree are counted: of the domain, or of the sample."""
        return self.n if self.total is None else self.total

    def _refusal(self, field: str, allowed: str) -> MechvalError:
        return MechvalError(
            f"statement {self.statement!r}: {field}={getattr(self, field)!r} is not allowed; "
            f"allowed: {allowed}."
        )


LEDGER = tables.Table("certify/ledger.csv", Statement)
_ABOVE_0, _BELOW_1 = math.nextafter(0, 1), math.nextafter(1, 0)
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


_ORDERED: Mapping[str, tuple[tuple[str | float, ...], str]] = {
    "count_lower": ((0, "count_lower", "count_upper"), "0 to count_upper"),
    "count_upper": ((0, "count_upper", "n_inputs"), "0 to the number of inputs"),
    "value_lower": ((0, "value_lower", "value_upper"), "0 to value_upper"),
    "value_upper": ((0, "value_upper", 1), "a rate from 0 to 1"),
    "n": ((1, "n"), "at least 1"),
    "confidence": ((_ABOVE_0, "confidence", _BELOW_1), "strictly between 0 and 1"),
    "numerical_error": ((0, "numerical_error", "margin"), "at least 0 and at most the margin"),
}
"""What must ascend, as fields and numbers; an empty field is passed over."""
