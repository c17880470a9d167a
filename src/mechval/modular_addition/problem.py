"""Addition modulo p: its inputs, their tokens and answers.

A number is its token id; the token after the last number is ``=``. An input is the pair
``(a, b)``, read by the network as the three tokens ``a b =``; a pair's index is ``a * p + b``.

Source: Nanda et al., ICLR 2023; paper section 5.
"""

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from mechval.config import Config

POSITIONS = ("a", "b", "=")
"""What stands at each position of an input; the answer is predicted at the last one."""


class ModularAddition(Config):
    """The modulus; every other size in the case study follows from it (the paper has p = 113)."""

    p: int = Field(strict=True, ge=5, le=499, description="an integer from 5 to 499")

    @property
    def d_vocab(self) -> int:
        """The numbers 0 to p - 1, and ``=``."""
        return self.p + 1

    @property
    def equals_token(self) -> int:
        """The token id of ``=``."""
        return self.p

    @property
    def n_ctx(self) -> int:
        """Tokens of an input."""
        return len(POSITIONS)

    @property
    def n_pairs(self) -> int:
        """How many inputs there are."""
        return self.p**2

    def all_pairs(self) -> Int[Tensor, "pair 2"]:
        """Every input; the row of ``(a, b)`` is its index ``a * p + b``.

        >>> ModularAddition(p=5).all_pairs()[7].tolist()
        [1, 2]
        """
        return self.pairs(torch.arange(self.n_pairs))

    def pairs(self, indices: Int[Tensor, " batch"]) -> Int[Tensor, "batch 2"]:
        """The inputs with these indices."""
        return torch.stack([indices // self.p, indices % self.p], dim=1)

    def tokens(self, pairs: Int[Tensor, "batch 2"]) -> Int[Tensor, "batch 3"]:
        """The tokens ``a b =`` of each input."""
        equals = torch.full_like(pairs[:, :1], self.equals_token)
        return torch.cat([pairs, equals], dim=1)

    def answers(self, pairs: Int[Tensor, "batch 2"]) -> Int[Tensor, " batch"]:
        """The token of ``(a + b) mod p`` for each input.

        >>> problem = ModularAddition(p=5)
        >>> problem.answers(torch.tensor([[3, 4]])).tolist()
        [2]
        """
        return pairs.sum(dim=1) % self.p
