"""What float64 rounding can have cost a margin, bounded before any of it is computed.

Every number on the way to a margin is a sum of products, so by the standard error analysis it is
off by at most γ_K = K u / (1 - K u) times the same sum with every factor made positive, whatever
the order of summation; u = 2^-53, and K bounds the number of operations in sequence (Higham,
Accuracy and Stability of Numerical Algorithms, chapter 3). Two things need a word more.

- exp: a score off by δ and an exp good to 4 units in the last place put each attention weight off
  by a factor of at most 1 + η with η = e^(δ + |score - shift| u) - 1 + 8 u, and so any average
  under these weights by at most 3 η times the largest of what is averaged.
- The linear fraction: N - λ D is evaluated to within γ_K D times twice the largest value averaged,
  so a λ that passes is at most 2 γ_K times that largest value too high.

With M ≥ |residual before the MLP|, A = |W_in|ᵀ M + |b_in| ≥ |pre-activations| and
B = M + |b_out| + 2 |W_out|ᵀ A ≥ |residual after it|, componentwise, every error named above in a
margin between the unit prototypes w and t is at most (γ_K + 3 η)(|w| + |t|)·B; there are fewer
than eight (direction, MLP effect, slopes, offsets, projected values, weights, fraction, sum).
The ranges of pre-activations are widened by 4 (γ_K + 3 η) A before they are used.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mechval.two_sat.certify.parsing.softmax_fractions import Query, allowed_tokens

UNIT = 2.0**-53


@dataclass(frozen=True, eq=False)
class RoundingBounds:
    """Of one query: of each neuron's pre-activation and of its range, and after the MLP.

    No coordinate of the residual stream there exceeds ``largest_after``; ``relative`` is of any
    bound of a functional of that stream, relative to its largest value.
    """

    pre_activation: Float[np.ndarray, " d_mlp"]
    largest_after: Float[np.ndarray, " d_model"]
    relative: float

    def of(self, targets: Float[np.ndarray, "d_model target"]) -> Float[np.ndarray, " target"]:
        """Of bounds of linear functionals of the residual stream after the MLP."""
        return self.relative * (self.largest_after @ np.abs(targets))


def rounding_bounds(query: Query) -> RoundingBounds:
    block = query.block
    attended = _largest_values(query)
    relative = gamma(_n_operations(query)) + 3 * _weight_error(query)
    before = np.abs(query.resid) + attended.sum(axis=0)
    pre_activation = before @ np.abs(block.W_in) + np.abs(block.b_in)
    after = before + np.abs(block.b_out) + 2 * pre_activation @ np.abs(block.W_out)
    return RoundingBounds(4 * relative * pre_activation, after, 8 * relative)


def _n_operations(query: Query) -> int:
    block = query.block
    d_model, d_mlp = block.W_in.shape
    d_head = block.W_Q.shape[2]
    return 5 * d_model + 2 * d_head + 2 * d_mlp + len(block.resid) + 64


def gamma(n_operations: int) -> float:
    """γ_K: relative error of a sum of products after K operations."""
    return n_operations * UNIT / (1 - n_operations * UNIT)


def _sources(query: Query) -> Float[np.ndarray, "source d_model"]:
    """Absolute residual streams of every token at every position that the asking one may see."""
    positions, tokens = np.nonzero(allowed_tokens(query.block)[: query.position + 1])
    return np.abs(query.block.resid[positions, tokens])


def _largest_values(query: Query) -> Float[np.ndarray, "head_index d_model"]:
    """No attention output exceeds this, even if all its terms were positive."""
    resid, pairs = _sources(query), zip(query.block.W_V, query.block.W_O, strict=True)
    largest = [(resid @ np.abs(value) @ np.abs(output)).max(axis=0) for value, output in pairs]
    return np.stack(largest)


def _weight_error(query: Query) -> float:
    """η: the largest relative error of any attention weight before normalising."""
    resid = _sources(query)
    largest = max(
        float((resid @ np.abs(key) @ (np.abs(query.resid) @ np.abs(ask))).max())
        for ask, key in zip(query.block.W_Q, query.block.W_K, strict=True)
    )
    # |score - shift| is at most twice the largest score.
    return float(np.expm1(gamma(_n_operations(query)) * largest + 2 * largest * UNIT)) + 8 * UNIT
