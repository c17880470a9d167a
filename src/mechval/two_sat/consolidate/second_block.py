"""Block 1 on tables: at ``:`` it takes a weighted mean of what it reads at the second literals.

With w_h(i, c) = exp(score of head h on clause c at position i) and w0_h for ``:`` itself, the
pre-activation of neuron k on a formula c_1 ... c_m is

    base_k + Σ_h [w0_h v0_hk + Σ_i w_h(i, c_i) v_hk(i, c_i)] / [w0_h + Σ_i w_h(i, c_i)].
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.consolidate.first_block import FirstBlockTables
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem, clause_literals

SMALLEST_WEIGHT = 1e-15
"""Sums of attention weights are taken to be at least this, where the largest weight is 1.

Less of it is found only in networks whose scores differ by 35 and more; the gradient of the
reciprocal stays finite.
"""


@dataclass(frozen=True)
class SecondBlockTables:
    """Scores and values of block 1 at ``:``.

    Attributes:
        scores: on each clause at each position; ``colon_score`` on ``:`` itself.
        values: what a head adds to each neuron's pre-activation there, at attention 1.
        base: pre-activations without attention.
        answer_values: what a head adds to each logit, at attention 1; the last entry is ``:``.
        answer_base: the logits without attention and with all neurons at 0.
        coefficients: what a unit of each neuron's activation adds to each logit.
    """

    scores: Float[Tensor, "head_index clause_position clause"]
    colon_score: Float[Tensor, " head_index"]
    values: Float[Tensor, "head_index clause_position clause neuron"]
    colon_values: Float[Tensor, "head_index neuron"]
    base: Float[Tensor, " neuron"]
    answer_values: Float[Tensor, "head_index entry d_vocab"]
    answer_base: Float[Tensor, " d_vocab"]
    coefficients: Float[Tensor, "neuron d_vocab"]


def second_block(
    model: Transformer, below: FirstBlockTables, neurons: Int[Tensor, " neuron"]
) -> SecondBlockTables:
    """Block 1's tables for these hidden neurons, differentiable."""
    attn, mlp = model.block(1).attn, model.block(1).mlp
    query = torch.einsum("d,hde->he", below.colon_resid, attn.W_Q) / math.sqrt(attn.d_head)
    sought = torch.einsum("he,hde->hd", query, attn.W_K)
    entries = torch.cat([below.clause_resid.flatten(0, 1), below.colon_resid[None]])
    scores = sought @ entries.T
    carried = torch.einsum("nd,hde->hne", entries, attn.W_V)
    values = carried @ (attn.W_O @ mlp.W_in[:, neurons])
    shape = below.clause_resid.shape[:2]
    return SecondBlockTables(
        scores=scores[:, :-1].unflatten(1, shape),
        colon_score=scores[:, -1],
        values=values[:, :-1].unflatten(1, shape),
        colon_values=values[:, -1],
        base=below.colon_resid @ mlp.W_in[:, neurons] + mlp.b_in[neurons],
        answer_values=carried @ (attn.W_O @ model.W_U),
        answer_base=(below.colon_resid + mlp.b_out) @ model.W_U,
        coefficients=mlp.W_out[neurons] @ model.W_U,
    )


def preactivations(
    block: SecondBlockTables, clause_ids: Int[Tensor, "batch clause_position"]
) -> Float[Tensor, "batch neuron"]:
    """Every neuron's pre-activation on these formulas, from the tables."""
    weights, colon_weight = attention_weights(block)
    n_clauses, n_distinct = weights.shape[1:]
    places = torch.arange(0, n_clauses * n_distinct, n_distinct, device=clause_ids.device)
    chosen = indicators(clause_ids + places, n_clauses * n_distinct)
    denominators = colon_weight + chosen @ weights.flatten(1).T
    weighted = (weights[..., None] * block.values).flatten(1, 2)
    numerators = colon_weight[:, None, None] * block.colon_values[:, None] + chosen @ weighted
    shares = 1 / denominators.clamp(min=SMALLEST_WEIGHT)
    return block.base + torch.einsum("hbk,bh->bk", numerators, shares)


def indicators(places: Int[Tensor, "batch some"], size: int) -> Float[Tensor, "batch size"]:
    """1 at the places that a row names, 0 elsewhere."""
    return torch.zeros(len(places), size, device=places.device).scatter_(1, places, 1.0)


def attention_weights(
    block: SecondBlockTables,
) -> tuple[Float[Tensor, "head_index clause_position clause"], Float[Tensor, " head_index"]]:
    """Attention weights on clauses and on ``:``, up to a factor per head: the largest is 1."""
    top = torch.maximum(block.scores.amax(dim=(1, 2)), block.colon_score).detach()
    return (block.scores - top[:, None, None]).exp(), (block.colon_score - top).exp()


def falsified_by(
    problem: Problem, assignments: Int[Tensor, " neuron"]
) -> Bool[Tensor, "clause neuron"]:
    """Whether an assignment falsifies a clause; bit ``v`` of an assignment is variable ``v``."""
    literals = torch.as_tensor(clause_literals(problem), device=assignments.device)
    truth = (assignments >> (literals % problem.n_variables)[..., None]) & 1
    is_true = truth.bool() ^ (literals >= problem.n_variables)[..., None]
    return ~is_true.any(dim=1)


def answer_margins(
    problem: Problem, block: SecondBlockTables, levels: Float[Tensor, " neuron"]
) -> tuple[Float[Tensor, " other"], Float[Tensor, "neuron other"]]:
    """Lower bounds of the right answer's lead over every other token, whatever is attended to.

    A head adds a mean of its entries, which is at least the least of them.

    Returns:
        ``u`` with all neurons off; ``s`` with one neuron at its level and the others off.
    """
    vocabulary = Vocabulary(problem)

    def least_lead(token: int) -> Float[Tensor, " other"]:
        leads = block.answer_values[..., token, None] - block.answer_values
        return _without(block.answer_base[token] - block.answer_base + leads.amin(1).sum(0), token)

    satisfiable = vocabulary.satisfiable
    pushes = _without(block.coefficients[:, satisfiable, None] - block.coefficients, satisfiable)
    return (
        least_lead(vocabulary.unsatisfiable),
        least_lead(satisfiable) + levels[:, None] * pushes,
    )


def answer_pushes(problem: Problem, block: SecondBlockTables) -> Float[Tensor, "neuron other"]:
    """How much more a unit of a neuron's activation adds to ``s`` than to every other token."""
    satisfiable = Vocabulary(problem).satisfiable
    coefficients = block.coefficients
    return _without(coefficients[:, satisfiable, None] - coefficients, satisfiable)


def _without(leads: Float[Tensor, "*batch d_vocab"], token: int) -> Float[Tensor, "*batch other"]:
    return torch.cat([leads[..., :token], leads[..., token + 1 :]], dim=-1)
