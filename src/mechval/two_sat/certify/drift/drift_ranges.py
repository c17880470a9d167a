"""The drift of everything γ_1 freezes, under every functional that block 1 takes of it.

Arrays are indexed by position and by the clause that stands there: at a second literal ranges are
those of this own clause, at a first literal those of its token, elsewhere all are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.transformer import Transformer
from mechval.two_sat.certify.drift.second_block import SecondBlock, read_second_block
from mechval.two_sat.certify.parsing.first_block import FirstBlock, read_first_block
from mechval.two_sat.certify.parsing.fractional import in_any_order
from mechval.two_sat.certify.parsing.query import Query, make_query
from mechval.two_sat.certify.parsing.ranges import residual_ranges
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals


@dataclass(frozen=True, eq=False)
class AtFormulas:
    """What block 1 sees at the answer position of some formulas; ranges are of the drift.

    Attributes:
        score: in the substituted network, as `output` and `value` are.
        score_size: of the drift of scores, its parts taken absolutely.
        output: attention output of each position alone.
        value: the targets of it.
        answer_lower: of the targets of the residual stream at the answer position itself.
        answer_upper: the same.
    """

    score: Float[np.ndarray, "formula head_index pos"]
    score_size: Float[np.ndarray, "formula head_index pos"]
    output: Float[np.ndarray, "formula head_index pos d_model"]
    value: Float[np.ndarray, "formula head_index pos target"]
    score_lower: Float[np.ndarray, "formula head_index pos"]
    score_upper: Float[np.ndarray, "formula head_index pos"]
    value_lower: Float[np.ndarray, "formula head_index pos target"]
    value_upper: Float[np.ndarray, "formula head_index pos target"]
    answer_lower: Float[np.ndarray, "formula target"]
    answer_upper: Float[np.ndarray, "formula target"]


@dataclass(frozen=True, eq=False)
class Drift:
    """Ranges of the drift of every position, of the answer position for chosen formulas only.

    Attributes:
        frozen: residual stream of the substituted network.
        lower: of every functional's drift (see `SecondBlock.functionals`).
        upper: the same.
        clause_ids: the formulas.
        answer_lower: of each `SecondBlock.answer_functionals`, in any order of their clauses.
        answer_upper: the same.
    """

    block: SecondBlock
    frozen: Float[np.ndarray, "pos clause d_model"]
    lower: Float[np.ndarray, "pos clause functional"]
    upper: Float[np.ndarray, "pos clause functional"]
    clause_ids: Int[np.ndarray, "formula clause_position"]
    answer_lower: Float[np.ndarray, "formula answer_functional"]
    answer_upper: Float[np.ndarray, "formula answer_functional"]

    @property
    def n_positions(self) -> int:
        """How many positions a formula has."""
        return len(self.frozen)

    def only(self, drifting: Bool[np.ndarray, " pos"]) -> "Drift":
        """The same with the drift of all other positions set to 0."""
        counts, answers = drifting[:, None, None], bool(drifting[-1])
        return replace(
            self,
            lower=self.lower * counts,
            upper=self.upper * counts,
            answer_lower=self.answer_lower * answers,
            answer_upper=self.answer_upper * answers,
        )

    def at(self, formulas: slice) -> AtFormulas:
        """Gather what holds for some of the formulas."""
        place = clause_at_position(self.clause_ids[formulas])
        usual, target, query, product = self.block.split_answer(self.answer_lower[formulas])
        lower = self.lower[place]
        lower[:, -1] = usual
        usual, target_upper, query_upper, product_upper = self.block.split_answer(
            self.answer_upper[formulas]
        )
        upper = self.upper[place]
        upper[:, -1] = usual
        key, coordinate, value = self.block.split(lower)
        key_upper, coordinate_upper, value_upper = self.block.split(upper)
        cross = np.einsum(
            "bphe,bhe->bph",
            np.maximum(np.abs(coordinate), np.abs(coordinate_upper)),
            np.maximum(np.abs(query), np.abs(query_upper)),
        )
        score, seen_value, output = (
            np.moveaxis(part[place], 1, 2) for part in self.block.looked_at(self.frozen)
        )
        return AtFormulas(
            score=score,
            score_size=np.moveaxis(np.maximum(np.abs(key), np.abs(key_upper)) + cross, 1, 2)
            + np.maximum(np.abs(product), np.abs(product_upper)),
            output=output,
            value=seen_value,
            score_lower=np.moveaxis(key - cross, 1, 2) + product,
            score_upper=np.moveaxis(key_upper + cross, 1, 2) + product_upper,
            value_lower=np.moveaxis(value, 1, 2),
            value_upper=np.moveaxis(value_upper, 1, 2),
            answer_lower=target,
            answer_upper=target_upper,
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

    At the answer position: over all orders of each formula's clauses.

    Raises:
        MechvalError: for a network outside the family, of another size, or without a block 1.
    """
    first = read_first_block(model, problem)
    if len(model.blocks) != 2:
        raise MechvalError(f"a network of {len(model.blocks)} blocks is not allowed; allowed: 2.")
    frozen = _frozen(problem, prototypes.astype(np.float64), mean_resid_post.astype(np.float64))
    second = read_second_block(model, Vocabulary(problem), frozen[-1, 0])
    shape = (*frozen.shape[:2], second.functionals.shape[1])
    lower, upper = np.zeros(shape), np.zeros(shape)
    answer = make_query(first, len(frozen) - 1, Vocabulary(problem).colon)
    coordinates = np.eye(frozen.shape[2])
    asked = np.concatenate([second.functionals, coordinates], axis=1)
    largest = np.maximum(
        np.abs(frozen).max(axis=(0, 1)), _largest(residual_ranges(answer, [None], coordinates))
    )
    for position in track(range(len(frozen) - 1), "drift of every position"):
        for query, cases, rows in _queries(first, position):
            found = residual_ranges(query, cases, asked)
            usual, own = zip(*(np.split(each, [shape[2]], axis=1) for each in found), strict=True)
            shift = frozen[position, rows] @ second.functionals
            lower[position, rows], upper[position, rows] = usual[0] - shift, usual[1] - shift
            largest = np.maximum(largest, _largest(own))
    answers = _answer_drifts(answer, second, frozen, clause_ids)
    return Drift(second.neglecting(largest), frozen, lower, upper, clause_ids, *answers)


def _largest(ranges: Sequence[Float[np.ndarray, "case d_model"]]) -> Float[np.ndarray, " d_model"]:
    return np.maximum(np.abs(ranges[0]), np.abs(ranges[1])).max(axis=0)


def _answer_drifts(
    query: Query,
    block: SecondBlock,
    frozen: Float[np.ndarray, "pos clause d_model"],
    clause_ids: Int[np.ndarray, "formula clause_position"],
) -> tuple[Float[np.ndarray, "formula f"], Float[np.ndarray, "formula f"]]:
    lowers, uppers = [], []
    for clauses, place in zip(
        track(clause_ids, "drift at ':'", len(clause_ids)),
        clause_at_position(clause_ids)[1],
        strict=True,
    ):
        functionals = block.answer_functionals(frozen[np.arange(len(frozen)), place])
        restrict = partial(in_any_order, clauses=clauses)
        lower, upper = residual_ranges(query, [None], functionals, restrict)
        lowers.append(lower[0] - block.answer @ functionals)
        uppers.append(upper[0] - block.answer @ functionals)
    return np.stack(lowers), np.stack(uppers)


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
    if position % 4 in fixed:
        return [(make_query(block, position, fixed[position % 4]), [None], every)]
    column = literals[:, position % 4 - 1]
    found: list[tuple[Query, list[int | None], Int[np.ndarray, " row"]]] = []
    for literal in np.unique(column).tolist():
        rows = np.flatnonzero(column == literal)
        own: list[int | None] = [None] if position % 4 == 1 else [*rows.tolist()]
        found.append((make_query(block, position, literal), own, rows))
    return found
