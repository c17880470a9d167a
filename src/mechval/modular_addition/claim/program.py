"""The program h: angle of each number, angle of the sum, the residue that fits it best.

It knows the modulus and the key frequencies, nothing of the network.

Source: PAPER.md section 3.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from mechval.modular_addition.circuit.fourier import add_angles, waves


@dataclass(frozen=True)
class WaveProgram:
    """h_1, h_2 and h_3, by the cosine and sine of w_k n for every residue n and key frequency k.

    h_1 rounds to ``decimals`` (None keeps float64); what is lost is lost for all that follows.
    """

    table: Float64[Tensor, "p frequency 2"]
    decimals: int | None = None

    @classmethod
    def of(
        cls, p: int, frequencies: Int[Tensor, " frequency"], decimals: int | None = None
    ) -> "WaveProgram":
        """The program for addition modulo ``p`` by these wave numbers."""
        return cls(waves(p, frequencies), decimals)

    def look_up(self, tokens: Int[Tensor, "batch 3"]) -> Float64[Tensor, "batch 2 frequency 2"]:
        """The waves of ``a`` and of ``b`` (h_1)."""
        return round_waves(self.table[tokens[:, :-1]], self.decimals)

    def add(
        self, numbers: Float64[Tensor, "batch 2 frequency 2"]
    ) -> Float64[Tensor, "batch frequency 2"]:
        """The waves of ``a + b``, by the angle-sum identities (h_2)."""
        return add_angles(numbers[:, 0], numbers[:, 1])

    def best_residue(self, total: Float64[Tensor, "batch frequency 2"]) -> Int[Tensor, " batch"]:
        """The residue c with the largest Σ_k cos(w_k(a + b - c)) (h_3)."""
        return (total.flatten(1) @ self.table.flatten(1).T).argmax(dim=1)


def round_waves(
    state: Float64[Tensor, "*state"], decimals: int | None
) -> Float64[Tensor, "*state"]:
    """Round to so many decimals; None keeps the state."""
    return state if decimals is None else torch.round(state, decimals=decimals)
