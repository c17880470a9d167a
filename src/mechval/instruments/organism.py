"""A network, a claim about it, and whether the claim is true: a row of the matrix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional, TypeAlias

from jaxtyping import Float
from torch import Tensor

from mechval.axioms import Interpretation, Part, State, Variable
from mechval.axioms.partial import Domain

Scores: TypeAlias = Callable[[int, State], Float[Tensor, "batch label"]]
"""A score for every label from the state at a cut, by the network; the largest is its answer."""


@dataclass(frozen=True)
class Searched:
    """A variable that a trained instrument looks for: where, and in how many dimensions."""

    variable: Variable
    part: Part
    rank: int


@dataclass(frozen=True, kw_only=True)
class Organism:
    """What all instruments are given.

    Attributes:
        name: of the row.
        told: network / claim, in a reader's words.
        is_sound: whether the claim is true, so that what an instrument reports is a false alarm;
            None for a program that says the same in other words, which is set apart.
        control: name of the true claim about the network that this one was made from.
        claim: an interpretation; its components are the network.
        variables: of the program, with what is said to carry each.
        idle: names of those that the program's answer never depends on: no interchange tells of
            them.
        scores: what trained instruments follow the gradient of; None if there is none.
        searched: what they search for.
        untrained: a network of the same shape with the same claim made about it.
        inputs: all there are, or drawn independently.
        domain_size: if they are all there are, how many that is.
        domains: states of the program that domain-wide cells try, by component.
    """

    name: str
    told: str
    is_sound: bool | None
    claim: Interpretation
    variables: Sequence[Variable]
    inputs: State
    domain_size: int | None = None
    domains: Mapping[str, Domain] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()
    control: str = ""
    scores: Scores | None = None
    searched: Sequence[Searched] = ()
    untrained: Optional["Organism"] = None

    @property
    def interchanged(self) -> list[Variable]:
        """The variables that the answer depends on."""
        return [each for each in self.variables if each.value.name not in self.idle]
