"""Cutting any network into components at its hook points or submodules.

Component i must be a function of the state at cut i - 1 alone. That is so if the tensors named at
a cut carry everything that what follows depends on; :meth:`CutNetwork.verify` tries it out. This
is what the paper calls mechanistic derivability: each component is a contiguous part of the
network's own computation. At a partial cut the state is a part of the network's computation, and
everything else is carried from the network's own run.

Source: paper section 3 (axioms).
"""

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn

from mechval.axioms import derivability, guarding, networks, states
from mechval.axioms.base import Map, State
from mechval.axioms.cuts import Cut, PartialState
from mechval.axioms.forward import CutModel, HookedModel
from mechval.errors import MechvalError

Cuts: TypeAlias = str | Cut | tuple[str | Cut, ...]
"""One cut: the name of a hook point or submodule, a `Cut`, or a tuple of them."""


class CutNetwork:
    """A network t as a chain of components t_1 … t_d, to be the ``concrete`` of an interpretation.

    A component runs the whole network on a placeholder, puts the given state in at its first cut
    and returns what arrives at its second one. A cut named by a string or `Cut` has a tensor as
    its state, one named by a tuple a tuple of tensors; their first axis is the batch. If some
    `Cut` of it has an index, the state is a `PartialState`: α is given the part alone, γ gives
    the part alone, and the component runs on the network's own input instead of a placeholder.
    An output with NaN is refused, since its label would be chance.

    Attributes:
        components: t_1 … t_d, always the same objects; the last one returns labels.
    """

    def __init__(
        self,
        model: nn.Module | HookedModel,
        cuts: Cuts | Sequence[Cuts],
        *,
        example: Any,
        read_label: Map,
    ):
        """Cut ``model`` into one component more than there are cuts.

        Args:
            model: called with the inputs. If it has ``run_with_hooks``, cuts are names of its
                hooks, otherwise of its submodules.
            cuts: 1 … d - 1, in the order in which a forward pass reaches them.
            example: one valid input, the placeholder of components that start at a later cut: a
                tensor ``[1, ...]``; a tuple of such, if the model takes several; a dict of such,
                if it takes them by keyword. All inputs have this structure.
            read_label: the model's output to one integer label per sample.

        Raises MechvalError if there is no hook or submodule of some name, ``cuts`` is a string, or
        the example is not one input.
        """
        if isinstance(cuts, str | Cut):
            raise MechvalError(
                f"cuts={cuts!r} is one {'string' if isinstance(cuts, str) else 'cut'}; allowed: a "
                f"sequence of cuts, such as [{cuts!r}]."
            )
        if (n := states.n_samples(example)) != 1:
            raise MechvalError(f"example holds {n} samples; allowed: one, with a batch axis of 1.")
        groups = [tuple(map(_as_cut, cut if isinstance(cut, tuple) else (cut,))) for cut in cuts]
        self._network = CutModel(model, {cut.label: cut for cut in itertools.chain(*groups)})
        self._example, self._read_label = example, read_label
        self._cuts = [[cut.label for cut in group] for group in groups]
        self._is_partial = [any(cut.is_partial for cut in group) for group in groups]
        self._is_single = [not isinstance(cut, tuple) for cut in cuts]
        steps = range(len(self._cuts) + 1)
        self.components: tuple[Component, ...] = tuple(Component(self, step) for step in steps)

    @property
    def model(self) -> nn.Module | HookedModel:
        """The network itself."""
        return self._network.model

    @guarding.tracking()
    def verify(self, inputs: Any) -> None:
        """Try out on samples that each cut carries everything.

        The network runs on other inputs (those of the neighbouring sample) with the state at the
        cut put in: the next cut's state and every tensor of the output, however nested, must be
        the very same as on the sample's own input. Something that passes beside the cut shows as
        a difference. At a partial cut, beside which everything may pass, it runs on the same
        inputs with the neighbour's part put in, and something must change.

        It also runs on some of the samples in another order: what it gives for a sample must not
        depend on the others, up to rounding. The network's buffers are left as they were.

        Raises MechvalError naming the first cut that something passes by, or whose part what
        follows does not read; if the network is in training mode with dropout or batch norm,
        changes its buffers, does not give the same output twice or mixes samples; or if the inputs
        are all equal, not structured as the example, or of different numbers of samples.
        """
        self._check(inputs)
        with networks.untouched(self._network.model):
            derivability.verify(self._network, self._cuts, inputs, self._read_label)

    def untrained(self, generator: torch.Generator) -> "CutNetwork":
        """The same network, cut as this one, with parameters drawn at random.

        Every parameter is normal with the mean and standard deviation that it has here; buffers
        stay. This network is left as it is.

        Raises MechvalError if the model is no module, or has no parameters to draw.
        """
        model = self._network.model
        if not isinstance(model, nn.Module) or not any(True for _ in model.parameters()):
            raise MechvalError(
                f"the network is a {type(model).__name__} without parameters that could be drawn "
                "anew; allowed: a torch.nn.Module with some."
            )
        model = copy.deepcopy(model)
        for parameter in model.parameters():
            if parameter.is_floating_point():
                drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                spread = drawn * parameter.double().std(correction=0).cpu()
                parameter.data.copy_(spread + parameter.double().mean().cpu())
        made = copy.copy(self)
        made._network = CutModel(model, self._network.cuts)
        made.components = tuple(Component(made, each.index) for each in self.components)
        return made

    def run(self, first: int, last: int, state: State) -> tuple[State, ...]:
        """Components ``first`` to ``last`` (from 0) in one forward pass: the states after each."""
        if first == 0:
            self._check(state)
            inputs, put_in = state, {}
        else:
            inputs, put_in = self._entered(first - 1, state)
        kept = range(first, min(last + 1, len(self._cuts)))
        labels = [*itertools.chain(*(self._cuts[cut] for cut in kept))]
        output, found = self._network.run(inputs, put_in, labels)
        passed: list[State] = []
        for cut in kept:
            tensors = tuple(found[label] for label in self._cuts[cut])
            part = tensors[0] if self._is_single[cut] else tensors
            passed.append(PartialState(part, inputs, put_in) if self._is_partial[cut] else part)
            inputs, put_in = self._entered(cut, passed[-1])
        if last < len(self._cuts):
            return tuple(passed)
        with guarding.told(f"read_label ({guarding.name_of(self._read_label)})"):
            return (*passed, self._read_label(output))

    def _entered(self, cut: int, state: State) -> tuple[Any, dict[str, Any]]:
        """What to run the network on, and to put in, for it to be in a state at a cut."""
        given = state.part if isinstance(state, PartialState) else state
        tensors = (given,) if self._is_single[cut] else tuple(given)
        if len(tensors) != len(self._cuts[cut]):
            raise MechvalError(
                f"the state at cut {', '.join(self._cuts[cut])} has {len(tensors)} tensors; "
                f"allowed: {len(self._cuts[cut])}."
            )
        put_in = dict(zip(self._cuts[cut], tensors, strict=True))
        if isinstance(state, PartialState):
            return state.inputs, {**state.put_in, **put_in}
        n = states.n_samples(given)
        return (
            states.transform(self._example, lambda tensor: tensor.expand(n, *tensor.shape[1:])),
            put_in,
        )

    def _check(self, inputs: Any) -> None:
        """Refuse inputs without a batch axis, or of another structure than the example."""
        states.n_samples(inputs)
        found, allowed = (
            sorted(path for path, _ in guarding.leaves(each)) for each in (inputs, self._example)
        )
        if found != allowed:
            raise MechvalError(
                f"the inputs hold {_told(found)}; allowed: what the example holds, "
                f"{_told(allowed)}."
            )


@dataclass(frozen=True, eq=False)
class Component:
    """One component of a network, from 0; it runs those that follow it in the same pass."""

    network: CutNetwork
    index: int

    @property
    def told(self) -> str:
        """Where it leads to: the tensors of its cut, or the network's output."""
        cuts = self.network._cuts
        return " and ".join(cuts[self.index]) if self.index < len(cuts) else "output"

    def __call__(self, state: State) -> State:
        """The state at one cut to the state at the next."""
        return self.network.run(self.index, self.index, state)[0]

    def run_through(self, following: Sequence[Map], state: State) -> tuple[State, ...]:
        """The states after it and after the next components of the same network."""
        own = self.network.components[self.index + 1 :]
        pairs = zip(own, following, strict=False)
        n_own = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] is pair[1], pairs))
        return self.network.run(self.index, self.index + n_own, state)


def _told(paths: list[str]) -> str:
    return "one tensor" if paths == [""] else f"the tensors {', '.join(paths)}"


def _as_cut(cut: str | Cut) -> Cut:
    return Cut(cut) if isinstance(cut, str) else cut
