"""The modular-addition network: made, loaded, run on pairs."""

import math
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer, load_weights
from mechval.transformer.model import Attention
from mechval.transformer.weights import WEIGHTS as WEIGHTS


def make_network(problem: ModularAddition, architecture: Architecture) -> Transformer:
    """A network for inputs of this size, with weights not yet drawn."""
    return Transformer(architecture, d_vocab=problem.d_vocab, n_ctx=problem.n_ctx)


def load_network(problem: ModularAddition, architecture: Architecture, path: Path) -> Transformer:
    """The network whose weights lie in ``path``; raises MechvalError if they do not fit."""
    model = make_network(problem, architecture)
    load_weights(model, path)
    return model


def logits_at_equals(
    problem: ModularAddition, model: Transformer, pairs: Int[Tensor, "batch 2"]
) -> Float[Tensor, "batch d_vocab"]:
    """Logits at ``=``: the full forward pass (equal up to rounding), without what it throws away.

    The network has one block. Raises ValueError if hook functions are set: most hook points are
    not reached here.
    """
    if model.is_hooked:
        raise ValueError("logits_at_equals needs a network without hook functions")
    block, at_equals = model.block(0), model.W_E[problem.equals_token] + model.W_pos[-1]
    streams = model.W_E[: problem.p] + model.W_pos[:-1, None]
    resid_mid = at_equals + _attention_from(block.attn, at_equals, streams, pairs)
    return (resid_mid + block.mlp.project(block.mlp.hidden(resid_mid))) @ model.W_U


@torch.inference_mode()
def all_logits(
    problem: ModularAddition, model: Transformer
) -> tuple[Float[Tensor, "pair d_vocab"], Int[Tensor, " pair"]]:
    """Logits at ``=`` and the right answers, of all inputs in the order of their index."""
    pairs = problem.all_pairs().to(model.W_E.device)
    return logits_at_equals(problem, model, pairs), problem.answers(pairs)


def _attention_from(
    attn: Attention,
    at_equals: Float[Tensor, " d_model"],
    streams: Float[Tensor, "2 number d_model"],
    pairs: Int[Tensor, "batch 2"],
) -> Float[Tensor, "batch d_model"]:
    """Attention output at ``=``.

    Its query is the same for every input, so a number's score and value are table entries.
    """
    per_head = (attn.n_heads, attn.d_head)
    query = (at_equals @ attn.query).unflatten(0, per_head) / math.sqrt(attn.d_head)
    tables = torch.cat([streams.flatten(0, 1), at_equals[None]])
    n = streams.shape[1]
    a, b = pairs.unbind(dim=1)
    # Rows of a at the first position, of b at the second, and of =.
    rows = torch.stack([a, b + n, torch.full_like(a, 2 * n)], dim=1)
    scores = ((tables @ attn.key).unflatten(-1, per_head) * query).sum(dim=-1)[rows]
    values = (tables @ attn.value)[rows].unflatten(-1, per_head)
    mixed = (scores.softmax(dim=1)[..., None] * values).sum(dim=1)
    return mixed.flatten(1) @ attn.output
