"""Looking for the formula that is parsed worst, by changing one earlier clause at a time.

What it finds is a fact, whether it refutes a claim or not: the true margin of one formula is an
upper bound of the least margin that a proof bounds from below.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mechval.two_sat.certify.parsing.softmax_fractions import Query
from mechval.two_sat.problem import clause_literals

_MAX_SWEEPS = 20


@dataclass(frozen=True)
class Found:
    """The true margin of one choice of the earlier clauses, farthest first."""

    margin: float
    earlier: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Margins:
    """True margins at one query and own clause: the better accepted prototype against the rest."""

    query: Query
    own_clause: int
    directions: Float[np.ndarray, "pair d_model"]

    def of(self, earlier: Int[np.ndarray, "choice earlier"]) -> Float[np.ndarray, " choice"]:
        """Evaluate choices of the earlier clauses, farthest first."""
        accepted = list(accepted_pairs(self.query, self.own_clause))
        scores = self._after(earlier) @ self.directions.T
        best = scores[:, accepted].max(axis=1)
        scores[:, accepted] = -np.inf
        return best - scores.max(axis=1)

    def at(self, earlier: tuple[int, ...]) -> Found:
        return Found(float(self.of(np.array([earlier], dtype=np.int64))[0]), earlier)

    def least(self, starts: Sequence[tuple[int, ...]], enough: float) -> Found:
        """Descend from each start, one clause at a time, until a margin is below ``enough``."""
        best = self._descend(starts[0])
        for start in starts[1:]:
            if best.margin < enough:
                break
            best = min(best, self._descend(start), key=lambda found: found.margin)
        return best

    def _descend(self, start: tuple[int, ...]) -> Found:
        current = np.array([start], dtype=np.int64)
        margin = float(self.of(current)[0])
        n_clauses = self.query.block.problem.n_distinct_clauses
        for _ in range(_MAX_SWEEPS):
            before = margin
            for position in range(current.shape[1]):
                choices = np.repeat(current, n_clauses, axis=0)
                choices[:, position] = np.arange(n_clauses)
                margins = self.of(choices)
                if margins.min() < margin:
                    margin = float(margins.min())
                    current = choices[[margins.argmin()]]
            if margin == before:
                break
        return Found(margin, tuple(current[0].tolist()))

    def _after(
        self, earlier: Int[np.ndarray, "choice earlier"]
    ) -> Float[np.ndarray, "choice d_model"]:
        """The residual stream after the block at the asking token."""
        query, block = self.query, self.query.block
        literals = clause_literals(block.problem)[earlier]
        second = 4 * np.arange(earlier.shape[1]) + 2
        resid_mid = np.repeat(query.resid[None], len(earlier), axis=0)
        for head in range(block.n_heads):
            numerator, denominator = query.fixed(head, self.own_clause, ())
            numerator = np.repeat(numerator[None], len(earlier), axis=0)
            for positions, tokens in ((second - 1, literals[..., 0]), (second, literals[..., 1])):
                weight = query.weight[head, positions, tokens]
                numerator += np.einsum("bj,bjd->bd", weight, block.values[head, positions, tokens])
                denominator = denominator + weight.sum(axis=1)
            resid_mid += numerator / np.reshape(denominator, (-1, 1))
        return block.after_mlp(resid_mid)


def accepted_pairs(query: Query, own_clause: int) -> tuple[int, int]:
    """The two prototypes of a clause: as it is written, and with its literals swapped."""
    first, second = clause_literals(query.block.problem)[own_clause].tolist()
    n_literals = query.block.problem.n_literals
    return first * n_literals + second, second * n_literals + first
