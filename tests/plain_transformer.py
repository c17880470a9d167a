"""The network once more, one token and one head at a time, in two weight layouts.

Written for clarity and for float64, from the paper's description (section 4) alone.
"""

from collections.abc import Mapping

import numpy as np
from torch import Tensor


def plain_logits(weights: Mapping[str, Tensor], tokens: Tensor) -> np.ndarray:
    """Logits at every position of every row, from weights in TransformerLens layout."""
    arrays = {name: weight.double().numpy() for name, weight in weights.items()}
    return np.stack([_logits_of_row(arrays, row) for row in tokens.tolist()])


def plain_foreign_logits(weights: Mapping[str, Tensor], tokens: Tensor) -> np.ndarray:
    """The same from weights in the authors' layout, where a map acts as ``W @ x``."""
    arrays = {name: weight.double().numpy() for name, weight in weights.items()}
    return np.stack([_foreign_logits_of_row(arrays, row) for row in tokens.tolist()])


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def _logits_of_row(weights: Mapping[str, np.ndarray], row: list[int]) -> np.ndarray:
    resid = [
        weights["embed.W_E"][token] + weights["pos_embed.W_pos"][position]
        for position, token in enumerate(row)
    ]
    index = 0
    while f"blocks.{index}.attn.W_Q" in weights:
        resid = _block(weights, f"blocks.{index}", resid)
        index += 1
    return np.stack([vector @ weights["unembed.W_U"] for vector in resid])


def _block(
    weights: Mapping[str, np.ndarray], prefix: str, resid: list[np.ndarray]
) -> list[np.ndarray]:
    q, k, v, o = (weights[f"{prefix}.attn.W_{letter}"] for letter in "QKVO")
    after = []
    for position, here in enumerate(resid):
        attended = here.copy()
        for head in range(len(q)):
            query = here @ q[head]
            seen = resid[: position + 1]
            scores = np.array([query @ (other @ k[head]) for other in seen])
            pattern = softmax(scores / np.sqrt(q.shape[-1]))
            mixed = sum(
                share * (other @ v[head]) for share, other in zip(pattern, seen, strict=True)
            )
            attended += mixed @ o[head]
        hidden = attended @ weights[f"{prefix}.mlp.W_in"] + weights[f"{prefix}.mlp.b_in"]
        written = np.maximum(hidden, 0) @ weights[f"{prefix}.mlp.W_out"]
        after.append(attended + written + weights[f"{prefix}.mlp.b_out"])
    return after


def _foreign_logits_of_row(weights: Mapping[str, np.ndarray], row: list[int]) -> np.ndarray:
    resid = [
        weights["embed.W_E"][:, token] + weights["pos_embed.W_pos"][position]
        for position, token in enumerate(row)
    ]
    for index in range(2):
        resid = _foreign_block(weights, f"blocks.{index}", resid)
    return np.stack([vector @ weights["unembed.W_U"] for vector in resid])


def _foreign_block(
    weights: Mapping[str, np.ndarray], prefix: str, resid: list[np.ndarray]
) -> list[np.ndarray]:
    q, k, v = (weights[f"{prefix}.attn.W_{letter}"] for letter in "QKV")
    after = []
    for position, here in enumerate(resid):
        per_head = []
        for head in range(len(q)):
            seen = resid[: position + 1]
            scores = np.array([(q[head] @ here) @ (k[head] @ other) for other in seen])
            pattern = softmax(scores / np.sqrt(q.shape[1]))
            per_head.append(
                sum(share * (v[head] @ other) for share, other in zip(pattern, seen, strict=True))
            )
        attended = here + weights[f"{prefix}.attn.W_O"] @ np.concatenate(per_head)
        hidden = weights[f"{prefix}.mlp.W_in"] @ attended + weights[f"{prefix}.mlp.b_in"]
        written = weights[f"{prefix}.mlp.W_out"] @ np.maximum(hidden, 0)
        after.append(attended + written + weights[f"{prefix}.mlp.b_out"])
    return after
