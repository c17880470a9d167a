"""What a saved interpretation was made with, and what of it has changed since."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mechval.axioms.base import Map
from mechval.axioms.cut_network import Component
from mechval.axioms.result import RECORD
from mechval.axioms.spec_format import ProvenanceSpec
from mechval.errors import MechvalError


def reference_of(part: Callable[..., Any]) -> str:
    """``module:qualified name``; a script run by ``python -m`` has the name it is imported by.

    Raises MechvalError for what is not at the top of a module that can be imported.
    """
    qualified = getattr(part, "__qualname__", "<nameless>")
    if "<" in qualified:
        raise MechvalError(
            f"part {qualified} cannot be saved; allowed: a function or class at the top of a "
            "module."
        )
    module = part.__module__
    if module == "__main__":
        told = getattr(sys.modules.get(module), "__spec__", None)
        if told is None:
            raise MechvalError(
                f"part {qualified} cannot be saved, as it stands in the script itself (__main__); "
                "allowed: one of a module that is imported."
            )
        module = told.name
    return f"{module}:{qualified}"


def trace(
    concrete: tuple[Map, ...], parts: Mapping[str, Callable[..., Any]], directory: Path
) -> ProvenanceSpec:
    """What an interpretation that is saved in ``directory`` is made with."""
    return ProvenanceSpec(
        mechval=version("mechval"),
        parts={reference: _source_digest(part) for reference, part in sorted(parts.items())},
        network=_network_digest(concrete),
        result=_result_digest(directory),
    )


def changes(
    saved: ProvenanceSpec,
    concrete: tuple[Map, ...],
    known: Mapping[str, Callable[..., Any]],
    directory: Path,
) -> Iterator[str]:
    """A sentence for everything that is not what it was; ``known`` are the parts of today."""
    used = {reference: known[reference] for reference in saved.parts if reference in known}
    now = trace(concrete, used, directory)
    if now.mechval != saved.mechval:
        yield f"saved with mechval {saved.mechval}, this is {now.mechval}."
    for reference, digest in now.parts.items():
        if digest != saved.parts[reference]:
            yield f"the source of {reference} has changed since it was saved."
    if saved.network is not None and now.network != saved.network:
        yield "the network is not the one it was saved for."
    if saved.result is not None and now.result != saved.result:
        yield "the result beside it is not the one it was saved with."


def _source_digest(part: Callable[..., Any]) -> str | None:
    try:
        return sha256(inspect.getsource(part).encode()).hexdigest()
    except (OSError, TypeError):
        return None


def _network_digest(concrete: tuple[Map, ...]) -> str | None:
    """Of names, types, shapes and bytes of all parameters and buffers."""
    first = concrete[0] if concrete else None
    model = first.network.model if isinstance(first, Component) else None
    if not isinstance(model, nn.Module):
        return None
    digest = sha256()
    for name, tensor in sorted(model.state_dict().items()):
        told = f"{name} {tensor.dtype} {tuple(tensor.shape)}\n"
        digest.update(told.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _result_digest(directory: Path) -> str | None:
    path = RECORD.path(directory)
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else None
