"""Extremes of what one token can see in block 0, over every choice of the tokens before it.

Attention is Σ w v / Σ w with one term per position, each free to be any token's that may stand
there: a separable linear-fractional programme. No choice exceeds λ exactly if the sum over
positions of max_t w (v - λ) is at most 0. Dinkelbach's iteration finds such a λ; what is used is
that inequality, evaluated for a λ a little larger, and the largest value where it fails. As sums
of larger terms in one order are larger, its rounding is that of one choice: γ_K times twice the
largest value, and weights off by a factor 1 ± η move an average by 3 η times that value.

Source: Dinkelbach, On Nonlinear Fractional Programming, Management Science 13 (1967).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.certify.theorem import balls
from mechval.two_sat.certify.theorem.balls import Ball
from mechval.two_sat.certify.theorem.first_block import EnteredBlock

_ITERATIONS, _SLACK, _LARGE = 12, 2.0**-30, 0.25


@dataclass(frozen=True, eq=False)
class Sources:
    """What one token at one position may see, of one head: a row of options per position.

    Attributes:
        option: positions times the vocabulary, plus tokens, as [pos option]; repeated to fill.
        weight: of each, up to a common factor.
        error: largest relative error of a weight.
    """

    option: Int[Tensor, "pos option"]
    weight: Float[Tensor, "pos option"]
    error: float

    def highest(self, values: Ball) -> Float[Tensor, " column"]:
        """Upper bounds of averages of values by token and position, [pos*token column]."""
        value = values.mid[self.option]
        ratio = self._attained(value)
        largest = value.abs().amax((0, 1))
        tried = ratio + _SLACK * largest
        gained = (self.weight[..., None] * (value - tried)).amax(1).sum(0)
        bound = torch.where(gained <= 0, tried, largest)
        relative = 4 * balls.gamma(len(value) + 16) + 6 * self.error
        if not self.error < _LARGE:
            relative = 2.0
        return bound + balls.enlarged(values.rad[self.option].amax((0, 1)) + relative * largest)

    def _attained(self, value: Float[Tensor, "pos option column"]) -> Float[Tensor, " column"]:
        """The largest average, nearly."""
        weight = self.weight[..., None]
        chosen, ratio = torch.zeros(len(value), value.shape[2], dtype=torch.long), value[0, 0]
        for _ in range(_ITERATIONS):
            share = self.weight.gather(1, chosen)
            seen = value.gather(1, chosen[:, None])[:, 0]
            ratio = (share * seen).sum(0) / share.sum(0)
            better = (weight * (value - ratio)).argmax(1)
            if torch.equal(better, chosen):
                break
            chosen = better
        return ratio


def sources_of(entered: EnteredBlock, position: int, token: int, scores: Ball) -> Sources:
    """Of a token at a position, from its scores for every token at every position, flat."""
    options = _options(entered.allowed[: position + 1].clone(), position, token)
    option = options + torch.arange(position + 1)[:, None] * entered.vocabulary.d_vocab
    kept = scores[option]
    weight = (kept - balls.exact(kept.mid.max())).exp()
    return Sources(option, weight.mid, float((weight.rad / weight.mid).max()))


def _options(
    allowed: Bool[Tensor, "pos token"], position: int, token: int
) -> Int[Tensor, "pos option"]:
    """Tokens that may stand at each position, the first ones repeated to fill the rows."""
    allowed[position] = False
    allowed[position, token] = True
    width = int(allowed.sum(1).max())
    order = allowed.long().argsort(dim=1, descending=True, stable=True)[:, :width]
    return torch.where(allowed.gather(1, order), order, order[:, :1])
