"""Maps that know more than the state they are given: what a γ remembers, it smuggles.

Every map of a claim is tried on a few samples twice: among the samples of a batch, and in reverse
order after the whole claim has run on others. What it gives for a state must be the same.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mechval.axioms import equations, guarding
from mechval.axioms.base import Interpretation, Map, State, identity
from mechval.axioms.cuts import claimed
from mechval.axioms.networks import is_close
from mechval.axioms.states import OpaqueError, has_rows, pick
from mechval.errors import MechvalError

_N_SAMPLES = 32


@dataclasses.dataclass(frozen=True)
class _Use:
    """One map of a claim with a batch of states and what it gave for them."""

    place: str
    applied: Map
    state: State
    result: State


@guarding.tracking()
def refuse_memory(interpretations: Sequence[Interpretation], inputs: State) -> None:
    """Try out on a few inputs that every map is a function of each sample's state alone.

    Maps whose states are not made of tensors, arrays, mappings, sequences and dataclasses, batched
    first, are not tried.

    Raises MechvalError naming a map that is none.
    """
    n = next((len(leaf) for _, leaf in guarding.leaves(inputs) if has_rows(leaf)), 0)
    size = min(_N_SAMPLES, n // 2)
    if size == 0:
        return
    drawn = torch.randperm(n, generator=torch.Generator().manual_seed(0))[: 2 * size].tolist()
    try:
        tried, others = pick(inputs, drawn[:size]), pick(inputs, drawn[size:])
    except OpaqueError:
        return
    uses = _uses(interpretations, tried)
    _uses(interpretations, others)
    backwards = list(range(size))[::-1]
    # Backwards as well, so that nothing that a γ may remember runs anew before it.
    for use in reversed(uses):
        try:
            state, expected = pick(use.state, backwards), pick(use.result, backwards)
        except OpaqueError:
            continue
        if not _is_equal(expected, guarding.translate(use.applied, use.place, state)):
            raise MechvalError(
                f"{use.place} ({guarding.name_of(use.applied)}) gives something else for a state "
                "when other samples stand beside it or came before; allowed: a map whose result "
                "depends on the state of the same sample alone."
            )


def _uses(interpretations: Sequence[Interpretation], inputs: State) -> list[_Use]:
    """All maps at work: those of the network, then all α, h and γ of the claims."""
    first = interpretations[0]
    concrete = equations.run_network(first, inputs)
    claims = [(each, equations.make_trajectory(each, concrete)) for each in interpretations]
    uses = _chained(first, "t", first.concrete, concrete)
    for claim, trajectory in claims:
        moves = zip(claim.alphas, map(claimed, concrete), trajectory.observed, strict=True)
        uses += [_Use(f"{claim.name!r}: α_{i}", *move) for i, move in enumerate(moves)]
    for claim, trajectory in claims:
        uses += _chained(claim, "h", claim.abstract, trajectory.prefix)
    for claim, trajectory in claims:
        for i, (gamma, state) in enumerate(zip(claim.gammas, trajectory.prefix, strict=True)):
            place = f"{claim.name!r}: γ_{i}"
            if i > 0 and gamma is not identity:
                uses.append(_Use(place, gamma, state, guarding.translate(gamma, place, state)))
    return uses


def _chained(
    claim: Interpretation, symbol: str, maps: Sequence[Map], states: Sequence[State]
) -> list[_Use]:
    moves = enumerate(zip(maps, states, states[1:], strict=False), start=1)
    return [_Use(f"{claim.name!r}: {symbol}_{i}", *move) for i, move in moves]


def _is_equal(expected: State, found: State) -> bool:
    pairs = [dict(guarding.leaves(state)) for state in (expected, found)]
    return pairs[0].keys() == pairs[1].keys() and all(
        is_close(leaf, pairs[1][path])
        if isinstance(leaf, Tensor)
        else np.array_equal(leaf, pairs[1][path])
        for path, leaf in pairs[0].items()
    )
