"""Which waves a program holds of each number, which it adds up, and how it weighs their sums.

Networks trained here put into their embedding, beside the key frequencies, waves at twice their
angle: no logit lies on those, yet without them the network answers other sums (deviation U16).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float64
from torch import Tensor

from mechval.modular_addition.circuit.extract import Frequency
from mechval.modular_addition.circuit.fourier import Frequencies, with_doubles

Program = Literal["used", "weighted", "embedding"]
MAIN: Program = "used"
"""The program that is claimed; the others stand beside it."""


@dataclass(frozen=True, eq=False)
class Selection:
    """The waves of one program.

    Attributes:
        program: how it is called.
        held: the frequencies of h_1; those that h_2 adds come first.
        weights: of each added frequency, its cosine's factor in h_3.
    """

    program: Program
    held: Frequencies
    weights: Float64[Tensor, " added"]

    @property
    def added(self) -> Frequencies:
        """The frequencies of h_2 and h_3."""
        return self.held[: len(self.weights)]

    @classmethod
    def of(cls, frequencies: Sequence[int], program: Program = MAIN) -> "Selection":
        """These frequencies held and added, with equal weights."""
        held = torch.tensor([*frequencies], dtype=torch.long)
        return cls(program, held, torch.ones(len(held), dtype=torch.float64))


def select_waves(p: int, frequencies: Sequence[Frequency]) -> list[Selection]:
    """The waves of each program; none at all if there are no key frequencies.

    ``used``, which comes first, adds the key frequencies and holds them and their doubles;
    ``weighted`` weighs those by their coefficient in the logits; ``embedding`` holds and adds what
    stands out of the embedding, the paper's choice, and is left out if nothing does.
    """
    key = [row for row in frequencies if row.is_key]
    if not key:
        return []
    used = Selection.of([row.frequency for row in key])
    held = with_doubles(p, used.held)
    coefficients = torch.tensor([row.logit_coefficient for row in key], dtype=torch.float64)
    found = [Selection("used", held, used.weights), Selection("weighted", held, coefficients)]
    embedded = [row.frequency for row in frequencies if row.is_embedded]
    return [*found, Selection.of(embedded, "embedding")] if embedded else found
