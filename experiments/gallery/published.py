"""Networks of the original grokking code (N. Nanda, 2023), read from their torch files.

There a map acts as ``W @ x``, but for the unembedding; block 0 is the first one.
"""

import math
import warnings
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval.errors import MechvalError


class PublishedBlock(nn.Module):
    """Causal attention and, where the file has one, a ReLU MLP."""

    def __init__(self, weights: dict[str, Tensor], prefix: str):
        super().__init__()
        self.weights = {
            name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)
        }
        self.hook_pattern, self.hook_z = nn.Identity(), nn.Identity()
        self.hook_post, self.hook_resid_post = nn.Identity(), nn.Identity()

    def forward(self, resid: Float[Tensor, "batch pos d_model"]) -> Tensor:
        w = self.weights
        q, k, v = (
            torch.einsum("ihd,bpd->bpih", w[f"attn.W_{name}"], resid) for name in ("Q", "K", "V")
        )
        scores = torch.einsum("bqih,bkih->biqk", q, k) / math.sqrt(q.shape[-1])
        future = torch.ones(resid.shape[1], resid.shape[1]).triu(1).bool()
        pattern = self.hook_pattern(scores.masked_fill(future, -torch.inf).softmax(dim=-1))
        z = self.hook_z(torch.einsum("biqk,bkih->bqih", pattern, v))
        resid = resid + z.flatten(2) @ w["attn.W_O"].T
        if "mlp.W_in" in w:
            hidden = self.hook_post((resid @ w["mlp.W_in"].T + w["mlp.b_in"]).relu())
            resid = resid + hidden @ w["mlp.W_out"].T + w["mlp.b_out"]
        return self.hook_resid_post(resid)


class Published(nn.Module):
    """Tokens to logits at every position; cut it at ``blocks.0.hook_z`` and the like."""

    def __init__(self, path: Path):
        super().__init__()
        if not path.exists():
            raise MechvalError(f"{path} does not exist; allowed: a published checkpoint.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            weights = torch.load(path, map_location="cpu", weights_only=True)["model"]
        self.W_E, self.W_pos = weights["embed.W_E"].T, weights["pos_embed.W_pos"]
        self.W_U = weights["unembed.W_U"]
        prefixes = [name.removesuffix("attn.W_Q") for name in weights if name.endswith("attn.W_Q")]
        self.blocks = nn.ModuleList(PublishedBlock(weights, prefix) for prefix in prefixes)
        self.hook_resid_pre = nn.Identity()

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_vocab"]:
        resid = self.hook_resid_pre(self.W_E[tokens] + self.W_pos[: tokens.shape[1]])
        for block in self.blocks:
            resid = block(resid)
        return resid @ self.W_U
