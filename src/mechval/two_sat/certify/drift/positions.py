"""The drift of everything γ_1 freezes, under every functional that block 1 takes of it.

Arrays are indexed by position and by the clause that stands there: at a second literal ranges are
those of this own clause, at a first literal those of its token, elsewhere all are the same.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.transformer import Transformer
from mechval.two_sat.certify.drift.second_block import SecondBlock, read_second_block
from mechval.two_sat.certify.parsing.first_block import FirstBlock, read_first_block
from mechval.two_sat.certify.parsing.ranges import Ranges, residual_ranges
from mechval.two_sat.certify.parsing.softmax_fractions import Query, in_any_order, make_query
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals, clause_pairs


@dataclass(frozen=True, eq=False)
class AtFormulas:
    """What block 1 sees at the answer position of some formulas, and how far it may drift.

    In the substituted network: scores, the attention output of each position alone, and the
    targets of it as values. Scores and values drift in their shapes; the parts of a score's drift
    are taken absolutely in ``score_size``. ``answer_drift`` is of the targets of the residual
    stream at the answer position itself, ``largest`` as in `Drift`.
    """

    score: Float[np.ndarray, "formula head_index pos"]
    output: Float[np.ndarray, "formula head_index pos d_model"]
    value: Float[np.ndarray, "formula head_index pos target"]
    score_drift: Ranges
    score_size: Float[np.ndarray, "formula head_index pos"]
    value_drift: Ranges
    answer_drift: Ranges
    largest: Float[np.ndarray, " d_model"]


@dataclass(frozen=True, eq=False)
class Drift:
    """Ranges of the drift of every position, of the answer position for chosen formulas only.

    Attributes:
        frozen: residual stream of the substituted network.
        ranges: by position and clause, of every functional (see `SecondBlock.functionals`).
        answers: by formula, of each `SecondBlock.answer_functionals`, in any order of its clauses.
        largest: no coordinate of the residual stream after block 0 exceeds this anywhere.
    """

    block: SecondBlock
    frozen: Float[np.ndarray, "pos clause d_model"]
    ranges: Ranges
    clause_ids: Int[np.ndarray, "formula clause_position"]
    answers: Ranges
    largest: Float[np.ndarray, " d_model"]

    def only(self, drifting: Bool[np.ndarray, " pos"]) -> "Drift":
        """The same with the drift of all other positions set to 0."""
        ranges = self.ranges.each(lambda ends: ends * drifting[:, None, None])
        answers = self.answers.each(lambda ends: ends * bool(drifting[-1]))
        return replace(self, ranges=ranges, answers=answers)

    def at(self, formulas: slice) -> AtFormulas:
        """Gather what holds for some of the formulas."""
        block, place = self.block, clause_at_position(self.clause_ids[formulas])
        chosen = self.answers.each(lambda ends: ends[formulas])
        usual, target, query, product = chosen.split(block.split_answer)
        drift = self.ranges.each(lambda ends: ends[place])
        drift.lower[:, -1], drift.upper[:, -1] = usual.lower, usual.upper
        key, coordinate, value = drift.split(block.split)
        cross = np.einsum("bphe,bhe->bph", coordinate.size, query.size)
        looked_at = [_heads_first(part[place]) for part in block.looked_at(self.frozen)]
        return AtFormulas(
            score=looked_at[0],
            output=looked_at[2],
            value=looked_at[1],
            score_drift=Ranges(
                _heads_first(key.lower - cross) + product.lower,
                _heads_first(key.upper + cross) + product.upper,
            ),
            score_size=_heads_first(key.size + cross) + product.size,
            value_drift=value.each(_heads_first),
            answer_drift=target,
            largest=self.largest,
        )


def clause_at_position(
    clause_ids: Int[np.ndarray, "formula clause_position"],
) -> tuple[Int[np.ndarray, " pos"], Int[np.ndarray, "formula pos"]]:
    """Index arrays by position and by the clause that stands there; 0 at the answer position."""
    position = np.arange(4 * clause_ids.shape[1] + 1)
    return position, np.pad(clause_ids, ((0, 0), (0, 1)))[:, position // 4]


def measure_drift(
    model: Transformer,
    problem: Problem,
    prototypes: Float[np.ndarray, "pair d_model"],
    mean_resid_post: Float[np.ndarray, "pos d_model"],
    clause_ids: Int[np.ndarray, "formula clause_position"],
) -> Drift:
    """Bound the drift of every position over all choices of the earlier clauses.

    At the answer position: over all orders of each formula's clauses. Raises MechvalError for a
    network outside the family, of another size, or without a block 1.
    """
    first = read_first_block(model, problem)
    if len(model.blocks) != 2:
        raise MechvalError(f"a network of {len(model.blocks)} blocks is not allowed; allowed: 2.")
    frozen = _frozen(problem, prototypes.astype(np.float64), mean_resid_post.astype(np.float64))
    second = read_second_block(model, Vocabulary(problem), frozen[-1, 0])
    n_functionals = second.functionals.shape[1]
    shape = (*frozen.shape[:2], n_functionals)
    drift = Ranges(np.zeros(shape), np.zeros(shape))
    answer = make_query(first, len(frozen) - 1, Vocabulary(problem).colon)
    coordinates = np.eye(frozen.shape[2])
    asked = np.concatenate([second.functionals, coordinates], axis=1)
    largest = np.maximum(
        np.abs(frozen).max(axis=(0, 1)), residual_ranges(answer, [None], coordinates).size[0]
    )
    for position in track(range(len(frozen) - 1), "drift of every position"):
        for query, cases, rows in _queries(first, position):
            found = residual_ranges(query, cases, asked)
            shift = frozen[position, rows] @ second.functionals
            drift.lower[position, rows] = found.lower[:, :n_functionals] - shift
            drift.upper[position, rows] = found.upper[:, :n_functionals] - shift
            largest = np.maximum(largest, found.size[:, n_functionals:].max(axis=0))
    answers = _answer_drifts(answer, second, frozen, clause_ids)
    return Drift(second, frozen, drift, clause_ids, answers, largest)


def _answer_drifts(
    query: Query,
    block: SecondBlock,
    frozen: Float[np.ndarray, "pos clause d_model"],
    clause_ids: Int[np.ndarray, "formula clause_position"],
) -> Ranges:
    found, places = [], clause_at_position(clause_ids)[1]
    tracked = track(clause_ids, "drift at ':'", len(clause_ids))
    for clauses, place in zip(tracked, places, strict=True):
        functionals = block.answer_functionals(frozen[np.arange(len(frozen)), place])
        restrict = partial(in_any_order, clauses=clauses)
        shift = block.answer @ functionals
        ranges = residual_ranges(query, [None], functionals, restrict)
        found.append((ranges.lower[0] - shift, ranges.upper[0] - shift))
    return Ranges(*map(np.stack, zip(*found, strict=True)))


def _heads_first(values: Float[np.ndarray, "formula pos head_index *rest"]) -> np.ndarray:
    return np.moveaxis(values, 1, 2)


def _frozen(
    problem: Problem,
    prototypes: Float[np.ndarray, "pair d_model"],
    mean_resid_post: Float[np.ndarray, "pos d_model"],
) -> Float[np.ndarray, "pos clause d_model"]:
    pairs = clause_pairs(problem)
    frozen = np.repeat(mean_resid_post[:, None], len(pairs), axis=1)
    frozen[list(FormulaLayout(problem).second_literal_positions)] = prototypes[pairs]
    return frozen


def _queries(
    block: FirstBlock, position: int
) -> list[tuple[Query, list[int | None], Int[np.ndarray, " row"]]]:
    """The tokens that may stand at a position: own clauses told apart, and whose rows they fill."""
    vocabulary, literals = Vocabulary(block.problem), clause_literals(block.problem)
    every = np.arange(len(literals))
    fixed = {0: vocabulary.left_parenthesis, 3: vocabulary.right_parenthesis}
    if position % 4 in fixed:
        return [(make_query(block, position, fixed[position % 4]), [None], every)]
    column = literals[:, position % 4 - 1]
    found = []
    for literal in np.unique(column).tolist():
        rows = np.flatnonzero(column == literal)
        own = [None] if position % 4 == 1 else rows.tolist()
        found.append((make_query(block, position, literal), own, rows))
    return found
