"""Ready-made equivalences of outputs, from one label per sample to distributions.

Each is named with its tolerance, so that a table tells what counted as agreement. `exact_labels` is
in `base`; the last equivalence of a claim decides which outputs the suite takes.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from mechval.axioms.base import Equivalence, State, exact_labels, n_differing
from mechval.errors import MechvalError

_SUM_ERROR = 1e-3


def sequences(n_positions: int, tolerance: int = 0) -> Equivalence:
    """Sequences ``[batch, pos]`` that differ in at most ``tolerance`` positions.

    Which positions differ, and how often, `mechval.axioms.locate_failures` tells.

    Raises MechvalError for less than one position, or a negative tolerance.
    """
    name = "every position" if tolerance == 0 else f"all but {tolerance} positions"
    return Equivalence(name, n_differing, tolerance, n_positions)


def numbers_within(tolerance: int | float) -> Equivalence:
    """Numbers ``[batch, ...]``, each of which is at most ``tolerance`` apart, in their unit.

    Raises MechvalError for a negative or undefined tolerance.
    """
    return Equivalence(f"numbers within {tolerance:g}", largest_difference, tolerance)


def logits_within(tolerance: int | float) -> Equivalence:
    """Logits ``[batch, ..., vocab]`` up to a constant per distribution, which no softmax sees;
    each is then at most ``tolerance`` apart, in nats.

    Raises MechvalError for a negative or undefined tolerance.
    """
    return Equivalence(f"logits within {tolerance:g}", largest_logit_difference, tolerance)


def total_variation_within(tolerance: int | float) -> Equivalence:
    """Distributions ``[batch, ..., vocab]`` whose total variation, half the sum of absolute
    differences, is at most ``tolerance``; of several per sample, the largest counts.

    Raises MechvalError for a negative or undefined tolerance; used on what does not sum to 1,
    such as logits.
    """
    return Equivalence(f"total variation within {tolerance:g}", total_variation, tolerance)


def kl_within(tolerance: int | float) -> Equivalence:
    """Distributions ``[batch, ..., vocab]``: the program's costs at most ``tolerance`` nats more
    than the network's own, KL(network ‖ program); of several per sample, the largest counts.

    Raises MechvalError as `total_variation_within`.
    """
    return Equivalence(f"KL divergence within {tolerance:g} nats", kl_divergence, tolerance)


def largest_difference(
    first: Shaped[Tensor, "batch ..."], second: Shaped[Tensor, "batch ..."]
) -> Float[Tensor, " batch"]:
    """The largest absolute difference of two states' entries."""
    return _largest(_differences(first, second))


def largest_logit_difference(
    first: Float[Tensor, "batch ... vocab"], second: Float[Tensor, "batch ... vocab"]
) -> Float[Tensor, " batch"]:
    """The largest difference of two states' logits, each less its mean over the vocabulary."""
    return _largest(_logit_differences(first, second))


def total_variation(
    first: Float[Tensor, "batch ... vocab"], second: Float[Tensor, "batch ... vocab"]
) -> Float[Tensor, " batch"]:
    """Half the sum of absolute differences of two distributions, at most 1."""
    return _largest(_total_variations(first, second))


def kl_divergence(
    first: Float[Tensor, "batch ... vocab"], second: Float[Tensor, "batch ... vocab"]
) -> Float[Tensor, " batch"]:
    """KL(first ‖ second) in nats; a 0 of the second counts as the smallest number of its type."""
    return _largest(_kl_divergences(first, second)).clamp_min(0)


def differing_parts(
    equivalence: Equivalence, first: State, second: State
) -> Bool[Tensor, "batch ..."] | None:
    """Which parts of two states count as different: positions, numbers, logits, distributions.

    None for an equivalence whose distance is not one of the ready-made ones.
    """
    if equivalence.distance in (n_differing, exact_labels.distance):
        return first != second
    of_parts = [parts for distance, parts in _OF_PARTS if distance is equivalence.distance]
    return of_parts[0](first, second) > equivalence.tolerance if of_parts else None


def _largest(of_parts: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
    return of_parts.reshape(len(of_parts), -1).amax(dim=1)


def _differences(first: Tensor, second: Tensor) -> Tensor:
    _refuse_shapes(first, second)
    return (first.double() - second.double()).abs()


def _logit_differences(first: Tensor, second: Tensor) -> Tensor:
    _refuse_shapes(first, second)
    centred = (
        state.double() - state.double().mean(dim=-1, keepdim=True) for state in (first, second)
    )
    return _differences(*centred)


def _total_variations(first: Tensor, second: Tensor) -> Tensor:
    _refuse_no_distributions(first, second)
    return _differences(first, second).sum(dim=-1) / 2


def _kl_divergences(first: Tensor, second: Tensor) -> Tensor:
    _refuse_no_distributions(first, second)
    least = torch.finfo(second.dtype).tiny
    known, tried = first.double(), second.double().clamp_min(least)
    return (torch.xlogy(known, known) - known * tried.log()).sum(dim=-1)


_OF_PARTS = (
    (largest_difference, _differences),
    (largest_logit_difference, _logit_differences),
    (total_variation, _total_variations),
    (kl_divergence, _kl_divergences),
)


def _refuse_shapes(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape:
        raise MechvalError(
            f"the network's state has shape {tuple(first.shape)} and the program's "
            f"{tuple(second.shape)}; allowed: the same."
        )


def _refuse_no_distributions(first: Tensor, second: Tensor) -> None:
    _refuse_shapes(first, second)
    for whose, state in (("network", first), ("program", second)):
        sums = state.double().sum(dim=-1)
        if bool((state < 0).any()) or bool(((sums - 1).abs() > _SUM_ERROR).any()):
            raise MechvalError(
                f"the {whose}'s state is no distribution (its smallest entry is "
                f"{float(state.min()):.3g}, its sums go from {float(sums.min()):.3g} to "
                f"{float(sums.max()):.3g}); allowed: probabilities along the last axis, such as "
                "softmax(-1) of logits."
            )
