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
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from scipy.stats import fisher_exact

from mechval.axioms import clopper_pearson_lower, clopper_pearson_upper, disagreements_from_epsilon
from mechval.config import Config
from mechval.errors import MechvalError
from mechval.reporting.tables import Row, read_csv

LEVEL = 0.01
"""A corrected p above this counts as agreement."""
CLOSE = 0.1
"""Relative distance up to which a value that does not agree is close."""
EPSILON_CONFIDENCE = 0.95
"""Of the printed ε, and of each end of a measured interval."""


class Agreement(StrEnum):
    """How a measured value stands to the printed one."""

    AGREES = "agrees"
    CLOSE = "close"
    DIFFERS = "differs"


class Published(Config):
    """One printed number.

    Attributes:
        key: under which the measured value is found.
        kind: ``epsilon`` (a bound on a rate), ``rate`` (a share of samples), ``number``, or
            ``context`` (printed, to be shown; nothing is measured for it).
        printed: as printed; its digits decide whether a number agrees.
        n: samples behind an ε or a rate.
        count: of disagreements behind an ε, where it is known to more digits than the ε.
        deviation: entry of the deviations list that explains a difference, if any.
        source: where the paper or its artefacts print it.
    """

    key: str
    quantity: str
    kind: Literal["epsilon", "rate", "number", "context"]
    printed: Decimal
    n: int | None = Field(ge=1)
    count: int | None = Field(ge=0)
    deviation: str | None
    source: str


@dataclass(frozen=True)
class Measured:
    """A measured value; rates come with the count and the number of samples behind them."""

    value: float
    count: int | None = None
    n: int | None = None


@dataclass(frozen=True)
class Comparison:
    """One row of the table.

    Attributes:
        lower, upper: two-sided 90 % Clopper-Pearson interval of a measured rate.
        p: of Fisher's exact test, Holm-corrected; None for a number.
    """

    published: Published
    measured: Measured
    lower: float | None
    upper: float | None
    p: float | None
    verdict: Agreement


def load_published(path: Path) -> tuple[Published, ...]:
    """Read the data file of printed numbers.

    Raises:
        MechvalError: naming the file and line if a row is not such a number or repeats a key.
    """
    rows: dict[str, Published] = {}
    for line, row in enumerate(read_csv(path), start=2):
        try:
            published = Published.model_validate({k: v or None for k, v in row.items()})
        except ValidationError as error:
            fault = error.errors()[0]
            raise MechvalError(
                f"{path}, line {line}: {'.'.join(map(str, fault['loc']))} is refused "
                f"({fault['msg']}); allowed: a row as Published describes it."
            ) from None
        if published.key in rows:
            raise MechvalError(
                f"{path}, line {line}: key={published.key!r} is there twice; allowed: once."
            )
        if (published.kind in ("epsilon", "rate")) != (published.n is not None):
            raise MechvalError(
                f"{path}, line {line}: n={published.n} is not allowed with "
                f"kind={published.kind}; allowed: a count with epsilon and rate, none otherwise."
            )
        rows[published.key] = published
    return tuple(rows.values())


def compare(
    published: Sequence[Published], measured: Mapping[str, Measured]
) -> tuple[Comparison, ...]:
    """Judge every printed number but those of kind ``context``.

    Raises:
        MechvalError: if one has no measured value, or a rate comes without its count.
    """
    published = [row for row in published if row.kind != "context"]
    for row in published:
        if row.key not in measured:
            raise MechvalError(f"no measured value for {row.key!r}; allowed: one per printed row.")
    corrected = _holm(
        {row.key: _exact_p(row, measured[row.key]) for row in published if row.kind != "number"}
    )
    return tuple(_compare(row, measured[row.key], corrected.get(row.key)) for row in published)


def comparison_rows(comparisons: Sequence[Comparison]) -> list[Row]:
    """The table as plain rows."""
    return [
        {
            "key": item.published.key,
            "quantity": item.published.quantity,
            "kind": item.published.kind,
            "published": str(item.published.printed),
            "published_n": item.published.n,
            "measured": item.measured.value,
            "measured_count": item.measured.count,
            "measured_n": item.measured.n,
            "rate_lower": item.lower,
            "rate_upper": item.upper,
            "p_holm": item.p,
            "verdict": item.verdict.value,
            "deviation": item.published.deviation,
            "source": item.published.source,
        }
        for item in comparisons
    ]


def _compare(published: Published, measured: Measured, p: float | None) -> Comparison:
    lower = upper = None
    if published.kind != "number":
        count, n = _count_of(published, measured)
        lower = clopper_pearson_lower(count, n, EPSILON_CONFIDENCE)
        upper = clopper_pearson_upper(count, n, EPSILON_CONFIDENCE)
    return Comparison(published, measured, lower, upper, p, _verdict(published, measured, p))


def _verdict(published: Published, measured: Measured, p: float | None) -> Agreement:
    printed = published.printed
    if p is None and round_like(measured.value, printed) == printed:
        return Agreement.AGREES
    if p is not None and p > LEVEL:
        return Agreement.AGREES
    is_close = abs(measured.value - float(printed)) <= CLOSE * abs(float(printed))
    return Agreement.CLOSE if is_close else Agreement.DIFFERS


def round_like(value: float, printed: Decimal) -> Decimal:
    """Round a value to the digits of a printed number.

    >>> round_like(0.020888, Decimal("0.0209")), round_like(5.7e-6, Decimal("6e-6"))
    (Decimal('0.0209'), Decimal('0.000006'))
    """
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(int(printed.as_tuple().exponent)))


def published_count(published: Published) -> int:
    """The count behind a printed ε or rate.

    Raises:
        MechvalError: for a row without samples.
    """
    if published.n is None:
        raise MechvalError(f"n of {published.key!r} is missing; allowed: a number of samples.")
    if published.count is not None:
        return published.count
    if published.kind == "epsilon":
        return disagreements_from_epsilon(float(published.printed), published.n, EPSILON_CONFIDENCE)
    return round(float(published.printed) * published.n)


def _exact_p(published: Published, measured: Measured) -> float:
    assert published.n is not None
    printed = published_count(published)
    count, n = _count_of(published, measured)
    table = [[printed, published.n - printed], [count, n - count]]
    result: Any = fisher_exact(table)
    return float(result.pvalue)


def _count_of(published: Published, measured: Measured) -> tuple[int, int]:
    if measured.count is None or measured.n is None:
        raise MechvalError(
            f"the measured value of {published.key!r} has no count; allowed: with count and n."
        )
    return measured.count, measured.n


def _holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction: rejections at any level keep the family-wise error there."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, key in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[key]))
        corrected[key] = largest
    return corrected
