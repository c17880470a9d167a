"""What float64 rounding can cost the bound of the drift, from the ranges of block 0 on.

Those ranges are sound already (`parsing.rounding`), for the functionals as they are stored. What
follows is a sum of products throughout, so each number is off by at most γ_K = K u / (1 - K u)
times the same sum with every factor made positive, u = 2^-53. With M ≥ |residual stream after
block 0|, coordinate by coordinate, these positive sums are

- scores: M |W_K| (M |W_Q|), and what drifts; attention weights are off by the factor that this
  gives inside exp, and averages under them by three times that of the largest value;
- values: M |W_V| |W_O| |targets| of each head, three times (frozen, shifted, functional), and what
  drifts;
- neurons: (M + Σ M |W_V| |W_O|) |W_in| + |b_in|, and margins: those times |W_out| |rivals|.

Each is counted several times over, once for every step it takes part in.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mechval.two_sat.certify.drift.positions import AtFormulas
from mechval.two_sat.certify.drift.second_block import SecondBlock
from mechval.two_sat.certify.parsing.rounding import UNIT, gamma

_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, eq=False)
class DriftRounding:
    """Bounds for some formulas; ``relative`` is of every number, relative to its positive sum.

    They are of a head's values under every target and of their average in the frozen network, of
    every target before the MLP, and of the frozen network's margins and their drift.
    """

    relative: Float[np.ndarray, "formula head_index"]
    value: Float[np.ndarray, "formula head_index target"]
    target: Float[np.ndarray, "formula target"]
    margin: Float[np.ndarray, "formula rival"]


def drift_rounding(block: SecondBlock, at: AtFormulas) -> DriftRounding:
    """Bound what rounding can cost at some formulas; infinite where nothing can be said."""
    relative = _relative(block, at)
    drifting = at.value_drift.size.max(axis=2)
    values = 3 * (at.largest @ block.W_VO_size) @ np.abs(block.targets) + drifting
    worst = relative.max(axis=1)[:, None]
    largest_mid = block.largest_mid(at.largest)
    neurons = largest_mid @ np.abs(block.W_in) + np.abs(block.b_in)
    n_rivals = block.rivals.shape[1]
    direct = largest_mid @ np.abs(block.targets)
    direct[n_rivals:] += np.abs(block.b_in[block.chosen])
    target = 4 * worst * (direct + at.answer_drift.size + 2 * values.sum(axis=1))
    sums = (
        direct[:n_rivals] + np.abs(block.b_out) @ np.abs(block.rivals) + neurons @ block.effect_size
    )
    inherited = target[:, :n_rivals] + target[:, n_rivals:] @ block.effect_size[block.chosen]
    return DriftRounding(
        relative, relative[..., None] * values, target, 16 * worst * sums + 8 * inherited
    )


def _relative(block: SecondBlock, at: AtFormulas) -> Float[np.ndarray, "formula head_index"]:
    """γ_K + 3 η, with η the relative error of any attention weight before normalising."""
    keys = np.einsum("d,hde->he", at.largest, np.abs(block.W_K))
    queries = np.einsum("d,hde->he", at.largest, np.abs(block.W_Q))
    size = 4 * (keys * queries).sum(axis=1)[None] + at.score_size.max(axis=2)
    d_model, d_mlp = block.W_in.shape
    n_operations = 5 * d_model + 2 * block.W_K.shape[2] + 2 * d_mlp + at.score.shape[2] + 64
    inside = np.minimum((gamma(n_operations) + 2 * UNIT) * size, _LARGEST_EXPONENT)
    return gamma(n_operations) + 3 * (np.expm1(inside) + 16 * UNIT)
