"""The types of the core: what is claimed of a network, and what validating it passes around.

With d components there are d + 1 cuts: cut 0 is the input, cut d the output. Component i
(1-based, as in the paper) leads from cut i - 1 to cut i. States are opaque here: only the
callables of an interpretation look inside them. What an evaluation yields is in `report`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mechval.axioms.cuts import Part
from mechval.axioms.states import State as State
from mechval.errors import MechvalError

Map: TypeAlias = Callable[[State], State]


@runtime_checkable
class Chained(Protocol):
    """A component that can run those after it in the same forward pass."""

    def run_through(self, following: Sequence[Map], state: State) -> tuple[State, ...]:
        """The states after it and after as many of the ``following`` as it can run."""
        ...


def run_ahead(components: Sequence[Map], state: State) -> tuple[State, ...]:
    """The states after the first component and after those that run with it (`Chained`)."""
    first, *following = components
    if isinstance(first, Chained):
        return first.run_through(following, state)
    return (first(state),)


_INDEX_TYPES = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def identity(state: State) -> State:
    """Return the state itself: the α and γ of a cut whose two kinds of state coincide.

    Use this very object where a map is the identity: cells that are equal because of it are
    recognised by ``is``.
    """
    return state


@dataclass(frozen=True)
class Equivalence:
    """When two abstract states of a cut count as the same. Named, so that a table can say so.

    Attributes:
        name: what is compared, in a reader's words.
        distance: for each sample, in how many parts the network's state (first) and the
            program's (second) differ; finite and at least 0.
        tolerance: how many differing parts still count as agreement.
        n_parts: how many parts a state has; the mean distance over it is the error per part.

    Raises MechvalError for a negative or undefined tolerance, or fewer than one part.
    """

    name: str
    distance: Callable[[State, State], Tensor]
    tolerance: int | float = 0
    n_parts: int = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise MechvalError(
                f"equivalence {self.name!r}: tolerance={self.tolerance} is not allowed; "
                "allowed: a finite number of parts, at least 0."
            )
        if self.n_parts < 1:
            raise MechvalError(
                f"equivalence {self.name!r}: n_parts={self.n_parts} is not allowed; "
                "allowed: at least 1."
            )

    @property
    def is_exact(self) -> bool:
        """Whether agreement means that no part differs."""
        return self.tolerance == 0


def _label_distance(
    first: Shaped[Tensor, " batch"], second: Shaped[Tensor, " batch"]
) -> Shaped[Tensor, " batch"]:
    return first != second


exact_labels = Equivalence(name="exact labels", distance=_label_distance)
"""Two labels (one per sample) agree when they are equal."""


def n_differing(
    first: Shaped[Tensor, "batch ..."], second: Shaped[Tensor, "batch ..."]
) -> Shaped[Tensor, " batch"]:
    """In how many entries the two states of each sample differ: a ready-made distance."""
    return (first != second).reshape(len(first), -1).sum(dim=1)


@dataclass(frozen=True)
class Variable:
    """One variable of the program's state behind a component, and what carries it there.

    Attributes:
        component: name of the component that computes it.
        value: the variable in the program's state.
        carrier: what carries it in the network's state (at a partial cut: in the claimed part).
            γ must write it there and nowhere else.
    """

    component: str
    value: Part
    carrier: Part


@dataclass(frozen=True)
class Interpretation:
    """A decomposed network t, a program h with as many components, and how they correspond.

    Attributes:
        name: unique among those evaluated together; its tags joined by slashes, if it has any.
        components: names of the d components.
        concrete: t_1 … t_d.
        abstract: h_1 … h_d; deterministic.
        alphas: α_0 … α_d, concrete state to abstract state.
        gammas: γ_0 … γ_d, abstract state to concrete state. A γ must see nothing else, so that it
            cannot smuggle in what the program does not know; `evaluate_axioms` tries that out.
        equivalences: of the abstract states at cuts 0 … d; the last also compares the labels of
            the two replaceability axioms.
        tags: what distinguishes it from the others, by the name of the distinction
            (``{"reading": "paper"}``): a column each in every table.
        variables: of the program's states, if it is claimed what carries each by itself; behind a
            component that has any, all of them. `mechval.axioms.partial` tries them.

    Raises MechvalError if lengths do not fit together, component names are not unique, the name
    is not that of the tags or a variable stands behind no component or the last one.

    Source: paper section 3 (interpretations, α and γ).
    """

    name: str
    components: tuple[str, ...]
    concrete: tuple[Map, ...]
    abstract: tuple[Map, ...]
    alphas: tuple[Map, ...]
    gammas: tuple[Map, ...]
    equivalences: tuple[Equivalence, ...]
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    variables: Sequence[Variable] = field(default=(), hash=False)

    def __post_init__(self) -> None:
        if self.tags and self.name != "/".join(self.tags.values()):
            raise MechvalError(
                f"interpretation {self.name!r}: its tags are {dict(self.tags)}; allowed: a name "
                f"that joins them, {'/'.join(self.tags.values())!r}."
            )
        if not self.components or len(set(self.components)) < self.n_components:
            raise MechvalError(
                f"interpretation {self.name!r}: components={self.components} is not allowed; "
                "allowed: at least one name, all different."
            )
        per_cut = ("alphas", "gammas", "equivalences")
        for part in ("concrete", "abstract", *per_cut):
            found, expected = len(getattr(self, part)), self.n_components + (part in per_cut)
            if found != expected:
                raise MechvalError(
                    f"interpretation {self.name!r}: {part} has {found} entries; allowed: "
                    f"{expected}, for {self.n_components} components."
                )
        for variable in self.variables:
            self.cut_of(variable)

    @property
    def n_components(self) -> int:
        """The number d of components."""
        return len(self.components)

    def cut_of(self, variable: Variable) -> int:
        """The cut behind a variable's component; raises MechvalError if that is no inner one."""
        allowed = self.components[:-1]
        if variable.component not in allowed:
            raise MechvalError(
                f"variable {variable.value.name!r} stands behind {variable.component!r}; allowed: "
                f"one of {', '.join(allowed)}."
            )
        return allowed.index(variable.component) + 1

    @property
    def output_is_label(self) -> bool:
        """Whether the two sides share their output: α_d and γ_d are the identity."""
        return self.alphas[-1] is identity and self.gammas[-1] is identity

    def cell_name(self, key: "CellKey") -> str:
        """The cell's name in files and tables, such as ``prefix equivalence/parse``."""
        return f"{key.axiom}/{self.components[key.component - 1]}"

    def run_after(self, component: int, state: State) -> State:
        """Run the network's rest t[i:] on a concrete state at cut ``component``."""
        while component < self.n_components:
            run = run_ahead(self.concrete[component:], state)
            component, state = component + len(run), run[-1]
        return state


class Axiom(StrEnum):
    """The four axioms, in the paper's order, by their names in words."""

    PREFIX_EQUIVALENCE = "prefix equivalence"
    COMPONENT_EQUIVALENCE = "component equivalence"
    PREFIX_REPLACEABILITY = "prefix replaceability"
    COMPONENT_REPLACEABILITY = "component replaceability"

    @property
    def number(self) -> int:
        """Its number in the paper, from 1 to 4."""
        return list(Axiom).index(self) + 1

    @property
    def is_prefix(self) -> bool:
        """Whether the program runs from the input on, rather than for one component."""
        return self in (Axiom.PREFIX_EQUIVALENCE, Axiom.PREFIX_REPLACEABILITY)

    @property
    def is_replaceability(self) -> bool:
        """Whether the two sides are labels of the network rather than abstract states."""
        return self in (Axiom.PREFIX_REPLACEABILITY, Axiom.COMPONENT_REPLACEABILITY)


@dataclass(frozen=True)
class CellKey:
    """One axiom at one component (1-based)."""

    axiom: Axiom
    component: int

    @property
    def place(self) -> tuple[int, int]:
        """What cells are ordered by in a table: axiom first."""
        return self.axiom.number, self.component


@dataclass(frozen=True)
class Batch:
    """Inputs (concrete states at cut 0) evaluated together, and each one's stratum by index.

    Raises MechvalError for strata that are not one integer per sample.
    """

    inputs: State
    strata: Int[Tensor, " batch"]

    def __post_init__(self) -> None:
        is_tensor = isinstance(self.strata, Tensor)
        if not is_tensor or self.strata.dtype not in _INDEX_TYPES or self.strata.ndim != 1:
            found = (self.strata.dtype, tuple(self.strata.shape)) if is_tensor else self.strata
            raise MechvalError(
                f"strata={found!r} is not allowed; allowed: an integer tensor with one index per "
                "sample."
            )


@dataclass(frozen=True)
class Trajectory:
    """All states of one batch at cuts 0 … d; every tuple is indexed by the cut.

    Attributes:
        concrete: t[:i](x), the network's own states.
        observed: α_i(t[:i](x)), what is read off them.
        prefix: h[:i](α_0(x)), the program's own states.
        step: h_i(α_{i-1}(t[:i-1](x))), one component of the program fed by the network;
            α_0(x) at cut 0.
    """

    concrete: tuple[State, ...]
    observed: tuple[State, ...]
    prefix: tuple[State, ...]
    step: tuple[State, ...]


@dataclass(frozen=True, eq=False)
class Sides:
    """Both sides of a cell's equation on one batch; ``component`` is the name of its component.

    Attributes:
        network: the left side: what is read off the network, or the network's label.
        program: the right side: the program's state, or the label of the network run from it.
        abstract: the program's state on the right side: itself, or what γ was given.
        concrete: t[:i](x), the network's own states at all cuts.
    """

    key: CellKey
    component: str
    network: State
    program: State
    abstract: State
    equivalence: Equivalence
    concrete: tuple[State, ...]

    @cached_property
    def distance(self) -> Tensor:
        """In how many parts the sides differ, ``[batch]``, as the equivalence gives it."""
        return self.equivalence.distance(self.network, self.program)

    @property
    def disagrees(self) -> Bool[Tensor, " batch"]:
        """On which samples that is more than the equivalence tolerates."""
        return self.distance > self.equivalence.tolerance


@dataclass(frozen=True)
class Measurements:
    """What one pass over the samples leaves behind, on the CPU: of each distinct cell's two sides
    how far they are apart.

    Attributes:
        labels: the network's outputs, one integer per sample unless the last equivalence takes
            others.
        shuffled: of each distinct equivalence cell, how far the network's state is from the
            program's state for another sample of its batch, drawn at random; batches of one
            sample, and states that cannot be taken apart, have none.
    """

    labels: Shaped[Tensor, "sample ..."]
    strata: Int[Tensor, " sample"]
    distances: Mapping[CellKey, Float[Tensor, " sample"]]
    shuffled: Mapping[CellKey, Float[Tensor, " shuffled"]]
