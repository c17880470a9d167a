"""Checkpoints in the layout of the original grokking code, which both published models share.

There a map acts as ``W @ x`` (the unembedding as ``x @ W_U``), heads are stored as ``(head, d_head,
d_model)``, and the weights are the entry ``model`` of a torch file. Source: PAPER.md sections 2 and
3; deviations of layout exist in this module only.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer.model import Transformer
from mechval.transformer.weights import assign_weights


def load_foreign_checkpoint(model: Transformer, path: Path) -> None:
    """Fill ``model`` from a foreign torch file, without running any code in it. Raises MechvalError
    if the file is missing, is not such a checkpoint, contains code, or holds tensors of another
    architecture."""
    weights = _read(path)
    assign_weights(model, _converted(weights, model, path), str(path))


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        with warnings.catch_warnings():
            # About the pickle protocol of files that are refused anyway.
            warnings.simplefilter("ignore", UserWarning)
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise MechvalError(f"model.path={path} does not exist; allowed: a torch file.") from None
    except UnpicklingError:
        raise _refused(path, "it holds something other than tensors, which could be code") from None
    except (RuntimeError, EOFError, OSError, ValueError, LookupError):
        raise _refused(path, "it is damaged or no torch file") from None
    weights = content.get("model") if isinstance(content, dict) else None
    if not isinstance(weights, Mapping) or not all(
        isinstance(weight, Tensor) for weight in weights.values()
    ):
        raise MechvalError(f"model.path={path} has no entry 'model' of tensors; allowed: one.")
    return weights


def _refused(path: Path, reason: str) -> MechvalError:
    return MechvalError(
        f"model.path={path} is refused ({reason}); allowed: a torch file of tensors only."
    )


def _converted(weights: Mapping[str, Tensor], model: Transformer, path: Path) -> dict[str, Tensor]:
    masks = {f"blocks.{index}.attn.mask" for index in range(len(model.blocks))}
    return {
        name: _oriented(name, weight, model, path).float().contiguous()
        for name, weight in weights.items()
        if name not in masks
    }


def _oriented(name: str, weight: Tensor, model: Transformer, path: Path) -> Tensor:
    """Turn one tensor into TransformerLens orientation."""
    expected = 3 if name.endswith(("W_Q", "W_K", "W_V")) else 1 if ".b_" in name else 2
    if weight.ndim != expected:
        raise MechvalError(
            f"model.path={path}: {name} has {weight.ndim} axes; allowed: {expected}."
        )
    if name.endswith(("W_Q", "W_K", "W_V")):
        return weight.transpose(1, 2)
    if name.endswith("W_O"):
        block = int(name.split(".")[1])
        n_heads = model.architecture.n_heads[block] if block < len(model.blocks) else 1
        return weight.T.unflatten(0, (n_heads, -1))
    if name in ("embed.W_E",) or name.endswith(("W_in", "W_out")):
        return weight.T
    return weight
