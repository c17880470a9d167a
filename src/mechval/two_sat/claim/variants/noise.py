"""An interpretation made worse on purpose: each parsed clause is sometimes replaced.

What is drawn for a formula depends on the seed and on that formula alone, so a cell has one value
however the formulas are batched, ordered or repeated (deviation U4).

Source: paper section 4 and appendix (variants; deviation U11).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.axioms import Map
from mechval.errors import MechvalError
from mechval.two_sat.configs import NoiseKind
from mechval.two_sat.problem import Problem, clause_pairs


@dataclass(frozen=True)
class NoisyParser:
    """A program of the parse component that sometimes writes another clause. Each of
    ``replacements`` is as likely; the same clause may come out. Raises MechvalError for a
    probability outside [0, 1] or a seed outside 0 to 2**63 - 1."""

    parse: Map
    replacements: Int[Tensor, " replacement"]
    probability: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise MechvalError(
                f"noise probability={self.probability} is not allowed; allowed: 0 to 1."
            )
        if not 0 <= self.seed < 2**63:
            raise MechvalError(
                f"noise seed={self.seed} is not allowed; allowed: an integer from 0 to 2**63 - 1."
            )

    def program(self, tokens: Int[Tensor, "batch pos"]) -> Int[Tensor, "batch clause_position"]:
        """The clauses as they are written, some of them replaced."""
        pairs = self.parse(tokens)
        chance, choice = _uniform_draws(pairs, self.seed, n_draws=2)
        n = len(self.replacements)
        chosen = (choice * n).long().clamp(max=n - 1)
        drawn = self.replacements.to(pairs.device)[chosen]
        return torch.where(chance < self.probability, drawn, pairs)


def noise_replacements(problem: Problem, kind: NoiseKind) -> Int[Tensor, " replacement"]:
    """List what a clause may be replaced by, as literal pairs ``first * n_literals + second``.
    ``pairs``: all ordered pairs, x or x and x or not-x included. ``clauses``: the distinct clauses
    over two different variables, as they are written."""
    if kind == "pairs":
        return torch.arange(problem.n_literals**2)
    return torch.from_numpy(clause_pairs(problem))


def _uniform_draws(
    pairs: Int[Tensor, "batch clause_position"], seed: int, *, n_draws: int
) -> Float[Tensor, "draw batch clause_position"]:
    """Draw from [0, 1) by hashing the seed, the formula, the clause position and the draw."""
    state = _mix(torch.full((len(pairs),), seed, dtype=torch.int64, device=pairs.device))
    for clause in pairs.long().T:
        state = _mix(state ^ clause)
    n_clauses = pairs.shape[1]
    counter = torch.arange(n_draws * n_clauses, device=pairs.device).reshape(n_draws, 1, n_clauses)
    hashed = _mix(state[:, None] + (counter + 1) * _INCREMENT)
    return _shifted(hashed, 64 - _FRACTION_BITS).double() / 2**_FRACTION_BITS


# SplitMix64 (Steele, Lea, Flood 2014) in wrapping signed 64-bit arithmetic: a counter-based
# generator that every device computes alike, a batch at a time.
_INCREMENT = 0x9E3779B97F4A7C15 - 2**64
_FIRST_FACTOR = 0xBF58476D1CE4E5B9 - 2**64
_SECOND_FACTOR = 0x94D049BB133111EB - 2**64
_FRACTION_BITS = 53


def _mix(word: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    word = word + _INCREMENT
    word = (word ^ _shifted(word, 30)) * _FIRST_FACTOR
    word = (word ^ _shifted(word, 27)) * _SECOND_FACTOR
    return word ^ _shifted(word, 31)


def _shifted(word: Int[Tensor, "*shape"], by: int) -> Int[Tensor, "*shape"]:
    """Shift to the right without the sign, which torch would copy in."""
    return (word >> by) & (2 ** (64 - by) - 1)
