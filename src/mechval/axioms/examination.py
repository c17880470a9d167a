"""The two sides of every cell on given inputs: not how often they part ways, but where."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from mechval.axioms.axioms import Trajectory, make_trajectory, run_components
from mechval.axioms.cells import Axiom, CellKey, distinct_cells
from mechval.axioms.interpretation import Interpretation, State


@dataclass(frozen=True, eq=False)
class CellSides:
    """One cell on a batch.

    Attributes:
        key: axiom and component.
        component: the component's name.
        network: the side that is the network's own: what α reads off it, or its labels.
        interpreted: the side that the program takes part in: its state, or the labels of the
            network with the program's state put in.
        distance: in how many parts the two differ, per sample.
        disagrees: whether that is more than the equivalence tolerates.
    """

    key: CellKey
    component: str
    network: State
    interpreted: State
    distance: Shaped[Tensor, " batch"]
    disagrees: Bool[Tensor, " batch"]


@torch.inference_mode()
def examine_cells(interpretation: Interpretation, inputs: State) -> tuple[CellSides, ...]:
    """Both sides of every distinct cell, in table order.

    Args:
        interpretation: the claim.
        inputs: concrete states at cut 0, one or more samples.

    Source: paper section 3; the same equations as :mod:`mechval.axioms.axioms`.
    """
    concrete = run_components(interpretation.concrete, inputs)
    trajectory = make_trajectory(interpretation, concrete)
    return tuple(
        _examine(interpretation, trajectory, key) for key in distinct_cells(interpretation)
    )


def _examine(interpretation: Interpretation, trajectory: Trajectory, key: CellKey) -> CellSides:
    i = key.component
    is_prefix = key.axiom in (Axiom.PREFIX_EQUIVALENCE, Axiom.PREFIX_REPLACEABILITY)
    program = (trajectory.prefix if is_prefix else trajectory.step)[i]
    if key.axiom.is_replaceability:
        equivalence = interpretation.equivalences[-1]
        network = trajectory.concrete[-1]
        interpreted = interpretation.run_after(i, interpretation.gammas[i](program))
    else:
        equivalence = interpretation.equivalences[i]
        network, interpreted = trajectory.observed[i], program
    distance = equivalence.distance(network, interpreted)
    name = interpretation.components[i - 1]
    return CellSides(key, name, network, interpreted, distance, distance > equivalence.tolerance)
