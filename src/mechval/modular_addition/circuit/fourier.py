"""Waves over the residues modulo p, and which of them stand out.

Wave number k has the angle w_k = 2πk/p; k runs from 1 to the largest one below p/2, beyond which
waves repeat. (With p even, k = p/2 is left out: its sine is zero everywhere.)

Source: Nanda et al., ICLR 2023; paper section 5.
"""

import math

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


def with_doubles(p: int, frequencies: Frequencies) -> Int[Tensor, " held"]:
    """The frequencies, then those at twice their angle (modulo p) that are not among them.

    >>> with_doubles(13, torch.tensor([2, 5])).tolist()
    [2, 5, 3, 4]
    """
    doubled = (2 * frequencies) % p
    doubled = torch.minimum(doubled, p - doubled).unique()
    known = torch.isin(doubled, frequencies) | (2 * doubled == p)
    return torch.cat([frequencies, doubled[~known]])
