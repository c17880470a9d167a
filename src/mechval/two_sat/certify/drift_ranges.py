"""The drift of everything γ_1 freezes, under every functional that block 1 takes of it.

Arrays are indexed by position and by the clause that stands there: at a second literal ranges are
those of this own clause, at a first literal those of its token, elsewhere all are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.transformer import Transformer
from mechval.two_sat.certify.first_block import FirstBlock, read_first_block
from mechval.two_sat.certify.fractional import minimise
from mechval.two_sat.certify.query import Query, make_query
from mechval.two_sat.certify.ranges import attention_ranges, pre_activation_ranges
from mechval.two_sat.certify.relaxation import Ranges, bound_after_mlp
from mechval.two_sat.certify.rounding import rounding_bounds
from mechval.two_sat.certify.second_block import SecondBlock, read_second_block
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.vocabulary import FormulaLayout, Vocabulary


@dataclass(frozen=True, eq=False)
class AtFormulas:
    """What block 1 sees at the answer position of some formulas; ranges are of the drift."""

    score: Float[np.ndarray, "formula head_index pos"]
    score_lower: Float[np.ndarray, "formula head_index pos"]
    score_upper: Float[np.ndarray, "formula head_index pos"]
    output: Float[np.ndarray, "formula head_index pos d_model"]
    value: Float[np.ndarray, "formula head_index pos target"]
    value_lower: Float[np.ndarray, "formula head_index pos target"]
    value_upper: Float[np.ndarray, "formula head_index pos target"]


@dataclass(frozen=True, eq=False)
class Drift:
    """Ranges of the drift of every position, and what γ_1 puts there.

    Attributes:
        frozen: residual stream of the substituted network.
        lower: of every functional's drift (see `SecondBlock.functionals`).
        upper: the same.
        query_lower: of the drift of the answer position's query, times each frozen key.
        query_upper: the same.
        query: largest absolute drift of each coordinate of that query.
        answer_lower: of the targets' drift at the answer position itself.
        answer_upper: the same.
    """

    block: SecondBlock
    frozen: Float[np.ndarray, "pos clause d_model"]
    lower: Float[np.ndarray, "pos clause functional"]
    upper: Float[np.ndarray, "pos clause functional"]
    query_lower: Float[np.ndarray, "pos clause head_index"]
    query_upper: Float[np.ndarray, "pos clause head_index"]
    query: Float[np.ndarray, "head_index d_head"]
    answer_lower: Float[np.ndarray, " target"]
    answer_upper: Float[np.ndarray, " target"]

    @property
    def n_positions(self) -> int:
        """How many positions a formula has."""
        return len(self.frozen)

    def only(self, drifting: Bool[np.ndarray, " pos"]) -> "Drift":
        """The same with the drift of all other positions set to 0."""
        counts, answers = drifting[:, None, None], bool(drifting[-1])
        return Drift(
            self.block,
            self.frozen,
            self.lower * counts,
            self.upper * counts,
            self.query_lower * answers,
            self.query_upper * answers,
            self.query * answers,
            self.answer_lower * answers,
            self.answer_upper * answers,
        )

    def at(self, clause_ids: Int[np.ndarray, "formula clause_position"]) -> AtFormulas:
        """Gather what holds for some formulas."""
        position = np.arange(self.n_positions)
        # The answer position belongs to no clause; its entries are the same for all.
        clause = np.pad(clause_ids, ((0, 0), (0, 1)))[:, position // 4]
        score, value, output = self.block.looked_at(self.frozen)
        key, coordinate, target = self.block.split(self.lower)
        key_upper, coordinate_upper, target_upper = self.block.split(self.upper)
        largest = np.maximum(np.abs(coordinate), np.abs(coordinate_upper))
        cross = np.einsum("pche,he->pch", largest, self.query)
        by_position = (
            score,
            key + self.query_lower - cross,
            key_upper + self.query_upper + cross,
            output,
            value,
            target,
            target_upper,
        )
        return AtFormulas(*(np.moveaxis(x[position, clause], 2, 1) for x in by_position))


def measure_drift(
    model: Transformer,
    problem: Problem,
    prototypes: Float[np.ndarray, "pair d_model"],
    mean_resid_post: Float[np.ndarray, "pos d_model"],
) -> Drift:
    """Bound the drift of every position over all choices of the earlier clauses.

    Raises:
        MechvalError: for a network outside the family, of another size, or without a block 1.
    """
    first = read_first_block(model, problem)
    if len(model.blocks) != 2:
        raise MechvalError(f"a network of {len(model.blocks)} blocks is not allowed; allowed: 2.")
    frozen = _frozen(problem, prototypes.astype(np.float64), mean_resid_post.astype(np.float64))
    second = read_second_block(model, Vocabulary(problem), frozen[-1, 0])
    answer_functionals = second.answer_functionals(frozen)
    shape = (*frozen.shape[:2], second.functionals.shape[1])
    lower, upper = np.empty(shape), np.empty(shape)
    largest = np.abs(frozen).max(axis=(0, 1))
    answer = (np.empty(0), np.empty(0))
    for position in track(range(len(frozen)), "drift of every position"):
        is_answer = position == len(frozen) - 1
        functionals = answer_functionals if is_answer else second.functionals
        for query, cases, rows in _queries(first, position):
            found = _ranges(query, cases, functionals)
            shift = frozen[position, rows] @ functionals
            low, high = found[0] - shift, found[1] - shift
            n = shape[2]
            lower[position, rows], upper[position, rows] = low[:, :n], high[:, :n]
            answer = (low[0, n:], high[0, n:])
            largest = np.maximum(largest, rounding_bounds(query).largest_after)
    return _assembled(second.neglecting(largest), frozen, (lower, upper), answer)


def _frozen(
    problem: Problem,
    prototypes: Float[np.ndarray, "pair d_model"],
    mean_resid_post: Float[np.ndarray, "pos d_model"],
) -> Float[np.ndarray, "pos clause d_model"]:
    literals = clause_literals(problem)
    frozen = np.repeat(mean_resid_post[:, None], len(literals), axis=1)
    pairs = literals[:, 0] * problem.n_literals + literals[:, 1]
    frozen[list(FormulaLayout(problem).second_literal_positions)] = prototypes[pairs]
    return frozen


def _queries(
    block: FirstBlock, position: int
) -> list[tuple[Query, list[int | None], Int[np.ndarray, " row"]]]:
    """The tokens that may stand at a position: own clauses told apart, and whose rows they fill."""
    vocabulary, literals = Vocabulary(block.problem), clause_literals(block.problem)
    every = np.arange(len(literals))
    fixed = {0: vocabulary.left_parenthesis, 3: vocabulary.right_parenthesis}
    if position == len(block.resid) - 1:
        return [(make_query(block, position, vocabulary.colon), [None], every)]
    if position % 4 in fixed:
        return [(make_query(block, position, fixed[position % 4]), [None], every)]
    column = literals[:, position % 4 - 1]
    found: list[tuple[Query, list[int | None], Int[np.ndarray, " row"]]] = []
    for literal in np.unique(column).tolist():
        rows = np.flatnonzero(column == literal)
        own: list[int | None] = [None] if position % 4 == 1 else [*rows.tolist()]
        found.append((make_query(block, position, literal), own, rows))
    return found


def _ranges(
    query: Query, cases: Sequence[int | None], functionals: Float[np.ndarray, "d_model functional"]
) -> tuple[Float[np.ndarray, "case functional"], Float[np.ndarray, "case functional"]]:
    """Of functionals of the residual stream after block 0."""
    rounding = rounding_bounds(query)
    open_cases = [(own, ()) for own in cases]
    ranges = pre_activation_ranges(query, attention_ranges(query, open_cases), rounding)
    both = np.concatenate([functionals, -functionals], axis=1)
    bounds = []
    for index, case in enumerate(open_cases):
        own_ranges = Ranges(ranges.lower[[index]], ranges.upper[[index]])
        bound = bound_after_mlp(query.block, own_ranges, both)
        minima = [minimise(f).bound[0] for f in query.fractions([case], bound.functional)]
        attention = np.sum(minima, axis=0, dtype=np.float64)
        bounds.append(attention + bound.constant[0] + query.resid @ bound.functional[0])
    lower, negated = np.split(np.stack(bounds) - rounding.of(both), 2, axis=1)
    return lower, -negated


def _assembled(
    block: SecondBlock,
    frozen: Float[np.ndarray, "pos clause d_model"],
    functionals: tuple[Float[np.ndarray, "pos clause f"], Float[np.ndarray, "pos clause f"]],
    answer: tuple[Float[np.ndarray, " a"], Float[np.ndarray, " a"]],
) -> Drift:
    target_lower, coordinate_lower, product_lower = block.split_answer(answer[0], frozen)
    target_upper, coordinate_upper, product_upper = block.split_answer(answer[1], frozen)
    return Drift(
        block,
        frozen,
        *functionals,
        query_lower=product_lower,
        query_upper=product_upper,
        query=np.maximum(np.abs(coordinate_lower), np.abs(coordinate_upper)),
        answer_lower=target_lower,
        answer_upper=target_upper,
    )
