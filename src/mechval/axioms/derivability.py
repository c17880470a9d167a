"""Trying out that a network's components are functions of the state at their cut alone.

Source: paper section 3 (mechanistic derivability).
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from mechval.axioms import guarding, networks, states
from mechval.axioms.forward import CutModel
from mechval.errors import MechvalError


def verify(
    network: CutModel, cuts: Sequence[Sequence[str]], inputs: Any, read_label: Callable[[Any], Any]
) -> None:
    """Try it out as `mechval.axioms.CutNetwork.verify` says; ``cuts`` are labels cut by cut."""
    n = states.n_samples(inputs)
    beside = [n - 1, *range(n - 1)]
    others = states.pick(inputs, beside)
    if states.is_equal(others, inputs):
        raise MechvalError("the inputs are all equal; allowed: at least two different ones.")

    def compared(output: Any) -> dict[str, Tensor]:
        return _tensors(output) or {"labels": read_label(output)}

    labels = [*itertools.chain(*cuts)]
    output, found = network.run(inputs, {}, labels)
    expected = compared(output)
    again, _ = network.run(inputs, {}, [])
    if n_changed := _n_different(expected, compared(again), n)[0]:
        raise MechvalError(
            f"the network's output changes between two runs for {n_changed} of {n} samples; "
            "allowed: a deterministic network, such as one in evaluation mode."
        )
    for rows in ([*range(n)][::-1][::2], [0]):
        some, of_some = network.run(states.pick(inputs, rows), {}, labels)
        networks.refuse_mixing(rows, n, {**found, **expected}, {**of_some, **compared(some)})
    for cut, following in zip(cuts, (*cuts[1:], ()), strict=bool(cuts)):
        own = {**{label: found[label] for label in following}, **expected}
        put_in = {label: found[label] for label in cut}
        is_partial = any(network.cuts[label].is_partial for label in cut)
        if is_partial:
            put_in = {label: states.pick(state, beside) for label, state in put_in.items()}
        replayed, after = network.run(inputs if is_partial else others, put_in, following)
        n_changed, where = _n_different(
            own, {**{label: after[label] for label in following}, **compared(replayed)}, n
        )
        refuse = _refuse_unread if is_partial else _refuse_leak
        refuse(", ".join(cut), n_changed, n, where)


def _refuse_leak(cut: str, n_changed: int, n: int, where: str) -> None:
    if n_changed:
        raise MechvalError(
            f"cut {cut} does not carry everything: with its state put in, {n_changed} of {n} "
            f"samples still depend on the input (in {where}); allowed: a cut that nothing passes "
            "by (name every tensor that what follows reads, let the network give no output beside "
            "what is claimed, or claim a part: Cut(name, index=...))."
        )


def _refuse_unread(cut: str, n_changed: int, n: int, where: str) -> None:
    if not n_changed:
        raise MechvalError(
            f"cut {cut} carries nothing: with another sample's part put in, nothing changes for "
            f"any of {n} samples; allowed: a part that differs between samples and that what "
            "follows reads."
        )


def _tensors(output: Any) -> dict[str, Tensor]:
    """Every tensor of an output by its place in it."""
    return {
        f"output {path}".strip(): leaf
        for path, leaf in guarding.leaves(output)
        if isinstance(leaf, Tensor)
    }


def _n_different(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], n: int
) -> tuple[int, str]:
    """For how many of n samples some tensor differs, and the names of those that do; a NaN differs
    from everything, a tensor without a batch axis for all samples.
    """
    changed = {
        name: _differing(tensor, second.get(name), n).cpu() for name, tensor in first.items()
    }
    changed |= {name: torch.ones(n, dtype=torch.bool) for name in second.keys() - first.keys()}
    where = ", ".join(name for name, is_different in changed.items() if is_different.any())
    return int(torch.stack([*changed.values()]).any(dim=0).sum()), where


def _differing(first: Tensor, second: Tensor | None, n: int) -> Bool[Tensor, " batch"]:
    if second is None or first.shape != second.shape:
        return torch.ones(n, dtype=torch.bool)
    is_different = first != second
    if first.shape[:1] != (n,):
        return is_different.any().expand(n)
    return is_different.reshape(n, -1).any(dim=1)
