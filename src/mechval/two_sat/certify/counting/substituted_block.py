"""The rest of the network after γ_1, as a function of the multiset of clauses, in ball arithmetic.

γ_1 writes a clause's prototype at its second literal, whatever its position, and constants
everywhere else. Block 1 is read at ``:`` alone, whose residual is one of those constants. So per
head, attention is a ratio of two sums over the clauses,

    (N + sum of k_c n_c) / (1 + sum of k_c d_c),

where clause c occurs k_c times, d_c is the exponential of its score over that of all constant
positions together, and n_c is d_c times what the clause adds. Order and position play no part.

Real arithmetic on the stored weights, prototypes and means: every number here is a ball that
contains the exact one. Columns are linear functions of the residual stream: first the
pre-activations of the MLP, then the logits without the MLP.
"""

import math
from dataclasses import dataclass

import flint
import numpy as np
import torch
from flint import arb, arb_mat
from jaxtyping import Float, Integer
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.problem import Problem, clause_pairs

PRECISION_BITS = 160
_SMALLEST_WEIGHT = 1e-260


@dataclass(frozen=True)
class SubstitutedBlock:
    """Block 1 and the unembedding after γ_1, at ``:``.

    Attributes:
        base: of each column without attention, biases included; one row.
        weights: per head, d_c of every clause; one row.
        terms: per head, n_c of every clause; one row per clause, one column per column.
        constants: per head, what the constant positions alone would give (N); one row.
        lowest: the least value of each column that any mixture of positions gives.
        highest: the largest.
        readout: from each neuron to each logit.
        n_neurons: how many of the columns are neurons.
    """

    problem: Problem
    base: arb_mat
    weights: tuple[arb_mat, ...]
    terms: tuple[arb_mat, ...]
    constants: tuple[arb_mat, ...]
    lowest: Float[np.ndarray, " column"]
    highest: Float[np.ndarray, " column"]
    readout: arb_mat
    n_neurons: int

    def logits(self, counts: Integer[np.ndarray, " clause"]) -> list[arb]:
        """The logits of the formulas in which each distinct clause occurs so often."""
        with flint.ctx.workprec(PRECISION_BITS):
            row, total = arb_mat([[int(count) for count in counts]]), self.base
            heads = zip(self.weights, self.terms, self.constants, strict=True)
            for weights, terms, constants in heads:
                share = 1 / (1 + (row * weights.transpose())[0, 0])
                total = total + (constants + row * terms) * share
            columns = total.entries()
            hidden = [column.max(arb(0)) for column in columns[: self.n_neurons]]
            direct = arb_mat([columns[self.n_neurons :]])
            return (direct + arb_mat([hidden]) * self.readout).entries()


@flint.ctx.workprec(PRECISION_BITS)
def substitute(model: Transformer, parser: ClauseParser) -> SubstitutedBlock:
    """Work out the rest of the network after ``parser``'s γ_1.

    Raises MechvalError if γ_1 is not the paper's, whose constants depend on the position alone; or
    if a clause outweighs the constant positions beyond the range of numbers.
    """
    # A subclass may write anything anywhere, the formula's own counts at ':' for example.
    if type(parser) is not ClauseParser:
        raise MechvalError(
            f"γ_1={type(parser).__name__} is not allowed: what it writes outside the second "
            "literals may depend on the formula; allowed: ClauseParser, the paper's γ_1."
        )
    block, sources = model.block(1), _sources(parser)
    n_clauses, n_heads = parser.problem.n_distinct_clauses, block.attn.n_heads
    answer = _matrix(parser.mean_resid_post[FormulaLayout(parser.problem).answer_position][None])
    reads = _matrix(torch.cat([block.mlp.W_in, model.W_U], dim=1))
    bias = arb_mat([[*_matrix(block.mlp.b_in[None]).entries(), *[0] * model.d_vocab]])
    project = _matrix(block.mlp.b_out[None]) * _matrix(model.W_U)
    bias = bias + arb_mat([[*[0] * len(block.mlp.b_in), *project.entries()]])
    base = answer * reads + bias
    weights, terms, constants, lowest, highest = zip(
        *(_head(model, head, answer, sources, reads, n_clauses) for head in range(n_heads)),
        strict=True,
    )
    return SubstitutedBlock(
        *(parser.problem, base, weights, terms, constants),
        lowest=_outward(base, -1)[0] + sum(lowest),
        highest=_outward(base, 1)[0] + sum(highest),
        readout=_matrix(block.mlp.W_out) * _matrix(model.W_U),
        n_neurons=len(block.mlp.b_in),
    )


def _head(
    model: Transformer, head: int, answer: arb_mat, sources: arb_mat, reads: arb_mat, n_clauses: int
) -> tuple[arb_mat, arb_mat, arb_mat, np.ndarray, np.ndarray]:
    """Weights, terms, constants, and the least and the largest value of each column."""
    attn = model.block(1).attn
    query = answer * _matrix(attn.W_Q[head])
    scores = sources * _matrix(attn.W_K[head]) * query.transpose() / arb(attn.d_head).sqrt()
    exponentials = [score.exp() for score in scores.entries()]
    total = sum(exponentials[n_clauses:], start=arb(0))
    weights = [each / total for each in exponentials]
    if not all(
        math.isfinite(float(weight)) and float(weight) > _SMALLEST_WEIGHT for weight in weights
    ):
        raise MechvalError(
            f"attention scores of head {head} of block 1 at ':' differ by more than 600; allowed: "
            "scores whose exponentials are numbers of double precision."
        )
    values = sources * _matrix(attn.W_V[head]) * _matrix(attn.W_O[head]) * reads
    rows = [
        [weight * value for value in row]
        for weight, row in zip(weights, values.tolist(), strict=True)
    ]
    constants = [sum(column, start=arb(0)) for column in zip(*rows[n_clauses:], strict=True)]
    least, largest = _outward(values, -1).min(axis=0), _outward(values, 1).max(axis=0)
    terms = arb_mat(rows[:n_clauses])
    return arb_mat([weights[:n_clauses]]), terms, arb_mat([constants]), least, largest


def _sources(parser: ClauseParser) -> arb_mat:
    """What ``:`` attends to: the prototype of every distinct clause, then the constants."""
    problem, layout = parser.problem, FormulaLayout(parser.problem)
    prototypes = parser.prototypes.cpu()[torch.from_numpy(clause_pairs(problem))]
    constant = sorted(set(range(layout.n_ctx)) - set(layout.second_literal_positions))
    return _matrix(torch.cat([prototypes, parser.mean_resid_post.cpu()[constant]]))


def _matrix(values: Float[Tensor, "row column"]) -> arb_mat:
    return arb_mat(values.detach().cpu().double().tolist())


def _outward(matrix: arb_mat, sign: int) -> Float[np.ndarray, "row column"]:
    """Floats at or beyond the end of every ball in the direction of ``sign``."""
    ends = [float(entry.upper() if sign > 0 else entry.lower()) for entry in matrix.entries()]
    return np.nextafter(np.array(ends), sign * np.inf).reshape(matrix.nrows(), matrix.ncols())
