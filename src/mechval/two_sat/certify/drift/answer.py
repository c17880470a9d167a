"""How far γ_1 can be from the network: everything it freezes, bounded and carried to the answer.

γ_1 puts the mean residual stream of the fitting formulas at every position and a prototype at each
second literal. Over all choices of the earlier clauses, `ranges` and `relaxation` bound every
linear functional of what the network has there instead (at a second literal for its own clause, at
a first literal for its token, at the answer position for all orders of the formula's clauses,
elsewhere for all). The difference, the drift, is then carried
through block 1 at the answer position, for one formula at a time:

- scores: the query of the substituted network is constant, so q·δk is one functional; δq·k one for
  each substituted key; δq·δk is bounded coordinate by coordinate;
- attention: each weight lies between the substituted one times e^(least) and e^(most score drift),
  each value in its range; the extremes of the average are a linear fraction of the weights;
- MLP: ReLU is monotone, so each neuron moves between the extremes of its pre-activation's range.

Positions are treated as if they drifted independently, and the functionals too; both only widen
the bound. Neurons whose effect is below `_NEGLIGIBLE` of the largest are bounded crudely by the
largest value that anything can have there.

Source: own; paper section 4 (clause parsing) says what γ_1 is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import EvidenceKind
from mechval.progress import track
from mechval.transformer import Transformer
from mechval.two_sat.certify.drift.positions import AtFormulas, Drift, measure_drift
from mechval.two_sat.certify.drift.rounding import DriftRounding, drift_rounding
from mechval.two_sat.certify.drift.second_block import SecondBlock
from mechval.two_sat.problem import Problem

_BATCH = 16
_THREE_DIGITS = Context(prec=3, rounding=ROUND_CEILING)
_MAX_ITERATIONS = 60
# Attention weights whose sum is less may have lost more than their relative error to underflow.
_LEAST_WEIGHT = 1e-200


@dataclass(frozen=True, eq=False)
class AnswerDrift:
    """Per formula, the margin of s against every other token in the substituted network.

    ``lower`` and ``upper`` are of its drift, widened already by ``error``, what rounding can have
    cost the margin.
    """

    margin: Float[np.ndarray, "formula rival"]
    lower: Float[np.ndarray, "formula rival"]
    upper: Float[np.ndarray, "formula rival"]
    error: Float[np.ndarray, "formula rival"]

    @property
    def is_certified(self) -> Bool[np.ndarray, " formula"]:
        """Whether the label, if s beats every other token, is certain to be that after γ_1."""
        is_above, is_below = self.margin > self.error, self.margin < -self.error
        stays_satisfiable = (is_above & (self.margin + self.lower > 0)).all(axis=1)
        stays_unsatisfiable = (is_below & (self.margin + self.upper < 0)).any(axis=1)
        return np.asarray(stays_satisfiable | stays_unsatisfiable)


@dataclass(frozen=True, kw_only=True)
class DriftRow:
    """Certified prefix replaceability of parse on some formulas, where one source drifts alone.

    The drift cannot change the label of ``certified`` formulas. ``median_margin`` is s against u,
    absolute, in the substituted network. Of the largest bounds of its change, the median and the
    least are rounded up to three digits: exponentials of scores enlarge the last digit of what γ_1
    freezes.
    """

    source: str = tables.told("what drifts")
    n: int
    certified: int = tables.count(of="n")
    share: float = tables.rate(unit="%")
    median_margin: float = tables.number(unit="logits")
    median_drift: float = tables.number("median drift bound", unit="logits")
    least_drift: float = tables.number("least", unit="logits")
    kind: EvidenceKind


DRIFT = tables.Table("certify/drift.csv", DriftRow)


def drift_rows(
    model: Transformer,
    problem: Problem,
    prototypes: Float[Tensor, "pair d_model"],
    mean_resid_post: Float[Tensor, "pos d_model"],
    clause_ids: Int[np.ndarray, "formula clause_position"],
) -> list[DriftRow]:
    """Bound the drift of each source alone and of all together.

    γ_1 puts in the prototypes, and the mean elsewhere. Raises MechvalError for a network outside
    the family (with two blocks) or of another size.
    """
    frozen = prototypes.detach().numpy(), mean_resid_post.detach().numpy()
    drift = measure_drift(model, problem, *frozen, clause_ids.astype(np.int64))
    rows = []
    for source, drifting in positions_of(len(drift.frozen)).items():
        found = answer_drift(drift.only(drifting), source)
        largest = np.maximum(-found.lower[:, 0], found.upper[:, 0])
        row = DriftRow(
            source=source,
            n=len(clause_ids),
            certified=int(found.is_certified.sum()),
            share=float(found.is_certified.mean()),
            median_margin=float(np.median(np.abs(found.margin[:, 0]))),
            median_drift=_rounded_up(np.median(largest)),
            least_drift=_rounded_up(largest.min()),
            kind=EvidenceKind.CERTIFIED,
        )
        rows.append(row)
    return rows


def positions_of(n_positions: int) -> Mapping[str, Bool[np.ndarray, " pos"]]:
    """Where each source of drift lies."""
    position = np.arange(n_positions)
    is_answer = position == n_positions - 1
    is_second = (position % 4 == 2) & ~is_answer
    return {
        "own position": is_second,
        "other positions": ~is_second & ~is_answer,
        "answer position": is_answer,
        "all": position >= 0,
    }


def _rounded_up(value: np.floating) -> float:
    """The smallest number of three significant digits that is not less than the value."""
    return float(_THREE_DIGITS.create_decimal_from_float(float(value)))


def answer_drift(drift: Drift, source: str) -> AnswerDrift:
    """Carry the drift to the answer, formula by formula."""
    first = range(0, len(drift.clause_ids), _BATCH)
    parts = [
        _answer_drift(drift, slice(start, start + _BATCH))
        for start in track(first, f"drift from {source}")
    ]
    return AnswerDrift(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _answer_drift(drift: Drift, formulas: slice) -> tuple[np.ndarray, ...]:
    block, at = drift.block, drift.at(formulas)
    rounding = drift_rounding(block, at)
    low, high = at.answer_drift.lower.copy(), at.answer_drift.upper.copy()
    resid_mid = np.repeat(block.answer[None], len(low), axis=0)
    for head in range(len(block.W_Q)):
        weight = np.exp(at.score[:, head] - at.score[:, head].max(axis=1, keepdims=True))
        least = weight * np.exp(at.score_drift.lower[:, head])
        most = weight * np.exp(at.score_drift.upper[:, head])
        pattern = weight / weight.sum(axis=1, keepdims=True)
        value, average = at.value[:, head], np.einsum("bp,bpt->bt", pattern, at.value[:, head])
        resid_mid += np.einsum("bp,bpd->bd", pattern, at.output[:, head])
        errors = rounding.relative[:, head, None], rounding.value[:, head]
        largest, least_value = at.value_drift.upper[:, head], at.value_drift.lower[:, head]
        high += largest_average(least, most, value + largest, *errors) - average
        low -= largest_average(least, most, -value - least_value, *errors) + average
    return _through_mlp(block, at, resid_mid, low, high, rounding)


def largest_average(
    least: Float[np.ndarray, "formula pos"],
    most: Float[np.ndarray, "formula pos"],
    value: Float[np.ndarray, "formula pos target"],
    relative: Float[np.ndarray, "formula 1"],
    error: Float[np.ndarray, "formula target"],
) -> Float[np.ndarray, "formula target"]:
    """At least the largest average of values under weights between least and most.

    Whatever is above the largest average has most weight and whatever is below it least;
    Dinkelbach's iteration approaches it from below. What it ends with, and a little more, is an
    upper bound if all that is above it does not outweigh all that is below, rounding included. If
    it does, no average exceeds the largest value. ``relative`` is the error of weights and of sums,
    ``error`` that of values, and at least ``relative`` times the largest of them.
    """
    average = np.einsum("bp,bpt->bt", least, value) / least.sum(axis=1)[:, None]
    for _ in range(_MAX_ITERATIONS):
        weight = np.where(value > average[:, None], most[..., None], least[..., None])
        better = (weight * value).sum(axis=1) / weight.sum(axis=1)
        if (better <= average).all():
            break
        average = better
    value, bound = value + error[:, None], average + 8 * error
    weight = np.where(value > bound[:, None], most[..., None], least[..., None])
    parts = weight * (value - bound[:, None])
    outweighed = parts.sum(axis=1) + 2 * relative * np.abs(parts).sum(axis=1) <= 0
    holds = outweighed & (weight.sum(axis=1) > _LEAST_WEIGHT)
    return np.where(holds, bound, value.max(axis=1) + error)


def _through_mlp(
    block: SecondBlock,
    at: AtFormulas,
    resid_mid: Float[np.ndarray, "formula d_model"],
    low: Float[np.ndarray, "formula target"],
    high: Float[np.ndarray, "formula target"],
    rounding: DriftRounding,
) -> tuple[np.ndarray, ...]:
    """Margins of s against every other token in the substituted network, drift, and error."""
    n, effect = block.rivals.shape[1], block.effect[block.chosen]
    low, high = low - rounding.target, high + rounding.target
    before = resid_mid @ block.W_in[:, block.chosen] + block.b_in[block.chosen]
    now = np.maximum(before, 0)
    fall, rise = np.maximum(before + low[:, n:], 0) - now, np.maximum(before + high[:, n:], 0) - now
    up, down = np.maximum(effect, 0), np.minimum(effect, 0)
    # The most that the neurons that are no targets can change.
    most = block.largest_mid(at.largest) @ np.abs(block.W_in) + np.abs(block.b_in)
    most[block.chosen] = 0.0
    neglected = most @ block.effect_size
    lower = low[:, :n] + fall @ up + rise @ down - neglected - rounding.margin
    upper = high[:, :n] + rise @ up + fall @ down + neglected + rounding.margin
    return block.margins(resid_mid), lower, upper, rounding.margin
