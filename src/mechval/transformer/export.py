"""A network as TransformerLens loads it: one head count and one head width for all blocks.

Blocks of fewer or narrower heads are embedded exactly. Missing heads are zero. A narrow head is
padded with zeros, which change neither its scores nor its output, and its W_Q is scaled by
sqrt(padded width / own width), since TransformerLens divides every score by sqrt(padded width).
That factor must be a power of two: then every exported weight is exact in any float format, and
the logits are equal up to the order of summation.

Nothing is folded or centred. Load with ``HookedTransformer`` (TransformerLens 3) or, through
``convert_tl_checkpoint``, with ``TransformerBridge.boot_native`` (TransformerLens 4).
"""

import json
import math
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from mechval.errors import MechvalError
from mechval.transformer.model import Transformer
from mechval.transformer.weights import named_weights

TransformerLensConfig: TypeAlias = dict[str, int | float | str | bool | None]

STATE_DICT, CONFIG = "transformer_lens.safetensors", "transformer_lens.json"


def to_transformer_lens(model: Transformer) -> tuple[TransformerLensConfig, dict[str, Tensor]]:
    """The network's configuration and weights in the layout of TransformerLens.

    Returns:
        Arguments of ``HookedTransformerConfig`` or ``TransformerBridgeConfig``, and a state dict
        on the CPU under property names: ``embed.W_E`` [d_vocab, d_model], ``pos_embed.W_pos``
        [n_ctx, d_model], ``blocks.i.attn.W_Q|W_K|W_V`` [head, d_model, d_head], ``W_O``
        [head, d_head, d_model], ``blocks.i.mlp.W_in|b_in|W_out|b_out``, ``unembed.W_U``
        [d_model, d_vocab]; the biases that this network lacks are zero.

    Raises:
        MechvalError: if the widths of the heads admit no exact embedding.

    Source: ECOSYSTEM.md section 4.1.
    """
    n_heads, d_head = _padded_heads(model)
    state = named_weights(model)
    for block, own_heads in enumerate(model.architecture.n_heads):
        prefix = f"blocks.{block}.attn"
        scale = _query_scale(model, own_heads, d_head)
        state[f"{prefix}.W_Q"] = scale * _padded(state[f"{prefix}.W_Q"], n_heads, 2, d_head)
        for name in ("W_K", "W_V"):
            state[f"{prefix}.{name}"] = _padded(state[f"{prefix}.{name}"], n_heads, 2, d_head)
        state[f"{prefix}.W_O"] = _padded(state[f"{prefix}.W_O"], n_heads, 1, d_head)
        for name in ("b_Q", "b_K", "b_V"):
            state[f"{prefix}.{name}"] = torch.zeros(n_heads, d_head, dtype=model.W_E.dtype)
        state[f"{prefix}.b_O"] = torch.zeros(model.architecture.d_model, dtype=model.W_E.dtype)
    state["unembed.b_U"] = torch.zeros(model.d_vocab, dtype=model.W_E.dtype)
    return _config(model, n_heads, d_head), state


def save_transformer_lens(model: Transformer, directory: Path) -> None:
    """Write ``transformer_lens.safetensors`` and ``.json``; same network, same bytes.

    Args:
        model: the network.
        directory: where both files go; it is made if it is missing.

    Raises:
        MechvalError: as :func:`to_transformer_lens`.
    """
    config, state = to_transformer_lens(model)
    directory.mkdir(parents=True, exist_ok=True)
    save_file(state, directory / STATE_DICT)
    text = json.dumps(config, indent=1, sort_keys=True)
    (directory / CONFIG).write_text(text + "\n", encoding="utf-8")


def _padded_heads(model: Transformer) -> tuple[int, int]:
    """Head count and head width that hold those of every block."""
    n_heads = model.architecture.n_heads
    return max(n_heads), model.architecture.d_model // min(n_heads)


def _query_scale(model: Transformer, own_heads: int, d_head: int) -> float:
    scale = math.sqrt(d_head * own_heads / model.architecture.d_model)
    if not math.log2(scale).is_integer():
        raise MechvalError(
            f"n_heads={list(model.architecture.n_heads)} cannot be exported exactly; allowed: "
            "head counts whose ratios are 1, 4, 16 and so on."
        )
    return scale


def _padded(weight: Tensor, n_heads: int, width_axis: int, d_head: int) -> Tensor:
    """Zeros after the last head, and after the last column of every head's ``width_axis``."""
    missing_heads = n_heads - weight.shape[0]
    missing_width = d_head - weight.shape[width_axis]
    after = (0, missing_width, 0, 0) if width_axis == 2 else (0, 0, 0, missing_width)
    return functional.pad(weight, (*after, 0, missing_heads))


def _config(model: Transformer, n_heads: int, d_head: int) -> TransformerLensConfig:
    return {
        "n_layers": len(model.blocks),
        "d_model": model.architecture.d_model,
        "n_ctx": model.n_ctx,
        "n_heads": n_heads,
        "d_head": d_head,
        "d_mlp": model.architecture.d_mlp,
        "d_vocab": model.d_vocab,
        "d_vocab_out": model.d_vocab,
        "act_fn": "relu",
        "normalization_type": None,
        "attention_dir": "causal",
        "positional_embedding_type": "standard",
        "use_attn_scale": True,
        "attn_scale": math.sqrt(d_head),
        "attn_only": False,
        "init_weights": False,
    }
