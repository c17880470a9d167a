"""Weights as safetensors under TransformerLens names and shapes, checked name by name."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.transformer.model import Transformer

WEIGHTS = "weights.safetensors"


def named_weights(model: Transformer) -> dict[str, Tensor]:
    """All weights under TransformerLens property names, as contiguous copies on the CPU."""
    return {name: weight.cpu().contiguous().clone() for name, weight in weight_views(model).items()}


def save_weights(model: Transformer, path: Path) -> None:
    """Write all weights to one safetensors file, whole or not at all (same weights, same bytes)."""
    write_whole(path, save(named_weights(model)))


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
    expected = weight_views(model)
    check_names(expected, weights, source)
    for name, tensor in expected.items():
        if weights[name].shape != tensor.shape:
            raise MechvalError(
                f"{source}: {name} has shape {tuple(weights[name].shape)}; allowed: "
                f"{tuple(tensor.shape)}."
            )
        check_values(name, weights[name], source)
    for name, tensor in expected.items():
        tensor.copy_(weights[name])


def weight_views(model: Transformer) -> dict[str, Tensor]:
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


def check_names(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], source: object
) -> None:
    """Raise MechvalError naming the first tensor that is missing or too many."""
    for name in sorted(expected.keys() - found.keys()):
        raise MechvalError(f"{source} lacks the tensor {name}; allowed: all of {list(expected)}.")
    for name in sorted(found.keys() - expected.keys()):
        raise MechvalError(f"{source} has an extra tensor {name}; allowed: {list(expected)}.")


def check_values(name: str, found: Tensor, source: str) -> None:
    """Raise MechvalError unless a tensor holds finite real numbers, each stored for itself."""
    kind: object = found.dtype if found.layout == torch.strided else found.layout
    if found.is_meta or kind is not found.dtype or not found.is_floating_point():
        told = "meta" if found.is_meta else str(kind).removeprefix("torch.")
        raise MechvalError(
            f"{source}: {name} is a tensor of kind {told}; allowed: dense floating-point numbers."
        )
    if not bool(torch.isfinite(found).all()):
        raise MechvalError(
            f"{source}: {name} holds values that are not finite numbers; allowed: finite."
        )
