"""From disagreements among n independent samples to bounds on their probability.

``confidence`` is the probability, over samples, that a one-sided bound holds (0.95 in the paper).
"""

import math
from collections.abc import Sequence

from scipy.special import betaincinv

from mechval.errors import MechvalError

CONFIDENCE = 0.95
"""Where no other is asked for."""


def clopper_pearson_upper(disagreements: int, n: int, confidence: float) -> float:
    """Bound the disagreement probability from above: the ε of the paper.

    Raises MechvalError for no samples, more disagreements than samples, or a confidence outside (0,
    1).

    Source: paper section 4 (one-sided Clopper-Pearson).

    >>> f"{clopper_pearson_upper(0, 80_001, 0.95):.2e}"
    '3.74e-05'
    """
    _check_count(disagreements, n)
    check_confidence(confidence)
    if disagreements == n:
        return 1.0
    return float(betaincinv(disagreements + 1, n - disagreements, confidence))


def clopper_pearson_lower(disagreements: int, n: int, confidence: float) -> float:
    """Bound the disagreement probability from below; arguments as `clopper_pearson_upper`.

    >>> round(clopper_pearson_lower(10, 10, 0.95), 4)
    0.7411
    """
    _check_count(disagreements, n)
    check_confidence(confidence)
    if disagreements == 0:
        return 0.0
    return float(betaincinv(disagreements, n - disagreements + 1, 1 - confidence))


def disagreements_from_epsilon(epsilon: float, n: int, confidence: float) -> int:
    """Invert `clopper_pearson_upper`: the count whose bound is nearest to a printed ε.

    >>> disagreements_from_epsilon(0.00433, 80_001, 0.95)
    316

    Raises MechvalError for an ε outside (0, 1], no samples or a confidence outside (0, 1).
    """
    if not 0 < epsilon <= 1:
        raise MechvalError(f"epsilon={epsilon} is not allowed; allowed: above 0 and at most 1.")
    low, high = 0, _check_count(0, n)
    while high - low > 1:
        middle = (low + high) // 2
        if clopper_pearson_upper(middle, n, confidence) <= epsilon:
            low = middle
        else:
            high = middle
    return min(
        (low, high), key=lambda count: abs(clopper_pearson_upper(count, n, confidence) - epsilon)
    )


def samples_for_epsilon(epsilon: float, confidence: float, disagreements: int = 0) -> int:
    """Give the fewest samples on which so many disagreements bound the probability by ε.

    >>> samples_for_epsilon(0.01, 0.95), samples_for_epsilon(0.01, 0.95, disagreements=3)
    (299, 773)

    Raises MechvalError for an ε outside (0, 1), a negative count or a confidence outside (0, 1).
    """
    if not 0 < epsilon < 1:
        raise MechvalError(f"epsilon={epsilon} is not allowed; allowed: strictly between 0 and 1.")
    low = high = _check_count(disagreements, max(disagreements, 1))
    while clopper_pearson_upper(disagreements, high, confidence) > epsilon:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if clopper_pearson_upper(disagreements, middle, confidence) > epsilon:
            low = middle
        else:
            high = middle
    return high


def mixture_upper(
    disagreements: Sequence[int], n: Sequence[int], weights: Sequence[float], confidence: float
) -> float:
    """Bound the disagreement probability of a mixture whose strata were sampled separately.

    Each stratum is bounded at 1 - (1 - confidence) / n_strata, so that all hold together
    (Bonferroni), and so does their weighted sum.

    Disagreements, samples and weights are per stratum; the confidence is that of the result.

    Raises MechvalError if a stratum has no samples or the weights are not shares of a whole.
    """
    check_weights(weights)
    each = simultaneous_confidence(confidence, len(weights))
    bound = math.fsum(
        weight * clopper_pearson_upper(count, total, each)
        for count, total, weight in zip(disagreements, n, weights, strict=True)
    )
    return min(bound, 1.0)


def simultaneous_confidence(confidence: float, n_bounds: int) -> float:
    """Give the level at which each of ``n_bounds`` bounds must hold for all to hold together.

    Source: Bonferroni.

    >>> round(simultaneous_confidence(0.95, 8), 6)
    0.99375
    """
    check_confidence(confidence)
    if n_bounds < 1:
        raise MechvalError(f"n_bounds={n_bounds} is not allowed; allowed: at least 1.")
    return 1 - (1 - confidence) / n_bounds


def label_entropy(counts: Sequence[int]) -> float:
    """Give the entropy, in bits, of labels that occur so many times each.

    >>> label_entropy([5, 5, 0]), label_entropy([7])
    (1.0, 0.0)

    Raises MechvalError if there is no label at all.
    """
    n = sum(counts)
    _check_count(0, n)
    return math.fsum(count / n * math.log2(n / count) for count in counts if count)


def check_confidence(confidence: float) -> None:
    """Raise a MechvalError unless a confidence lies strictly between 0 and 1."""
    if not 0 < confidence < 1:
        raise MechvalError(
            f"confidence={confidence} is not allowed; allowed: strictly between 0 and 1."
        )


def check_weights(weights: Sequence[float]) -> None:
    """Raise a MechvalError unless weights are at least 0 and sum to 1."""
    if not all(weight >= 0 for weight in weights) or not math.isclose(
        math.fsum(weights), 1, abs_tol=1e-9
    ):
        raise MechvalError(
            f"mixture weights {list(weights)} are not allowed; "
            "allowed: numbers of at least 0 that sum to 1."
        )


def _check_count(disagreements: int, n: int) -> int:
    """Return ``n`` if that many samples can hold so many disagreements."""
    if n < 1:
        raise MechvalError(f"n={n} samples are not allowed; allowed: at least 1.")
    if not 0 <= disagreements <= n:
        raise MechvalError(f"disagreements={disagreements} is not allowed; allowed: 0 to n={n}.")
    return n
