"""Maps that know more than the state they are given: what a γ remembers, it smuggles.

Every map of a claim is tried on a few samples twice: among the samples of a batch, and in reverse
order after the whole claim has run on others. What it gives for a state must be the same. `Recall`
asks the same of what the measuring itself used, once the last batch is done.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import wraps

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


class Memory:
    """What maps gave for the states of one batch: interpretations that share a map run it once."""

    def __init__(self) -> None:
        self._results: dict[tuple[int, int], tuple[State, State]] = {}

    def once(self, applied: Map, run: Map) -> Map:
        """The map itself, but run, as ``run``, once for every state."""

        @wraps(applied, updated=())
        def recalled(state: State) -> State:
            key = (id(applied), id(state))
            if key not in self._results:
                # The state is kept as well: as long as it lives, no other has its id.
                self._results[key] = (state, run(state))
            return self._results[key][1]

        return recalled


@guarding.tracking()
def refuse_memory(interpretations: Sequence[Interpretation], inputs: State) -> None:
    """Try out on a few inputs that every map is a function of each sample's state alone.

    Maps whose states are not made of tensors, arrays, mappings, sequences and dataclasses, batched
    first, are not tried.

    Raises MechvalError naming a map that is none.
    """
    n = _n_rows(inputs)
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
    # Backwards as well, so that nothing that a γ may remember runs anew before it.
    for use in reversed(uses):
        _repeat(use, list(range(size))[::-1])


class Recall:
    """What the maps of a claim gave for some samples of the batch that was measured first."""

    def __init__(self) -> None:
        self._is_open = True
        self._uses: list[_Use] = []

    def watch(self, applied: Map, place: str) -> Map:
        """The map itself; while the first batch is measured, it is noted what it gives."""
        if not self._is_open:
            return applied

        @wraps(applied, updated=())
        def watched(state: State) -> State:
            result = applied(state)
            rows = list(range(_n_rows(state)))[:: max(1, _n_rows(state) // _N_SAMPLES)]
            try:
                kept = pick(state, rows), pick(result, rows)
            except (OpaqueError, IndexError):
                return result
            self._uses.append(_Use(place, applied, *kept))
            return result

        return watched

    def watch_gammas(self, claim: Interpretation) -> Interpretation:
        """The claim, its γ watched."""
        places = (f"{claim.name!r}: γ_{i}" for i in range(len(claim.gammas)))
        return dataclasses.replace(claim, gammas=tuple(map(self.watch, claim.gammas, places)))

    def close(self) -> None:
        """The first batch is done."""
        self._is_open = False

    @guarding.tracking()
    def repeat(self) -> None:
        """Ask every map again, after all other batches: in another order, each sample twice.

        Raises MechvalError naming a map that gives something else now, or that gave different
        states for equal ones.
        """
        for use in reversed(self._uses):
            rows = list(range(_n_rows(use.state)))
            for first, second in _equal_pairs(use.state):
                if not _is_equal(pick(use.result, [first]), pick(use.result, [second])):
                    raise _refusal(use, "gives different states for equal ones")
            _repeat(use, [*rows[::-1], *rows])


def _repeat(use: _Use, rows: list[int]) -> None:
    """Ask a map for the states of some samples in the order of ``rows``."""
    try:
        state, expected = pick(use.state, rows), pick(use.result, rows)
    except OpaqueError:
        return
    if not _is_equal(expected, guarding.translate(use.applied, use.place, state)):
        raise _refusal(
            use,
            "gives something else for a state when other samples stand beside it or came before",
        )


def _refusal(use: _Use, what: str) -> MechvalError:
    return MechvalError(
        f"{use.place} ({guarding.name_of(use.applied)}) {what}; allowed: a map whose result "
        "depends on the state of the same sample alone."
    )


def _n_rows(state: State) -> int:
    return next((len(leaf) for _, leaf in guarding.leaves(state) if has_rows(leaf)), 0)


def _equal_pairs(state: State) -> Iterator[tuple[int, int]]:
    """Each sample that an earlier one equals, beside the first such."""
    seen: dict[bytes, int] = {}
    for row in range(_n_rows(state)):
        leaves = (leaf for _, leaf in guarding.leaves(pick(state, [row])))
        content = b"".join(np.ascontiguousarray(_array(leaf)).tobytes() for leaf in leaves)
        first = seen.setdefault(content, row)
        if first != row:
            yield first, row


def _array(leaf: Tensor | np.ndarray) -> np.ndarray:
    return leaf.cpu().numpy() if isinstance(leaf, Tensor) else leaf


def _uses(interpretations: Sequence[Interpretation], inputs: State) -> list[_Use]:
    """All maps at work: those of the network, then all α, h and γ of the claims."""
    first = interpretations[0]
    concrete = equations.run_network(first, inputs)
    memory = Memory()

    def guard(applied: Map, place: str) -> Map:
        return memory.once(applied, equations.guard(applied, place))

    claims = [(each, equations.make_trajectory(each, concrete, guard)) for each in interpretations]
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
                result = guard(gamma, place)(state)
                uses.append(_Use(place, gamma, state, result))
    return list({(id(use.applied), id(use.state)): use for use in uses}.values())


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
