"""Checkpoints that were not written here: found out what they are, checked, converted.

A file holds safetensors or what ``torch.save`` wrote, of which no code is run. Its weights are the
file itself or its entry ``model`` or ``state_dict``, under the names of a module, of a compiled,
parallel or Lightning module, in one of three layouts: that of TransformerLens (``x @ W``), that of
the original grokking code, or that of this project's own modules.
"""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer.model import Transformer
from mechval.transformer.weights import check_names, check_values, weight_views

_ENTRIES = ("model", "state_dict")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_BUFFERS = (".mask", ".IGNORE")
_BIASES = (".b_Q", ".b_K", ".b_V", ".b_O", ".b_U")
_OWN, _LENS, _ORIGINAL = "this project's", "TransformerLens", "the original grokking code's"

Shape = tuple[int, ...]

_logger = logging.getLogger(__name__)


def load_foreign_checkpoint(model: Transformer, path: Path) -> None:
    """Fill ``model`` from a checkpoint of another program, without running code in it.

    Layout and precision are told, half precision is widened. Raises MechvalError if the file is
    missing or damaged, contains code, or holds other tensors than this architecture's. Source: the
    authors' code; both published models have its layout.
    """
    weights = _without_prefixes(_weights_in(_read(path), path))
    expected, layout = model.state_dict(), _OWN
    if weights.keys() != expected.keys():
        expected = weight_views(model)
        weights = _without_extras(weights, expected, path)
        layout = _layout(weights, expected)
    shapes = {
        name: _original_shape(name, tensor.shape) if layout == _ORIGINAL else tuple(tensor.shape)
        for name, tensor in expected.items()
    }
    for name, weight in weights.items():
        if tuple(weight.shape) != shapes[name]:
            found = f"{name} has shape {tuple(weight.shape)}"
            raise MechvalError(f"model.path={path}: {found}; allowed: {shapes[name]}.")
        check_values(name, weight, f"model.path={path}")
    precisions = ", ".join(sorted({str(w.dtype).removeprefix("torch.") for w in weights.values()}))
    _logger.info("model.path=%s: %s layout, %s", path, layout, precisions)
    if layout == _ORIGINAL:
        weights = {n: _turned(n, w, tuple(expected[n].shape)) for n, w in weights.items()}
    for name, tensor in expected.items():
        tensor.copy_(weights[name])


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            # A safetensors file begins with the length of its header, then the header.
            is_safe = file.read(9)[8:] == b"{"
        if is_safe:
            return load_file(path)
        with warnings.catch_warnings():
            # About the pickle protocol of files that are refused anyway, or sparse tensors.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError):
        raise MechvalError(f"model.path={path} does not exist; allowed: a torch file.") from None
    except UnpicklingError:
        raise _refused(path, "it holds something other than tensors, which could be code") from None
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError):
        raise _refused(path, "it is damaged or no torch file") from None
    except (AttributeError, ImportError, MemoryError, OverflowError, SafetensorError):
        raise _refused(path, "it is damaged or no torch file") from None


def _refused(path: Path, reason: str) -> MechvalError:
    return MechvalError(
        f"model.path={path} is refused ({reason}); allowed: a torch file of tensors only."
    )


def _weights_in(content: Any, path: Path) -> dict[str, Tensor]:
    """The tensors by name: of the entry that holds them, or of the file itself."""
    entries = [content]
    if isinstance(content, Mapping):
        entries = [*(content[name] for name in _ENTRIES if name in content), content]
    for entry in entries:
        if (
            isinstance(entry, Mapping)
            and entry
            and all(isinstance(n, str) and isinstance(w, Tensor) for n, w in entry.items())
        ):
            return dict(entry)
    raise MechvalError(
        f"model.path={path} has no entry 'model' of tensors; allowed: one, or 'state_dict', or a "
        "file of nothing but named tensors."
    )


def _without_prefixes(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names without what all of them begin with where a module was wrapped."""
    while prefix := next(
        (prefix for prefix in _PREFIXES if all(name.startswith(prefix) for name in weights)), None
    ):
        weights = {name.removeprefix(prefix): weight for name, weight in weights.items()}
    return weights


def _without_extras(
    weights: dict[str, Tensor], expected: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Without buffers, and without biases that are zero; raises MechvalError for other names."""
    most = max(tensor.numel() for tensor in expected.values())

    def is_zero(name: str, weight: Tensor) -> bool:
        check_values(name, weight, f"model.path={path}")
        return not weight.any()

    kept = {
        name: weight
        for name, weight in weights.items()
        if name in expected
        or not (
            name.endswith(_BUFFERS)
            or (name.endswith(_BIASES) and weight.numel() <= most and is_zero(name, weight))
        )
    }
    check_names(expected, kept, path)
    return kept


def _layout(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """The layout that more shapes are of; the original one where they cannot tell."""
    original = sum(
        tuple(weight.shape) == _original_shape(name, expected[name].shape)
        for name, weight in weights.items()
    )
    lens = sum(weight.shape == expected[name].shape for name, weight in weights.items())
    return _LENS if lens > original else _ORIGINAL


def _original_shape(name: str, shape: Shape) -> Shape:
    """The shape there of what has ``shape`` in TransformerLens: maps act as ``W @ x``, the
    unembedding as ``x @ W_U``, and heads are stored as ``(head, d_head, d_model)``."""
    if name.endswith(("W_Q", "W_K", "W_V")):
        return shape[0], shape[2], shape[1]
    if name.endswith("W_O"):
        return shape[2], shape[0] * shape[1]
    return tuple(shape[::-1]) if name.endswith(("W_E", "W_in", "W_out")) else tuple(shape)


def _turned(name: str, weight: Tensor, shape: Shape) -> Tensor:
    """A tensor of the original layout in TransformerLens ``shape``."""
    if name.endswith(("W_Q", "W_K", "W_V")):
        return weight.transpose(1, 2)
    if name.endswith("W_O"):
        return weight.T.unflatten(0, shape[:2])
    return weight.T if name.endswith(("W_E", "W_in", "W_out")) else weight
