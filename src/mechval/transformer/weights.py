"""Weights as safetensors under TransformerLens names and shapes, checked name by name.

Deviations of layout, those of foreign checkpoints, exist in this module only.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer.model import Transformer

WEIGHTS = "weights.safetensors"


def named_weights(model: Transformer) -> dict[str, Tensor]:
    """All weights under TransformerLens property names, as contiguous copies on the CPU."""
    return {name: weight.cpu().contiguous().clone() for name, weight in _views(model).items()}


def save_weights(model: Transformer, path: Path) -> None:
    """Write all weights to one safetensors file (same weights, same bytes)."""
    save_file(named_weights(model), path)


def load_weights(model: Transformer, path: Path) -> None:
    """Fill ``model`` from a file written by :func:`save_weights`. Raises MechvalError if the file
    is missing, damaged, or holds another architecture."""
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise MechvalError(f"weights {path} do not exist; allowed: a safetensors file.") from None
    except (SafetensorError, OSError) as error:
        raise MechvalError(
            f"weights {path} cannot be read ({error}); allowed: an undamaged safetensors file."
        ) from None
    assign_weights(model, weights, str(path))


def assign_weights(model: Transformer, weights: dict[str, Tensor], source: str) -> None:
    """Copy TransformerLens-named tensors into ``model`` after checking names, shapes and values. A
    transposed tensor is found by its shape alone, so a transposed square matrix is not found.
    Raises MechvalError naming the first missing, extra, misshapen or non-finite tensor."""
    expected = _views(model)
    _check_names(expected, weights, source)
    for name, tensor in expected.items():
        _check_tensor(name, tensor, weights[name], source)
    for name, tensor in expected.items():
        tensor.copy_(weights[name])


def _views(model: Transformer) -> dict[str, Tensor]:
    """The weights themselves, in TransformerLens shapes: writing into one changes the network."""
    weights = {"embed.W_E": model.W_E, "pos_embed.W_pos": model.W_pos}
    for index in range(len(model.blocks)):
        block, prefix = model.block(index), f"blocks.{index}"
        for name in ("W_Q", "W_K", "W_V", "W_O"):
            weights[f"{prefix}.attn.{name}"] = getattr(block.attn, name)
        for name in ("W_in", "b_in", "W_out", "b_out"):
            weights[f"{prefix}.mlp.{name}"] = getattr(block.mlp, name)
    weights["unembed.W_U"] = model.W_U
    return {name: weight.detach() for name, weight in weights.items()}


def _check_names(expected: dict[str, Tensor], found: dict[str, Tensor], source: str) -> None:
    for name in sorted(expected.keys() - found.keys()):
        raise MechvalError(f"{source} lacks the tensor {name}; allowed: all of {list(expected)}.")
    for name in sorted(found.keys() - expected.keys()):
        raise MechvalError(f"{source} has an extra tensor {name}; allowed: {list(expected)}.")


def _check_tensor(name: str, expected: Tensor, found: Tensor, source: str) -> None:
    if found.shape != expected.shape:
        raise MechvalError(
            f"{source}: {name} has shape {tuple(found.shape)}; allowed: {tuple(expected.shape)}."
        )
    if not found.is_floating_point() or not bool(torch.isfinite(found).all()):
        raise MechvalError(
            f"{source}: {name} holds values that are not finite numbers; allowed: finite."
        )


def load_foreign_checkpoint(model: Transformer, path: Path) -> None:
    """Fill ``model`` from a torch file of the original grokking code, without running code in it.

    There a map acts as ``W @ x`` (the unembedding as ``x @ W_U``), heads are stored as ``(head,
    d_head, d_model)``, and the weights are the entry ``model``. Raises MechvalError if the file is
    missing, no such checkpoint, contains code, or holds tensors of another architecture. Source:
    PAPER.md sections 2 and 3; both published models share the layout.
    """
    masks = {f"blocks.{index}.attn.mask" for index in range(len(model.blocks))}
    converted = {
        name: _oriented(name, weight, model, path).float().contiguous()
        for name, weight in _read(path).items()
        if name not in masks
    }
    assign_weights(model, converted, str(path))


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
    return weight.T if name.endswith(("W_E", "W_in", "W_out")) else weight
