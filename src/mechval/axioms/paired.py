"""Two interpretations on the same samples: which of them disagrees more often, and is that chance?

The samples on which both agree or both disagree say nothing about the difference; McNemar's test
looks at the others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

from jaxtyping import Bool
from scipy.special import bdtr, ndtri
from torch import Tensor

from mechval import tables
from mechval.axioms.report import AxiomReport
from mechval.axioms.statistics import check_confidence
from mechval.errors import MechvalError

Paired = TypeVar("Paired", bound="PairedComparison")


@dataclass(frozen=True)
class PairedComparison:
    """On how many samples two interpretations disagree with the network in one cell.

    Attributes:
        difference: rate of the first minus rate of the second, with its two-sided interval from
            ``low`` to ``high``.
        p_value: two-sided exact probability of so uneven a split of the samples on which just one
            disagrees, if either were as likely.
        confidence: of the interval.

    Raises MechvalError if the p-value is not that of the counts.
    """

    n: int = tables.told("N")
    only_first: int = tables.count("only the first fails")
    only_second: int = tables.count("only the second")
    both: int = tables.count()
    difference: float = tables.rate("difference of the rates")
    low: float = tables.rate("at least")
    high: float = tables.rate("at most")
    p_value: float = tables.derived("p")
    confidence: float = tables.told()

    def __post_init__(self) -> None:
        expected = _p_value(self.only_first, self.only_second)
        if not math.isclose(self.p_value, expected, rel_tol=1e-6, abs_tol=1e-300):
            raise MechvalError(
                f"p_value={self.p_value} does not follow from only_first={self.only_first} and "
                f"only_second={self.only_second}; allowed: {expected}."
            )

    def at(self: Paired, confidence: float) -> Paired:
        """The same counts, with the interval of another confidence."""
        check_confidence(confidence)
        low, high = _difference_interval(self.only_first, self.only_second, self.n, confidence)
        return replace(self, low=low, high=high, confidence=confidence)


@dataclass(frozen=True, kw_only=True)
class PairedRow(PairedComparison):
    """Two interpretations, by name, compared in one cell."""

    cell: str = tables.told()
    first: str = tables.told()
    second: str = tables.told()


PAIRED = tables.Table("axioms/paired.csv", PairedRow)


def compare_disagreements(
    first: Bool[Tensor, " samples"], second: Bool[Tensor, " same_samples"], confidence: float
) -> PairedComparison:
    """Compare two interpretations by the exact McNemar test and a score interval.

    The vectors say on which of the very same samples each disagrees with the network.

    Raises MechvalError for different numbers of samples, none, or a confidence outside (0, 1).

    Source: McNemar (1947), exact form; interval of Tango (1998), Statistics in Medicine 17.
    """
    if len(first) != len(second) or len(first) == 0:
        raise MechvalError(
            f"paired samples number {len(first)} and {len(second)} which is not allowed; "
            "allowed: two equal numbers of at least 1."
        )
    check_confidence(confidence)
    n = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    low, high = _difference_interval(only_first, only_second, n, confidence)
    return PairedComparison(
        n=n,
        only_first=only_first,
        only_second=only_second,
        both=int((first & second).sum()),
        difference=(only_first - only_second) / n,
        low=low,
        high=high,
        p_value=_p_value(only_first, only_second),
        confidence=confidence,
    )


def compare_pairs(reports: Sequence[AxiomReport], cell: str, confidence: float) -> list[PairedRow]:
    """Compare every two reports on the same samples in the cell of that name, each pair once.

    Raises MechvalError for a cell that a report lacks, and as `compare_disagreements`.
    """
    vectors: dict[str, Bool[Tensor, " sample"]] = {}
    for report in reports:
        if cell not in report.disagreements:
            raise MechvalError(
                f"cell {cell!r} of {report.interpretation!r} is not there; "
                f"allowed: one of {', '.join(report.disagreements)}."
            )
        vectors[report.interpretation] = report.disagreements[cell]
    return [
        PairedRow(
            cell=cell,
            first=first,
            second=second,
            **vars(compare_disagreements(vectors[first], vectors[second], confidence)),
        )
        for first, second in combinations(vectors, 2)
    ]


def _p_value(only_first: int, only_second: int) -> float:
    fewer, uneven = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, uneven, 0.5)))


def _difference_interval(
    only_first: int, only_second: int, n: int, confidence: float
) -> tuple[float, float]:
    """The differences that the score test does not reject.

    The score is squared and multiplied out, as its variance vanishes at -1, at 1 and, where no
    sample is uneven, at 0.
    """
    # Takes long to import, and is needed only where claims are compared.
    from scipy.optimize import root_scalar

    squared_quantile = float(ndtri((1 + confidence) / 2)) ** 2
    found = (only_first - only_second) / n

    def rejection(tried: float) -> float:
        excess = only_first - only_second - n * tried
        least = _least_rate(only_first, only_second, n, tried)
        return excess**2 - squared_quantile * n * (2 * least + tried * (1 - tried))

    def edge(end: float) -> float:
        # Beside the estimate the test rejects nothing, on it both terms may be 0.
        start = found + math.copysign(_BESIDE, end - found)
        return end if found == end else float(root_scalar(rejection, bracket=(start, end)).root)

    return edge(-1.0), edge(1.0)


_BESIDE = 1e-12


def _least_rate(only_first: int, only_second: int, n: int, difference: float) -> float:
    """The likeliest rate of 'only the second' among those with the given true difference."""
    linear = difference * (2 * n - only_first + only_second) - only_first - only_second
    constant = -only_second * difference * (1 - difference)
    root = math.sqrt(max(linear**2 - 8 * n * constant, 0.0))
    return (root - linear) / (4 * n)
