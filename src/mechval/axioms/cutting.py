"""Cutting any network into components at its hook points or submodules.

Component i must be a function of the state at cut i - 1 alone. That is so if the tensors named at
a cut carry everything that what follows depends on; :meth:`CutNetwork.verify` tries it out. This
is what the paper calls mechanistic derivability: each component is a contiguous part of the
network's own computation.

Source: paper section 3; PAPER.md section 1.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor, nn

from mechval.axioms import guarding, networks
from mechval.axioms.base import Map, State
from mechval.errors import MechvalError

Cut: TypeAlias = str | tuple[str, ...]
"""The name of a hook point or submodule, whose output is the state; a tuple for several."""

_Visitor: TypeAlias = Callable[..., Tensor]


@runtime_checkable
class HookedModel(Protocol):
    """A model that runs hook functions ``function(tensor, hook)`` by name, as TransformerLens's."""

    def run_with_hooks(self, *args: Any, fwd_hooks: Any) -> Any:
        """The output with functions set on hook points for this call only."""
        ...


class CutNetwork:
    """A network t as a chain of components t_1 … t_d, to be the ``concrete`` of an interpretation.

    A component runs the whole network on a placeholder, puts the given state in at its first cut
    and returns what arrives at its second one. A cut named by a string has a tensor as its
    state, one named by a tuple a tuple of tensors; their first axis is the batch. An output with
    NaN is refused, since its label would be chance.

    Attributes:
        components: t_1 … t_d, always the same objects; the last one returns labels.
    """

    def __init__(
        self,
        model: nn.Module | HookedModel,
        cuts: Sequence[Cut],
        *,
        example: Shaped[Tensor, "1 ..."],
        read_label: Map,
    ):
        """Cut ``model`` into one component more than there are cuts.

        Args:
            model: called with one tensor. If it has ``run_with_hooks``, cuts are names of its
                hooks, otherwise of its submodules.
            cuts: 1 … d - 1, in the order in which a forward pass reaches them.
            example: one valid input; the placeholder of all components but the first.
            read_label: the model's output to one integer label per sample.

        Raises MechvalError if there is no hook or submodule of some name, or ``cuts`` is a string.
        """
        if isinstance(cuts, str):
            raise MechvalError(
                f"cuts={cuts!r} is one string; allowed: a sequence of cuts, such as [{cuts!r}]."
            )
        self._model, self._example, self._read_label = model, example, read_label
        self._cuts = tuple((cut,) if isinstance(cut, str) else tuple(cut) for cut in cuts)
        self._is_single = tuple(isinstance(cut, str) for cut in cuts)
        known = _names(model)
        for name in itertools.chain(*self._cuts):
            if name not in known:
                raise MechvalError(f"cut {name!r} does not exist; allowed: {', '.join(known)}.")
        steps = range(len(self._cuts) + 1)
        self.components: tuple[Map, ...] = tuple(partial(self.step, step) for step in steps)

    @guarding.tracking()
    def verify(self, inputs: Shaped[Tensor, "batch ..."]) -> None:
        """Try out on samples that each cut carries everything.

        The network runs on other inputs (those of the neighbouring sample) with the state at the
        cut put in: the next cut's state and every tensor of the output, however nested, must be
        the very same as on the sample's own input. Something that passes beside the cut shows as
        a difference.

        It also runs on some of the samples in another order: what it gives for a sample must not
        depend on the others, up to rounding. The network's buffers are left as they were.

        Raises MechvalError naming the first cut that something passes by; if the network is in
        training mode with dropout or batch norm, changes its buffers, does not give the same
        output twice or mixes samples; or if the inputs are all equal.
        """
        with networks.untouched(self._model):
            self._verify(inputs)

    def _verify(self, inputs: Tensor) -> None:
        others = inputs.roll(1, 0)
        if torch.equal(others, inputs):
            raise MechvalError("the inputs are all equal; allowed: at least two different ones.")
        names = [*itertools.chain(*self._cuts)]
        output, states = self._run(inputs, {}, names)
        again, _ = self._run(inputs, {}, [])
        expected, n = self._compared(output), len(inputs)
        if n_changed := _n_different(expected, self._compared(again), n)[0]:
            raise MechvalError(
                f"the network's output changes between two runs for {n_changed} of {n} samples; "
                "allowed: a deterministic network, such as one in evaluation mode."
            )
        for part in (_every_second_backwards, _first):
            some, found = self._run(part(inputs), {}, names)
            found |= self._compared(some)
            networks.refuse_mixing(part, n, {**states, **expected}, found)
        for cut, following in zip(self._cuts, (*self._cuts[1:], ()), strict=True):
            replayed, found = self._run(others, {name: states[name] for name in cut}, following)
            n_changed, where = _n_different(
                {**{name: states[name] for name in following}, **expected},
                {**{name: found[name] for name in following}, **self._compared(replayed)},
                n,
            )
            if n_changed:
                raise MechvalError(
                    f"cut {', '.join(cut)} does not carry everything: with its state put in, "
                    f"{n_changed} of {n} samples still depend on the input (in {where}); allowed: "
                    "a cut that nothing passes by (name every tensor that what follows reads, and "
                    "let the network give no output beside what is claimed)."
                )

    def step(self, index: int, state: State) -> State:
        """Component ``index`` (from 0): the state at one cut to the state at the next."""
        following = self._cuts[index] if index < len(self._cuts) else ()
        if index == 0:
            output, found = self._run(state, {}, following)
        else:
            tensors = (state,) if self._is_single[index - 1] else tuple(state)
            put_in = dict(zip(self._cuts[index - 1], tensors, strict=True))
            n = len(tensors[0])
            placeholder = self._example.expand(n, *self._example.shape[1:])
            output, found = self._run(placeholder, put_in, following)
        if not following:
            return self._read_label(output)
        tensors = tuple(found[name] for name in following)
        return tensors[0] if self._is_single[index] else tensors

    def _run(
        self, inputs: Tensor, put_in: Mapping[str, Tensor], kept: Sequence[str]
    ) -> tuple[Any, dict[str, Tensor]]:
        """One forward pass: replace the tensors ``put_in``, keep those of ``kept``.

        All are copies, since a layer may work in place on what the one before it gave.
        """
        found: dict[str, Tensor] = {}
        given: dict[str, Any] = {name: state.clone() for name, state in put_in.items()}

        def visit(name: str) -> _Visitor:
            def visitor(tensor: Any, hook: Any = None) -> Tensor:
                _check_visit(name, tensor, put_in.get(name), is_again=name in found)
                reached = given.get(name, tensor)
                found[name] = reached.clone()
                return reached

            return visitor

        visitors = {name: visit(name) for name in {**put_in, **dict.fromkeys(kept)}}
        with guarding.told(f"the network ({type(self._model).__name__})"):
            output = _run_hooked(self._model, inputs.clone(), visitors)
        guarding.refuse_nan(output, "the network")
        for name in visitors:
            if name not in found:
                raise MechvalError(
                    f"cut {name!r} is not reached by a forward pass; allowed: one that is."
                )
        return output, found

    def _compared(self, output: Any) -> dict[str, Tensor]:
        """Every tensor of an output by its place in it; of one without any, its labels."""
        tensors = {
            f"output {path}".strip(): leaf
            for path, leaf in guarding.leaves(output)
            if isinstance(leaf, Tensor)
        }
        return tensors or {"labels": self._read_label(output)}


def _every_second_backwards(state: Tensor) -> Tensor:
    return state.flip(0)[::2]


def _first(state: Tensor) -> Tensor:
    return state[:1]


def _names(model: nn.Module | HookedModel) -> list[str]:
    """Names at which the model can be cut: TransformerLens lists them in ``hook_dict``."""
    if isinstance(model, HookedModel):
        return list(getattr(model, "hook_dict", None) or getattr(model, "hook_names", ()))
    return [name for name, _ in model.named_modules() if name]


def _run_hooked(model: Any, inputs: Tensor, visitors: Mapping[str, _Visitor]) -> Any:
    if isinstance(model, HookedModel):
        return model.run_with_hooks(inputs, fwd_hooks=list(visitors.items()))

    def forward_hook(visitor: _Visitor) -> Callable[[nn.Module, Any, Any], Tensor]:
        return lambda module, arguments, output: visitor(output)

    handles = []
    try:
        for name, visitor in visitors.items():
            submodule = model.get_submodule(name)
            handles.append(submodule.register_forward_hook(forward_hook(visitor)))
        return model(inputs)
    finally:
        for handle in handles:
            handle.remove()


def _check_visit(name: str, tensor: Any, put_in: Tensor | None, *, is_again: bool) -> None:
    if not isinstance(tensor, Tensor):
        raise MechvalError(
            f"cut {name!r} has a {type(tensor).__name__} as its output; allowed: one tensor "
            "(a submodule after it that returns one, such as nn.Identity)."
        )
    if is_again:
        raise MechvalError(
            f"cut {name!r} is reached more than once in a forward pass; allowed: once."
        )
    if put_in is not None and (put_in.shape, put_in.dtype) != (tensor.shape, tensor.dtype):
        raise MechvalError(
            f"the state put in at cut {name!r} has shape {tuple(put_in.shape)} and type "
            f"{put_in.dtype}; allowed: {tuple(tensor.shape)} and {tensor.dtype}."
        )


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
