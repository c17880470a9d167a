"""In which parts the two sides of a cell differ, by the equivalence that decides it."""

from functools import partial

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from mechval.axioms import equations, equivalences, guarding, states
from mechval.axioms.base import Interpretation, Sides
from mechval.errors import MechvalError


def differing_parts(
    interpretation: Interpretation, sides: Sides
) -> dict[str, Bool[Tensor, "sample ..."]]:
    """By the path of a tensor in the state, on the CPU: on which samples which part differs.

    By a distance of one's own that is an entry which alone, put into the network's state, makes it
    another one. None are known where the distance takes no such state, or the two sides are not
    made of tensors of one shape.
    """
    decides = equations.deciding_equivalence(interpretation, sides.key)
    differs = equivalences.differing_parts(decides, sides.network, sides.program)
    if differs is not None:
        return {"": differs.cpu()}
    network, program = (dict(guarding.leaves(side)) for side in (sides.network, sides.program))
    try:
        return {
            path: _changing_entries(sides, leaf, program[path]).cpu()
            for path, leaf in network.items()
            if isinstance(leaf, Tensor)
            and leaf.shape[:1] == sides.distance.shape
            and isinstance(program.get(path), Tensor)
            and program[path].shape == leaf.shape
        }
    except (MechvalError, states.OpaqueError):
        return {}


def _changing_entries(sides: Sides, leaf: Tensor, other: Tensor) -> Bool[Tensor, "sample ..."]:
    equivalence, differs = sides.equivalence, leaf != other
    # Of a state of several parts the distance counts those that differ.
    tolerated = 0 if equivalence.n_parts > 1 else equivalence.tolerance
    for index in np.ndindex(*leaf.shape[1:]):
        at = (slice(None), *index)
        if differs[at].any():
            mixed = leaf.clone()
            mixed[at] = other[at]
            changed = states.transform(sides.network, partial(_in_place_of, leaf, mixed))
            differs[at] = equivalence.distance(sides.network, changed) > tolerated
    return differs


def _in_place_of(leaf: Tensor, mixed: Tensor, each: Tensor) -> Tensor:
    return mixed if each is leaf else each
