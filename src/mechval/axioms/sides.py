"""The two states that a cell compares, for looking at single samples."""

from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from mechval.axioms.axioms import make_trajectory, run_components
from mechval.axioms.cells import Axiom, CellKey
from mechval.axioms.interpretation import Equivalence, Interpretation, State


@dataclass(frozen=True)
class Sides:
    """Both sides of a cell's equation on one batch.

    Attributes:
        concrete: t[:i](x), the network's own states at all cuts.
        network: the left side: what is read off the network, or the network's label.
        program: the right side: the program's state, or the label of the network run from it.
        abstract: the program's state on the right side: itself, or what γ was given.
        equivalence: what decides whether the sides agree.
    """

    concrete: tuple[State, ...]
    network: State
    program: State
    abstract: State
    equivalence: Equivalence

    @property
    def disagree(self) -> Bool[Tensor, " batch"]:
        """On which samples the sides are not equivalent."""
        return self.equivalence.distance(self.network, self.program) > self.equivalence.tolerance


def cell_sides(interpretation: Interpretation, inputs: State, cell: CellKey) -> Sides:
    """Run the network and the program on ``inputs`` and return what one cell compares.

    Source: paper section 3; PAPER.md section 1.
    """
    i = cell.component
    trajectory = make_trajectory(interpretation, run_components(interpretation.concrete, inputs))
    is_prefix = cell.axiom in (Axiom.PREFIX_EQUIVALENCE, Axiom.PREFIX_REPLACEABILITY)
    abstract = (trajectory.prefix if is_prefix else trajectory.step)[i]
    if cell.axiom.is_replaceability:
        network = trajectory.concrete[-1]
        program = interpretation.run_after(i, interpretation.gammas[i](abstract))
        equivalence = interpretation.equivalences[-1]
    else:
        network, program = trajectory.observed[i], abstract
        equivalence = interpretation.equivalences[i]
    return Sides(trajectory.concrete, network, program, abstract, equivalence)
