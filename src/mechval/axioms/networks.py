"""What a network must be for its cuts to mean anything: a function of each sample alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mechval.errors import MechvalError


@contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Give a network back with the buffers it came with, whatever is done with it meanwhile.

    Raises MechvalError if it is in training mode with dropout or batch norm, or if its buffers
    have changed.
    """
    if not isinstance(model, nn.Module):
        yield
        return
    _refuse_training(model)
    held = {name: (buffer, buffer.clone()) for name, buffer in model.named_buffers()}
    try:
        yield
    finally:
        now = dict(model.named_buffers())
        changed = [name for name, (_, then) in held.items() if not _is_equal(now.get(name), then)]
        for name in changed:
            buffer, then = held[name]
            owner, _, key = name.rpartition(".")
            setattr(model.get_submodule(owner), key, buffer.copy_(then))
    if changed:
        raise MechvalError(
            f"the network changes its own buffers in a run ({', '.join(changed)}; they have been "
            "put back); allowed: a network that holds no state, such as one in evaluation mode."
        )


def _is_equal(now: Tensor | None, then: Tensor) -> bool:
    return now is not None and torch.equal(now, then)


def _refuse_training(model: nn.Module) -> None:
    kinds = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
    for name, module in model.named_modules():
        if module.training and isinstance(module, kinds) and getattr(module, "p", 1) > 0:
            raise MechvalError(
                f"the network is in training mode with {type(module).__name__} at {name!r}; "
                "allowed: evaluation mode (model.eval())."
            )


def refuse_mixing(
    rows: Sequence[int],
    n: int,
    whole: Mapping[str, Tensor],
    some: Mapping[str, Tensor],
) -> None:
    """Refuse a network that gives other tensors for some samples than for them among all.

    Args:
        rows: numbers of the chosen samples.
        whole: tensors of a run on all n samples, by name.
        some: the same tensors of a run on the chosen samples; those without the batch as their
            first axis are passed over.

    Raises MechvalError naming the tensors that differ by more than rounding.
    """
    mixed = [
        name
        for name, tensor in whole.items()
        if tensor.shape[:1] == (n,) and not is_close(tensor[[*rows]], some.get(name))
    ]
    if mixed:
        raise MechvalError(
            f"the network mixes the samples of a batch: {', '.join(mixed)} of a sample depends on "
            "the samples beside it; allowed: a network whose first axis is the batch and that "
            "treats every sample by itself."
        )


def is_close(expected: Tensor, found: Tensor | None) -> bool:
    """Whether two tensors are equal up to the rounding of another batch size."""
    if found is None or expected.shape != found.shape:
        return False
    if not expected.is_floating_point():
        return torch.equal(expected, found)
    finite = expected[expected.isfinite()].abs()
    scale = float(finite.max()) if finite.numel() else 0.0
    rounding = torch.finfo(expected.dtype).eps ** 0.5
    return torch.allclose(expected, found, rtol=rounding, atol=rounding * scale, equal_nan=True)
