"""What is validated: a network cut into components, and the program said to explain it.

With d components there are d + 1 cuts: cut 0 is the input, cut d the output. Component i
(1-based, as in the paper) leads from cut i - 1 to cut i. States are opaque here: only the
callables of an interpretation look inside them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jaxtyping import Shaped
from torch import Tensor

from mechval.errors import MechvalError

State: TypeAlias = Any
"""A batch of concrete or abstract states: tensors, or any structure of them, batched first."""

Map: TypeAlias = Callable[[State], State]


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

    Raises:
        MechvalError: for a negative or undefined tolerance, or fewer than one part.
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
    return (first != second).flatten(1).sum(dim=1)


@dataclass(frozen=True)
class Interpretation:
    """A decomposed network t, a program h with as many components, and how they correspond.

    Attributes:
        name: of this interpretation, unique among those evaluated together; its tags joined by
            slashes, if it has any.
        components: names of the d components.
        concrete: t_1 … t_d.
        abstract: h_1 … h_d; deterministic.
        alphas: α_0 … α_d, concrete state to abstract state.
        gammas: γ_0 … γ_d, abstract state to concrete state. A γ sees nothing else, so it cannot
            smuggle in what the program does not know.
        equivalences: of the abstract states at cuts 0 … d; the last also compares the labels of
            the two replaceability axioms.
        tags: what distinguishes it from the others, by the name of the distinction
            (``{"reading": "paper"}``): a column each in every table.

    Raises:
        MechvalError: if lengths do not fit together, component names are not unique or the name
            is not that of the tags.

    Source: paper section 3; PAPER.md section 1.
    """

    name: str
    components: tuple[str, ...]
    concrete: tuple[Map, ...]
    abstract: tuple[Map, ...]
    alphas: tuple[Map, ...]
    gammas: tuple[Map, ...]
    equivalences: tuple[Equivalence, ...]
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.tags and self.name != "/".join(self.tags.values()):
            raise MechvalError(
                f"interpretation {self.name!r}: its tags are {dict(self.tags)}; allowed: a name "
                f"that joins them, {'/'.join(self.tags.values())!r}."
            )
        if not self.components:
            raise MechvalError(
                f"interpretation {self.name!r}: components is empty; allowed: at least one."
            )
        if len(set(self.components)) < len(self.components):
            raise MechvalError(
                f"interpretation {self.name!r}: components={self.components} is not allowed; "
                "allowed: names that are all different."
            )
        per_cut = ("alphas", "gammas", "equivalences")
        for part in ("concrete", "abstract", *per_cut):
            found, expected = len(getattr(self, part)), self.n_components + (part in per_cut)
            if found != expected:
                raise MechvalError(
                    f"interpretation {self.name!r}: {part} has {found} entries; allowed: "
                    f"{expected}, for {self.n_components} components."
                )

    @property
    def n_components(self) -> int:
        """The number d of components."""
        return len(self.components)

    @property
    def output_is_label(self) -> bool:
        """Whether the two sides share their output: α_d and γ_d are the identity."""
        return self.alphas[-1] is identity and self.gammas[-1] is identity

    def run_after(self, component: int, state: State) -> State:
        """Run the network's rest t[i:] on a concrete state at cut ``component``."""
        for concrete in self.concrete[component:]:
            state = concrete(state)
        return state
