"""The key frequencies: those of the waves that stand out.

Source: Nanda et al., ICLR 2023; paper section 5.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from mechval.modular_addition.circuit.fourier import Frequencies


@dataclass(frozen=True)
class KeyFrequencies:
    """The frequencies that stand out, ascending; empty if none does.

    ``gap`` is the weakest one's share over the strongest other frequency's, or, where none stands
    out, the largest ratio that was looked at (0 if there was none); ``share`` is theirs together.
    """

    frequencies: Int[Tensor, " key"]
    gap: float
    share: float


def find_key_frequencies(
    shares: Float64[Tensor, " frequency"], frequencies: Frequencies, smallest_gap: float
) -> KeyFrequencies:
    """Cut the frequencies, ordered by share of a whole, at the largest ratio between neighbours.

    Looked at are the cuts with at most half of the frequencies above them (key frequencies are
    few) and at least half of the whole (it is made of them). If the largest ratio is below
    ``smallest_gap``, or there is no such cut, no frequency stands out.
    """
    ordered = shares.sort(descending=True, stable=True)
    share = ordered.values.cumsum(0)
    n_cuts = len(shares) // 2
    floor = ordered.values[0] * torch.finfo(torch.float64).eps
    ratios = ordered.values[:n_cuts] / ordered.values[1 : n_cuts + 1].clamp_min(float(floor))
    ratios = torch.where(share[:n_cuts] >= 0.5, ratios, 0.0).nan_to_num(0.0)
    cut = int(ratios.argmax()) if n_cuts else 0
    gap = float(ratios[cut]) if n_cuts else 0.0
    if gap < smallest_gap:
        return KeyFrequencies(frequencies[:0], gap, 0.0)
    chosen = frequencies[ordered.indices[: cut + 1]].sort().values
    return KeyFrequencies(chosen, gap, float(share[cut]))
