"""A network, a claim about it, and whether the claim is true: a row of the matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mechval.axioms import Interpretation, State, Variable
from mechval.axioms.partial import Domain


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

    @property
    def interchanged(self) -> list[Variable]:
        """The variables that the answer depends on."""
        return [each for each in self.variables if each.value.name not in self.idle]
