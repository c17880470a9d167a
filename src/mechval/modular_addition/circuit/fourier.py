"""Waves over the residues modulo p, and which of them stand out.

Wave number k has the angle w_k = 2πk/p; k runs from 1 to the largest one below p/2, beyond which
waves repeat. (With p even, k = p/2 is left out: its sine is zero everywhere.)

Source: Nanda et al., ICLR 2023; paper section 5.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

Frequencies = Int[Tensor, " frequency"]


def all_frequencies(p: int) -> Frequencies:
    """The wave numbers of the residues modulo p.

    >>> all_frequencies(7).tolist()
    [1, 2, 3]
    """
    return torch.arange(1, (p - 1) // 2 + 1)


def waves(p: int, frequencies: Frequencies) -> Float64[Tensor, "p frequency 2"]:
    """Cosine and sine of w_k n for every residue n.

    The angle is reduced modulo p before it is multiplied, so that it is as exact as a float64 is.
    """
    residues = torch.arange(p, device=frequencies.device)
    angles = ((residues[:, None] * frequencies) % p).double() * (2 * math.pi / p)
    return torch.stack([angles.cos(), angles.sin()], dim=-1)


def wave_power(
    embedding: Float[Tensor, "p d_model"], frequencies: Frequencies
) -> Float64[Tensor, "frequency 2"]:
    """Squared norm of an embedding's part along each cosine and each sine over the residues."""
    p = len(embedding)
    basis = waves(p, frequencies).flatten(1) * math.sqrt(2 / p)
    return (basis.T @ embedding.double()).square().sum(dim=1).unflatten(0, (-1, 2))


def round_waves(
    state: Float64[Tensor, "*state"], decimals: int | None
) -> Float64[Tensor, "*state"]:
    """Round to so many decimals; None keeps the state."""
    return state if decimals is None else torch.round(state, decimals=decimals)


@dataclass(frozen=True)
class KeyFrequencies:
    """The frequencies that stand out, ascending; empty if none does.

    ``gap`` is the weakest one's share over the strongest other frequency's, or, where none stands
    out, the largest ratio that was looked at (0 if there was none); ``share`` is theirs together.
    """

    frequencies: Int[Tensor, " key"]
    gap: float
    share: float


def with_doubles(p: int, frequencies: Frequencies) -> Int[Tensor, " held"]:
    """The frequencies, then those at twice their angle (modulo p) that are not among them.

    >>> with_doubles(13, torch.tensor([2, 5])).tolist()
    [2, 5, 3, 4]
    """
    doubled = (2 * frequencies) % p
    doubled = torch.minimum(doubled, p - doubled).unique()
    known = torch.isin(doubled, frequencies) | (2 * doubled == p)
    return torch.cat([frequencies, doubled[~known]])


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
