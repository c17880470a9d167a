"""A paper's printed numbers beside measured ones, with verdicts that follow one stated rule.

A rate is compared as two counts: the printed one, where an ε is turned back into the count whose
Clopper-Pearson bound it is, and the measured one, by Fisher's exact test with Holm's correction
over the table's rates. A row ``agrees`` if its corrected p is above 0.01, is ``close`` if the
measured value lies within 10 % of the printed one, and ``differs`` otherwise. A number that does
not depend on a sample agrees if it rounds to the printed digits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from scipy.stats import fisher_exact

from mechval import tables
from mechval.axioms import clopper_pearson_lower, clopper_pearson_upper, disagreements_from_epsilon
from mechval.errors import MechvalError
from mechval.reporting.report import Section
from mechval.reporting.shown import CellText, interval, show, told

LEVEL, CLOSE = 0.01, 0.1
EPSILON_CONFIDENCE = 0.95
"""Of the printed ε, and of each end of a measured interval."""


class Agreement(StrEnum):
    """How a measured value stands to the printed one."""

    AGREES = "agrees"
    CLOSE = "close"
    DIFFERS = "differs"


@dataclass(frozen=True)
class PrintedValue:
    """One printed number.

    Its kind is ``epsilon`` (a bound on a rate), ``rate`` (a share of samples), ``number``, or
    ``context`` (for which nothing is measured). ``n`` samples are behind an ε or a rate, ``count``
    of them disagree where that is known to more digits than the ε; ``deviation`` is the entry of
    the deviations list that explains a difference. Raises ValueError if a rate comes without its
    samples, or another number with some.
    """

    key: str
    quantity: str
    kind: Literal["epsilon", "rate", "number", "context"]
    printed: Decimal
    n: int | None
    count: int | None
    deviation: str | None
    source: str

    @property
    def text(self) -> str:
        """The number with its printed digits, small ones as the paper writes them."""
        if abs(self.printed) >= Decimal("1e-3") or not self.printed:
            return str(self.printed)
        digits = len(self.printed.as_tuple().digits)
        mantissa, _, exponent = f"{self.printed:.{digits - 1}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"

    def __post_init__(self) -> None:
        if (self.kind in ("epsilon", "rate")) != (self.n is not None):
            raise ValueError(
                f"n={self.n} is not allowed with kind={self.kind} of {self.key!r}; allowed: a "
                "count with epsilon and rate, none otherwise"
            )


@dataclass(frozen=True)
class Measured:
    """A measured value, if there is one; rates come with the count and the samples behind them."""

    value: float | None = tables.rate(default=None)
    count: int | None = tables.count(default=None)
    n: int | None = tables.told(default=None)


NOT_MEASURED = Measured()


@dataclass(frozen=True)
class Comparison:
    """One row of the table: ``lower`` and ``upper`` are the two-sided 90 % Clopper-Pearson
    interval of a rate, ``p`` is Fisher's, Holm-corrected; ``calibrated`` is the same quantity
    where neurons are read by rules, not by the paper's constants.
    """

    published: PrintedValue
    measured: Measured
    lower: float | None = tables.rate()
    upper: float | None = tables.rate()
    p: float | None = tables.number()
    verdict: Agreement = tables.told()
    calibrated: Measured = NOT_MEASURED


COMPARISONS = tables.Table("report/paper.csv", Comparison)


def against(paper: PrintedValue, measured: Measured) -> str:
    """Whether a measured ε is at most the printed one; empty without one of the two."""
    if paper.kind != "epsilon" or measured.value is None:
        return ""
    # As printed, to three digits: the bound at 0 of 80 000 rounds to that at 0 of 80 001.
    is_above = float(f"{measured.value:.3g}") > float(paper.printed)
    return "above" if is_above else "at or below"


def load_printed(path: Path) -> tuple[PrintedValue, ...]:
    """Read printed numbers; raises MechvalError, naming the file, for a bad row or repeated key."""
    rows = tables.Table(f"report/{path.name}", PrintedValue).read(path.parent)
    keys = [row.key for row in rows]
    if repeated := next((key for key in keys if keys.count(key) > 1), None):
        raise MechvalError(f"{path}: key={repeated!r} is there twice; allowed: once.")
    return rows


def compare(
    printed: Sequence[PrintedValue],
    measured: Mapping[str, Measured],
    calibrated: Mapping[str, Measured] | None = None,
) -> tuple[Comparison, ...]:
    """Judge every printed number but those of kind ``context``, ``calibrated`` values beside it.

    Raises MechvalError if one has no measured value, or a rate comes without its count.
    """
    printed = [row for row in printed if row.kind != "context"]
    for row in printed:
        if row.key not in measured:
            raise MechvalError(f"no measured value for {row.key!r}; allowed: one per printed row.")
    rates = [row for row in printed if row.kind != "number"]
    corrected = _holm({row.key: _exact_p(row, measured[row.key]) for row in rates})
    beside = calibrated or {}
    return tuple(
        _compare(row, measured[row.key], corrected.get(row.key), beside.get(row.key, NOT_MEASURED))
        for row in printed
    )


def paper_section(comparisons: Sequence[Comparison], unmeasured: Sequence[str] = ()) -> Section:
    """The table with its tally; ``unmeasured`` are keys that the run has no value for."""
    verdicts = [row.verdict for row in comparisons]
    tally = ", ".join(f"{verdicts.count(each)} {each}" for each in Agreement if each in verdicts)
    shown = show(
        comparisons,
        ("quantity", "published.quantity"),
        ("printed", lambda row: CellText(row.published.text, float(row.published.printed))),
        ("measured", lambda row: counted(row.measured)),
        ("90 % interval of the rate", lambda row: interval(row.lower, row.upper)),
        "verdict",
        ("measured against the printed", lambda row: against(row.published, row.measured)),
        ("calibrated reading", lambda row: counted(row.calibrated)),
        ("calibrated against the printed", lambda row: against(row.published, row.calibrated)),
        ("deviation", "published.deviation"),
    )
    parts = {"comparisons": shown, "tally": tally, "unmeasured": ", ".join(unmeasured)}
    return Section("Paper versus measured", "paper.md", parts, (COMPARISONS.file,))


def counted(measured: Measured) -> CellText:
    """A measured value with the count behind it."""
    if measured.value is None:
        return CellText("")
    if measured.count is not None and measured.n is not None:
        behind = f" ({measured.count:,} of {measured.n:,})"
        return CellText(told(measured.value) + behind, measured.value)
    # Without samples behind it a whole number is a number of things.
    whole = int(measured.value) if measured.value.is_integer() else measured.value
    return CellText(told(whole), measured.value)


def _compare(
    paper: PrintedValue, measured: Measured, p: float | None, calibrated: Measured
) -> Comparison:
    lower = upper = None
    if paper.kind != "number":
        lower, upper = (
            bound(*_count_of(paper, measured), EPSILON_CONFIDENCE)
            for bound in (clopper_pearson_lower, clopper_pearson_upper)
        )
    value, printed = measured.value, paper.printed
    assert value is not None
    verdict = Agreement.DIFFERS
    if round_like(value, printed) == printed if p is None else p > LEVEL:
        verdict = Agreement.AGREES
    elif abs(value - float(printed)) <= CLOSE * abs(float(printed)):
        verdict = Agreement.CLOSE
    return Comparison(paper, measured, lower, upper, p, verdict, calibrated)


def round_like(value: float, printed: Decimal) -> Decimal:
    """Round a value to the digits of a printed number.

    >>> round_like(0.020888, Decimal("0.0209")), round_like(5.7e-6, Decimal("6e-6"))
    (Decimal('0.0209'), Decimal('0.000006'))
    """
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(int(printed.as_tuple().exponent)))


def printed_count(paper: PrintedValue) -> int:
    """The count behind a printed ε or rate; raises MechvalError for a row without samples."""
    if paper.n is None:
        raise MechvalError(f"n of {paper.key!r} is missing; allowed: a number of samples.")
    if paper.count is not None:
        return paper.count
    if paper.kind == "epsilon":
        return disagreements_from_epsilon(float(paper.printed), paper.n, EPSILON_CONFIDENCE)
    return round(float(paper.printed) * paper.n)


def _exact_p(paper: PrintedValue, measured: Measured) -> float:
    counts = ((printed_count(paper), paper.n or 0), _count_of(paper, measured))
    result: Any = fisher_exact([[count, n - count] for count, n in counts])
    return float(result.pvalue)


def _count_of(paper: PrintedValue, measured: Measured) -> tuple[int, int]:
    if measured.count is None or measured.n is None:
        raise MechvalError(
            f"the measured value of {paper.key!r} has no count; allowed: with count and n."
        )
    return measured.count, measured.n


def _holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction: rejections at any level keep the family-wise error there."""
    ranked = sorted(p_values, key=lambda key: p_values[key])
    steps = (min(1.0, (len(ranked) - rank) * p_values[key]) for rank, key in enumerate(ranked))
    return dict(zip(ranked, accumulate(steps, max), strict=True))
