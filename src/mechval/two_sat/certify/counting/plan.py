"""What has to be computed for every multiset of clauses, and how far rounding can move it.

Of block 1's neurons only those are evaluated whose activation is not settled in advance, by the
ranges over all mixtures of positions: a neuron that is never on is left out, one that is always
on is a linear function, and neurons that cannot move any logit by more than a tiny amount in
all are left out too, that amount being added to the error. The answer is decided by margins over
the logit of ``u``: that of ``s``, and that of one other token of each group whose logits are
alike. What lies within the error of a margin or of a cut is left undecided.

The error is that of float64 with the sums in any order and with or without fused operations:
with u = 2**-53, k roundings change a sum of terms by at most k u / (1 - k u) times the sum of
their sizes (Higham, Accuracy and Stability of Numerical Algorithms, section 3).
"""

from dataclasses import dataclass
from typing import NamedTuple

import flint
import numpy as np
from flint import arb, arb_mat
from jaxtyping import Bool, Float, Int, UInt64

from mechval.two_sat.certify.counting.substituted_block import PRECISION_BITS, SubstitutedBlock
from mechval.two_sat.certify.parsing.rounding import gamma
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.formulas.truth_tables import clause_truth_tables

NEGLIGIBLE_LOGIT = 2.0**-30
"""What the neurons that are left out may change a margin by, all together, in logits."""

ALIKE_LOGIT = 2.0**-8
"""Tokens other than the answers whose logits differ by no more than this share one margin."""

_LANES = 8
# Far above what underflow can lose, far below every other error.
_UNDERFLOW = 1e-200


class EnumerationPlan(NamedTuple):
    """The columns to compute, in float64, and the errors of what is computed.

    Columns are the evaluated neurons, those that are read as bits first, then the linear part of
    every margin over ``u``, that of ``s`` first, then zeros that fill the processor's lanes.

    Attributes:
        base: of each column without attention.
        start: what the constant positions give, the numerators before any clause.
        terms: what a clause adds to the numerators.
        weights: what a clause adds to the denominator, which starts at 1.
        gains: of each margin on each column's positive part; zero beside neurons.
        neurons: indices of the evaluated neurons.
        n_bits: how many of the columns are read as bits.
        column_error: bound on the error of each column.
        margin_error: bound on the error of every margin.
        rival_error: bound on how far the largest margin of all tokens but the answers lies from
            the largest of those computed.
        tables: truth tables of the clauses.
    """

    base: Float[np.ndarray, " column"]
    start: Float[np.ndarray, "head_index column"]
    terms: Float[np.ndarray, "clause head_index column"]
    weights: Float[np.ndarray, "clause head_index"]
    gains: Float[np.ndarray, "margin column"]
    neurons: Int[np.ndarray, " neuron"]
    n_bits: int
    column_error: Float[np.ndarray, " column"]
    margin_error: float
    rival_error: float
    tables: UInt64[np.ndarray, " clause"]


@flint.ctx.workprec(PRECISION_BITS)
def plan_enumeration(
    block: SubstitutedBlock, bit_neurons: Int[np.ndarray, " bit"]
) -> EnumerationPlan:
    """Choose the columns, among them the neurons that are read as bits, and bound their errors."""
    choice = _choose(block, bit_neurons)
    n_columns = len(choice.neurons) + len(choice.margins)
    width = -(-n_columns // _LANES) * _LANES
    select = _selection(block, choice, width)
    terms = np.stack([_floats(part * select) for part in block.terms], axis=1)
    weights = np.stack([_floats(part)[0] for part in block.weights], axis=1)
    gains = np.zeros((len(choice.margins), width))
    for row, token in enumerate(choice.margins):
        gains[row, : len(choice.neurons)] = [
            float(_gain(block, neuron, token).mid()) for neuron in choice.neurons.tolist()
        ]
    base = _floats(block.base * select)[0]
    start = np.concatenate([_floats(part * select) for part in block.constants])
    column_error, size = _column_errors(base, start, terms, weights, block.problem.n_clauses)
    margin_error = _margin_error(gains, column_error, size, choice)
    return EnumerationPlan(
        *(base, start, terms, weights, gains),
        neurons=choice.neurons,
        n_bits=len(bit_neurons),
        column_error=column_error,
        margin_error=margin_error,
        rival_error=(margin_error + choice.spread) * _OUTWARD,
        tables=clause_truth_tables(block.problem)[:, 0],
    )


@dataclass(frozen=True)
class _Choice:
    """Which neurons and margins (by their tokens) are computed; those always on are linear.

    ``left_out`` bounds what all neurons that are left out change a margin by, ``spread`` how far a
    token's logit lies from that of its group's first token.
    """

    neurons: Int[np.ndarray, " neuron"]
    always_on: Bool[np.ndarray, " d_mlp"]
    margins: tuple[int, ...]
    left_out: float
    spread: float


def _choose(block: SubstitutedBlock, bit_neurons: Int[np.ndarray, " bit"]) -> _Choice:
    low, high = block.lowest[: block.n_neurons], block.highest[: block.n_neurons]
    margins, spread = _distinct_margins(block)
    every = range(block.n_neurons)
    gains = np.array([max(_size(_gain(block, n, token)) for token in margins) for n in every])
    moves = np.where(low >= 0, 0.0, gains * np.maximum(high, 0))
    read = np.zeros(block.n_neurons, dtype=bool)
    read[bit_neurons] = True
    smallest_first = np.argsort(np.where(read, np.inf, moves), kind="stable")
    total = np.cumsum(np.where(read, np.inf, moves)[smallest_first])
    n_out = int((total <= NEGLIGIBLE_LOGIT).sum())
    left_out = np.zeros(block.n_neurons, dtype=bool)
    left_out[smallest_first[:n_out]] = True
    always_on = left_out & (low >= 0)
    others = np.flatnonzero(~left_out & ~read)
    return _Choice(
        neurons=np.concatenate([bit_neurons, others]).astype(np.int64),
        always_on=always_on,
        margins=margins,
        left_out=2 * float(total[n_out - 1]) if n_out else 0.0,
        spread=spread,
    )


def _distinct_margins(block: SubstitutedBlock) -> tuple[tuple[int, ...], float]:
    """Tokens whose margin is computed, and how far any other token lies from one of them."""
    vocabulary = Vocabulary(block.problem)
    chosen, widest = [vocabulary.satisfiable], 0.0
    for token in range(vocabulary.d_vocab):
        if token in (vocabulary.satisfiable, vocabulary.unsatisfiable):
            continue
        distances = [_largest_difference(block, token, other) for other in chosen[1:]]
        if distances and min(distances) <= ALIKE_LOGIT:
            widest = max(widest, min(distances))
        else:
            chosen.append(token)
    return tuple(chosen), widest


def _largest_difference(block: SubstitutedBlock, token: int, other: int) -> float:
    """Bound on how far two tokens' logits differ, over all mixtures of positions."""
    column, rival = block.n_neurons + token, block.n_neurons + other
    total = _size(block.base[0, column] - block.base[0, rival])
    for weights, terms, constants in zip(block.weights, block.terms, block.constants, strict=True):
        clauses = [
            _size((terms[row, column] - terms[row, rival]) / weights[0, row])
            for row in range(terms.nrows())
        ]
        total += max([*clauses, _size(constants[0, column] - constants[0, rival])])
    high = np.maximum(block.highest[: block.n_neurons], 0)
    gaps = [
        _size(block.readout[row, token] - block.readout[row, other])
        for row in range(block.n_neurons)
    ]
    return (total + float(high @ np.array(gaps))) * _OUTWARD


_OUTWARD = 1 + 2.0**-20
"""Makes up for the rounding of a bound that is itself computed in float64."""


def _selection(block: SubstitutedBlock, choice: _Choice, width: int) -> arb_mat:
    """From all columns of the block to those of the plan."""
    unsatisfiable = block.n_neurons + Vocabulary(block.problem).unsatisfiable
    select = arb_mat(block.base.ncols(), width)
    for column, neuron in enumerate(choice.neurons.tolist()):
        select[neuron, column] = arb(1)
    for column, token in enumerate(choice.margins, start=len(choice.neurons)):
        select[block.n_neurons + token, column] = arb(1)
        select[unsatisfiable, column] = arb(-1)
        for neuron in np.flatnonzero(choice.always_on).tolist():
            select[neuron, column] = _gain(block, neuron, token)
    return select


def _gain(block: SubstitutedBlock, neuron: int, token: int) -> arb:
    unsatisfiable = Vocabulary(block.problem).unsatisfiable
    return block.readout[neuron, token] - block.readout[neuron, unsatisfiable]


def _column_errors(
    base: Float[np.ndarray, " column"],
    start: Float[np.ndarray, "head_index column"],
    terms: Float[np.ndarray, "clause head_index column"],
    weights: Float[np.ndarray, "clause head_index"],
    n_clauses: int,
) -> tuple[Float[np.ndarray, " column"], Float[np.ndarray, " column"]]:
    """Bounds on the error and on the size of every column.

    A head's numerator is at most its denominator times the largest value of any position, and
    so is the sum of its terms' sizes. Each term is rounded when stored (1), at every addition to
    its sum (n_clauses), the denominator likewise, then come its reciprocal, their product and
    the sums over heads.
    """
    values = np.abs(terms / weights[:, :, None]).max(axis=0)
    size = np.abs(base) + np.maximum(values, np.abs(start)).sum(axis=0)
    n_roundings = 2 * (n_clauses + 1) + 1 + 1 + (len(start) + 1)
    error = size * _OUTWARD * gamma(n_roundings) + _UNDERFLOW
    return error, (size + error) * _OUTWARD


def _margin_error(
    gains: Float[np.ndarray, "margin column"],
    column_error: Float[np.ndarray, " column"],
    size: Float[np.ndarray, " column"],
    choice: _Choice,
) -> float:
    """Bound on the error of every margin: from its columns, its own sum and what it leaves out."""
    sizes = np.abs(gains)
    linear = slice(len(choice.neurons), len(choice.neurons) + len(choice.margins))
    total = sizes @ size + size[linear]
    inherited = sizes @ column_error + column_error[linear]
    n_roundings = len(column_error) + 4
    own = (total + inherited) * gamma(n_roundings)
    bound = float((inherited + own).max()) + choice.left_out
    return bound * _OUTWARD + _UNDERFLOW


def _floats(matrix: arb_mat) -> Float[np.ndarray, "row column"]:
    """The nearest float of every ball's centre; the balls are far narrower than its rounding."""
    centres = [float(entry.mid()) for entry in matrix.entries()]
    return np.array(centres).reshape(matrix.nrows(), matrix.ncols())


def _size(ball: arb) -> float:
    return float(ball.abs_upper())
