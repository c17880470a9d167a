"""Block 0 in float64: every weight that parsing reads, and tables of what each token brings.

A token at a position always enters block 0 with the same residual, so its key and its value are
table entries; only the query and the softmax mix them.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mechval.errors import MechvalError
from mechval.transformer import MLP, Attention, Block, HookPoint, Transformer
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem

_ATTENTION, _MLP = ("W_Q", "W_K", "W_V", "W_O"), ("W_in", "b_in", "W_out", "b_out")
_FAMILY = (Transformer, Block, Attention, MLP, HookPoint, nn.ModuleList)


@dataclass(frozen=True, eq=False)
class BlockWeights:
    """Weights of a block, W_Q divided by sqrt(d_head), which the scores would be."""

    W_Q: Float[np.ndarray, "head_index d_model d_head"]
    W_K: Float[np.ndarray, "head_index d_model d_head"]
    W_V: Float[np.ndarray, "head_index d_model d_head"]
    W_O: Float[np.ndarray, "head_index d_head d_model"]
    W_in: Float[np.ndarray, "d_model d_mlp"]
    b_in: Float[np.ndarray, " d_mlp"]
    W_out: Float[np.ndarray, "d_mlp d_model"]
    b_out: Float[np.ndarray, " d_model"]


@dataclass(frozen=True, eq=False)
class FirstBlock(BlockWeights):
    """Block 0 with the embeddings.

    Attributes:
        resid: residual stream before the block, of each token at each position.
        keys: W_K applied to it.
        values: W_V, then W_O applied to it.
    """

    problem: Problem
    resid: Float[np.ndarray, "pos token d_model"]
    keys: Float[np.ndarray, "head_index pos token d_head"]
    values: Float[np.ndarray, "head_index pos token d_model"]

    @property
    def n_heads(self) -> int:
        return len(self.W_Q)

    def after_mlp(
        self, resid_mid: Float[np.ndarray, "*batch d_model"]
    ) -> Float[np.ndarray, "*batch d_model"]:
        hidden = np.maximum(resid_mid @ self.W_in + self.b_in, 0)
        return resid_mid + hidden @ self.W_out + self.b_out


def read_first_block(model: Transformer, problem: Problem) -> FirstBlock:
    """Copy block 0 of ``model`` to float64.

    Raises MechvalError if the network is not of this family (attention and ReLU MLP without
    LayerNorm, no hook functions), or is one for formulas of another size.
    """
    refuse_outside_family(model)
    expected = (Vocabulary(problem).d_vocab, FormulaLayout(problem).n_ctx)
    if (model.d_vocab, model.n_ctx) != expected:
        raise MechvalError(
            f"a network with vocabulary and context {(model.d_vocab, model.n_ctx)} is not allowed; "
            f"allowed: {expected}, for {problem.n_clauses} clauses over {problem.n_variables} "
            "variables."
        )
    weights = block_weights(model.block(0))
    resid = as_float64(model.W_E)[None] + as_float64(model.W_pos)[:, None]
    keys = np.einsum("ptd,hde->hpte", resid, weights["W_K"], optimize=True)
    output = (weights["W_V"], weights["W_O"])
    values = np.einsum("ptd,hde,hef->hptf", resid, *output, optimize=True)
    return FirstBlock(**weights, problem=problem, resid=resid, keys=keys, values=values)


def refuse_outside_family(model: Transformer) -> None:
    """Raise a MechvalError unless proofs about this family hold for ``model``.

    The family: token plus position embedding, attention without biases, ReLU MLP, no LayerNorm.
    """
    for name, module in model.named_modules():
        if type(module) not in _FAMILY:
            raise MechvalError(
                f"the network's {name or 'class'} is a {type(module).__name__}, outside the family "
                "that can be certified; allowed: attention and ReLU MLPs without LayerNorm."
            )
    if model.is_hooked:
        raise MechvalError("the network has hook functions; allowed: a network without any.")
    mlp = model.block(0).mlp
    probe = torch.linspace(-1, 1, 16 * len(mlp.W_in), device=mlp.W_in.device).unflatten(0, (16, -1))
    with torch.no_grad():
        expected = (probe @ mlp.W_in + mlp.b_in).clamp(min=0)
        if not torch.allclose(mlp.hidden(probe), expected, atol=1e-5, rtol=1e-4):
            raise MechvalError(
                "the network's MLP has another activation than ReLU, outside the family that can "
                "be certified; allowed: ReLU."
            )


def block_weights(block: Block) -> dict[str, np.ndarray]:
    """The fields of `BlockWeights`."""
    fields = {name: as_float64(getattr(block.mlp, name)) for name in _MLP}
    fields |= {name: as_float64(getattr(block.attn, name)) for name in _ATTENTION}
    return fields | {"W_Q": fields["W_Q"] / math.sqrt(block.attn.d_head)}


def as_float64(weight: Tensor) -> Float[np.ndarray, "*shape"]:
    return weight.detach().cpu().double().numpy()
