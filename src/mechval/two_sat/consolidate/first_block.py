"""Block 0 on tables: what it writes if attention stays where it is read, and how far it does.

At a second literal block 0 should see its own clause alone, at ``:`` the constant tokens alone.
How well it does is a *gap*: the log-odds of what should be seen against everything else that can
stand there, in the worst formula. With gaps of 20 the residual stream after block 0 is a function
of position and clause alone at second literals, and a constant at ``:``, up to e^-20.

Everything here is differentiable in the weights and needs no formula.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals


@dataclass(frozen=True)
class FirstBlockTables:
    """Block 0's states and gaps, one of each clause at each clause position.

    Attributes:
        own_gap: log-odds of the clause's two literals against its ``(`` and the worst earlier
            clauses.
        colon_gap: the same at ``:``, constant tokens against the worst literals, per head.
        clause_resid: residual stream after block 0 at the second literal.
        colon_resid: residual stream after block 0 at ``:``.
    """

    own_gap: Float[Tensor, "head_index clause_position clause"]
    colon_gap: Float[Tensor, " head_index"]
    clause_resid: Float[Tensor, "clause_position clause d_model"]
    colon_resid: Float[Tensor, " d_model"]


@dataclass(frozen=True)
class _Inputs:
    """Token plus position embeddings of everything that can stand in a formula."""

    opening: Float[Tensor, "clause_position d_model"]
    first: Float[Tensor, "clause_position first d_model"]
    second: Float[Tensor, "clause_position second d_model"]
    closing: Float[Tensor, "clause_position d_model"]
    colon: Float[Tensor, " d_model"]
    first_of: Int[Tensor, " clause"]
    second_of: Int[Tensor, " clause"]


def first_block(model: Transformer, problem: Problem) -> FirstBlockTables:
    """Block 0's tables from the weights, differentiable.

    What a second literal should see are the two literals of its clause, as in the circuit's
    prototypes; the own ``(`` counts with the rest.
    """
    inputs = _inputs(model, problem)
    own, others = _second_literal_scores(model, inputs)
    constant, literal = _colon_scores(model, inputs)
    return FirstBlockTables(
        own_gap=own.logsumexp(dim=-1) - others,
        colon_gap=constant.logsumexp(dim=-1) - literal,
        clause_resid=_clause_resid(model, inputs, own.softmax(dim=-1)),
        colon_resid=_colon_resid(model, inputs, constant.softmax(dim=-1)),
    )


def _inputs(model: Transformer, problem: Problem) -> _Inputs:
    vocabulary, layout = Vocabulary(problem), FormulaLayout(problem)
    device = model.W_E.device
    literals = torch.as_tensor(clause_literals(problem), device=device)
    first, first_of = literals[:, 0].unique(return_inverse=True)
    second, second_of = literals[:, 1].unique(return_inverse=True)
    starts = torch.arange(0, layout.n_ctx - 1, 4, device=device)
    pos, tokens = model.W_pos, model.W_E
    return _Inputs(
        opening=tokens[vocabulary.left_parenthesis] + pos[starts],
        first=tokens[first] + pos[starts + 1][:, None],
        second=tokens[second] + pos[starts + 2][:, None],
        closing=tokens[vocabulary.right_parenthesis] + pos[starts + 3],
        colon=tokens[vocabulary.colon] + pos[layout.answer_position],
        first_of=first_of,
        second_of=second_of,
    )


def _second_literal_scores(
    model: Transformer, inputs: _Inputs
) -> tuple[
    Float[Tensor, "head_index clause_position clause 2"],
    Float[Tensor, "head_index clause_position clause"],
]:
    """Scores on the clause's two literals; logsumexp of its ``(`` and the worst earlier tokens."""
    attn = model.block(0).attn
    scale = 1 / math.sqrt(attn.d_head)
    queries = torch.einsum("isd,hde->hise", inputs.second, attn.W_Q) * scale
    opening, first, second, closing = (
        torch.einsum(
            "hise,hj...e->hisj...", queries, torch.einsum("j...d,hde->hj...e", x, attn.W_K)
        )
        for x in (inputs.opening, inputs.first, inputs.second, inputs.closing)
    )
    worst = torch.stack([opening, first.amax(-1), second.amax(-1), closing]).logsumexp(dim=0)
    place = torch.arange(len(inputs.opening), device=worst.device)
    is_later = place[:, None] <= place[None]
    earlier = worst.masked_fill(is_later[:, None], -torch.inf)
    own_opening = opening[:, place, :, place].transpose(0, 1)
    others = torch.cat([earlier, own_opening[..., None]], dim=-1).logsumexp(dim=-1)
    of, to = inputs.second_of, inputs.first_of
    own = [first[:, place, :, place][..., of, to], second[:, place, :, place][..., of, of]]
    return torch.stack(own, dim=-1).transpose(0, 1), others[..., of]


def _colon_scores(
    model: Transformer, inputs: _Inputs
) -> tuple[Float[Tensor, "head_index constant"], Float[Tensor, " head_index"]]:
    """Scores on all ``(``, all ``)`` and ``:``; logsumexp of the worst literals."""
    attn = model.block(0).attn
    query = torch.einsum("d,hde->he", inputs.colon, attn.W_Q) / math.sqrt(attn.d_head)
    sought = torch.einsum("he,hde->hd", query, attn.W_K)
    constants = torch.cat([inputs.opening, inputs.closing, inputs.colon[None]])
    literals = [
        torch.einsum("hd,jsd->hjs", sought, part).amax(dim=-1)
        for part in (inputs.first, inputs.second)
    ]
    return sought @ constants.T, torch.cat(literals, dim=-1).logsumexp(dim=-1)


def _clause_resid(
    model: Transformer,
    inputs: _Inputs,
    pattern: Float[Tensor, "head_index clause_position clause 2"],
) -> Float[Tensor, "clause_position clause d_model"]:
    attn = model.block(0).attn
    written = torch.einsum("hde,hef->hdf", attn.W_V, attn.W_O)
    first = torch.einsum("jsd,hdf->hjsf", inputs.first, written)[:, :, inputs.first_of]
    second = torch.einsum("jsd,hdf->hjsf", inputs.second, written)[:, :, inputs.second_of]
    mixed = pattern[..., :1] * first + pattern[..., 1:] * second
    return _through_mlp(model, inputs.second[:, inputs.second_of] + mixed.sum(dim=0))


def _colon_resid(
    model: Transformer, inputs: _Inputs, pattern: Float[Tensor, "head_index constant"]
) -> Float[Tensor, " d_model"]:
    attn = model.block(0).attn
    constants = torch.cat([inputs.opening, inputs.closing, inputs.colon[None]])
    mixed = torch.einsum("hc,cd,hde->he", pattern, constants, attn.W_V)
    return _through_mlp(model, inputs.colon + mixed.flatten() @ attn.output)


def _through_mlp(
    model: Transformer, resid_mid: Float[Tensor, "*batch d_model"]
) -> Float[Tensor, "*batch d_model"]:
    mlp = model.block(0).mlp
    return resid_mid + mlp.project(mlp.hidden(resid_mid))
