"""What needs no program: answers that are the same for every sample.

A cell that compares outputs tells something of a program only where it does better than these, by
the very equivalence that decides the cell.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from mechval import tables
from mechval.axioms import statistics
from mechval.axioms.base import Equivalence
from mechval.errors import MechvalError

CONSTANT, PER_POSITION = "best constant", "best per-position constant"
_N_TRIED = 256
_N_COMPARED = 4096


@dataclass(frozen=True)
class Baseline:
    """How far a program that always gives the same output is from the network.

    ``lower`` and ``upper`` are one-sided bounds of its disagreement probability.
    """

    baseline: str = tables.told()
    interpretation: str = tables.told()
    n: int = tables.told("N")
    disagreements: int = tables.count()
    rate: float = tables.rate()
    lower: float = tables.rate("lower bound")
    upper: float = tables.rate("upper bound")


BASELINES = tables.Table("axioms/baselines.csv", Baseline)


def best_constant(labels: Int[Tensor, " sample"], equivalence: Equivalence) -> int:
    """Of the labels that occur, the one that disagrees least with all of them (the smallest such).

    Under `exact_labels` it is the most frequent one. Choose it on samples that are not judged.

    Raises MechvalError if there is no label.
    """
    if len(labels) == 0:
        raise MechvalError("labels is empty; allowed: at least one label.")
    return min(
        labels.unique().tolist(),
        key=lambda constant: int(differs_from(constant, labels, equivalence).sum()),
    )


def best_constant_outputs(
    outputs: Shaped[Tensor, "sample ..."], equivalence: Equivalence
) -> dict[str, Shaped[Tensor, "..."]]:
    """The best constant outputs, by name, under the equivalence that decides the cells.

    The best constant is one that occurs (of at most 256 drawn ones, if they are not integers) or
    the mean. The best per-position constant is put together of what suits every position by
    itself: the most frequent number, the median or the mean.

    Raises MechvalError if there is no output, or the equivalence takes none of them.
    """
    if len(outputs) == 0:
        raise MechvalError("outputs is empty; allowed: at least one output.")
    if outputs.ndim == 1 and not outputs.is_floating_point():
        return {CONSTANT: torch.tensor(best_constant(outputs, equivalence))}
    some = outputs[:: -(-len(outputs) // _N_COMPARED)]
    found = {CONSTANT: _best(_occurring(outputs), some, equivalence)}
    if outputs.ndim > 1:
        found[PER_POSITION] = _best(_per_position(outputs), some, equivalence)
    constants = {name: constant for name, constant in found.items() if constant is not None}
    if not constants:
        raise MechvalError(
            f"equivalence {equivalence.name!r} takes none of the network's outputs; allowed: one "
            "that compares them."
        )
    return constants


def strongest_constant(
    outputs: Shaped[Tensor, "sample ..."], equivalence: Equivalence
) -> int | Shaped[Tensor, "..."]:
    """Of the best constant outputs the one that disagrees least; an integer if outputs are one.

    Raises MechvalError as `best_constant_outputs`.
    """
    constants = best_constant_outputs(outputs, equivalence).values()
    best = min(constants, key=lambda each: int(differs_from(each, outputs, equivalence).sum()))
    is_label = outputs.ndim == 1 and not outputs.is_floating_point()
    return int(best) if is_label else best


def measure_baseline(
    name: str,
    interpretation: str,
    constant: int | Shaped[Tensor, "..."],
    outputs: Shaped[Tensor, "sample ..."],
    equivalence: Equivalence,
    confidence: float,
) -> Baseline:
    """Count and bound on how many samples a constant output disagrees with the network's.

    Raises MechvalError for no samples or a confidence outside (0, 1).
    """
    n, count = len(outputs), int(differs_from(constant, outputs, equivalence).sum())
    return Baseline(
        baseline=name,
        interpretation=interpretation,
        n=n,
        disagreements=count,
        rate=count / n,
        lower=statistics.clopper_pearson_lower(count, n, confidence),
        upper=statistics.clopper_pearson_upper(count, n, confidence),
    )


def differs_from(
    constant: int | Shaped[Tensor, "..."],
    outputs: Shaped[Tensor, "sample ..."],
    equivalence: Equivalence,
) -> Bool[Tensor, " sample"]:
    """On which samples a constant output counts as another than the network's."""
    given = torch.as_tensor(constant, dtype=outputs.dtype).expand_as(outputs)
    return equivalence.distance(outputs, given) > equivalence.tolerance


def _occurring(outputs: Tensor) -> Iterator[Tensor]:
    yield from outputs.unique(dim=0)[:: -(-len(outputs.unique(dim=0)) // _N_TRIED)]
    if outputs.is_floating_point():
        yield outputs.mean(dim=0)


def _per_position(outputs: Tensor) -> Iterator[Tensor]:
    if outputs.is_floating_point():
        yield outputs.mean(dim=0)
        yield outputs.median(dim=0).values
    yield outputs.mode(dim=0).values


def _best(candidates: Iterator[Tensor], outputs: Tensor, equivalence: Equivalence) -> Tensor | None:
    """The candidate that disagrees least; what the equivalence refuses is none."""
    best, fewest = None, len(outputs) + 1
    for candidate in candidates:
        try:
            count = int(differs_from(candidate, outputs, equivalence).sum())
        except MechvalError:
            continue
        if count < fewest:
            best, fewest = candidate, count
    return best
