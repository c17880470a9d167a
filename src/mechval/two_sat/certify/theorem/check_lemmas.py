"""The numbers behind every lemma of a theorem, as its checker finds them.

A column of block 1 is base + Σ_h Σ_j w v / Σ_j w. With the sum of weights known to an interval,
its inverse y too, and every clause position counts by itself; see `closed_form` for why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from mechval.two_sat.certify.theorem.check_intervals import Interval, gamma, point
from mechval.two_sat.certify.theorem.check_network import Network, Table
from mechval.two_sat.certify.theorem.check_unread import disturbed


@dataclass(frozen=True, eq=False)
class Added:
    """What clauses at positions add to columns, [position clause column], to a base.

    ``mixture`` is the column at least, whatever each head mixes of what it sees.
    """

    part: Interval
    base: Interval
    mixture: Float[np.ndarray, " column"]

    def low(self, kept: Bool[np.ndarray, " clause"] | None = None) -> Float[np.ndarray, " column"]:
        """Least over formulas of all clauses, or of those kept."""
        rows = self.part.low if kept is None else self.part.low[:, kept]
        return self.base.low + rows.min(axis=1).sum(axis=0)

    def high(self) -> Float[np.ndarray, " column"]:
        """Largest over all formulas."""
        return self.base.high + self.part.high.max(axis=1).sum(axis=0)

    def high_with(self, one_of: Bool[np.ndarray, " clause"]) -> Float[np.ndarray, " column"]:
        """Largest over formulas with at least one of some clauses."""
        top = self.part.high.max(axis=1)
        swap = self.part.high[:, one_of].max(axis=1) - top
        return self.base.high + top.sum(axis=0) + swap.max(axis=0)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Of live neurons: least where satisfied, largest where falsified, largest anywhere."""

    on: Float[np.ndarray, " neuron"]
    off: Float[np.ndarray, " neuron"]
    highest: Float[np.ndarray, " neuron"]

    def tightened(self, other: "Bounds") -> "Bounds":
        """What follows from two bounds of the same."""
        return Bounds(
            np.fmax(self.on, other.on),
            np.fmin(self.off, other.off),
            np.fmin(self.highest, other.highest),
        )

    @property
    def margin(self) -> float:
        """By how much the weakest neuron is on the right side of 0."""
        return float(np.minimum(self.on, -self.off).min()) if len(self.on) else np.nan


def add_up(
    table: Table, base: Interval, value: Interval, fixed: Interval, moved: np.ndarray
) -> Added:
    """Bound columns with these values."""
    shift = (value.middle.min(axis=(1, 2)) + value.middle.max(axis=(1, 2))) / 2
    least = table.weight.low.min(axis=2).sum(axis=1) + table.fixed_weight.low.sum(axis=1)
    most = table.weight.high.max(axis=2).sum(axis=1) + table.fixed_weight.high.sum(axis=1)
    inverse = Interval(least * (1 - 2.0**-40), most * (1 + 2.0**-40)).inverse()
    n_heads = len(shift)
    share = table.weight * inverse.laid(n_heads, 1, 1)
    still = table.fixed_weight * inverse.laid(n_heads, 1)
    varying = (value - point(shift[:, None, None])) * Interval(
        share.low[..., None], share.high[..., None]
    )
    steady = (fixed - point(shift[:, None])) * Interval(still.low[..., None], still.high[..., None])
    size = varying.size.sum(axis=0).max(axis=1).sum(axis=0) + steady.size.sum(axis=(0, 1))
    size = size + base.size + np.abs(shift).sum(axis=0) + moved
    n = 64 + value.low.shape[1] + n_heads * (8 + fixed.low.shape[1])
    slack = (moved + gamma(n) * size) * (1 + 2.0**-36)
    settled = shift.sum(axis=0)
    return Added(
        Interval(varying.low.sum(axis=0), varying.high.sum(axis=0)),
        Interval(
            base.low + settled + steady.low.sum(axis=(0, 1)) - slack,
            base.high + settled + steady.high.sum(axis=(0, 1)) + slack,
        ),
        _mixed(base, value, fixed, moved),
    )


def _mixed(base: Interval, value: Interval, fixed: Interval, moved: np.ndarray) -> np.ndarray:
    parts = [*np.minimum(value.low.min(axis=(1, 2)), fixed.low.min(axis=1)), base.low, -moved]
    return np.sum(parts, axis=0) - gamma(len(parts) + 4) * np.abs(parts).sum(axis=0)


def picked(table: Table, columns: np.ndarray) -> Added:
    """Bound some columns."""
    value, fixed = table.value[..., columns], table.fixed_value[..., columns]
    return add_up(table, table.base[columns], value, fixed, table.moved[columns])


def compared(table: Table, one: int, others: np.ndarray) -> Added:
    """Bound one column less others."""
    same = np.full_like(others, one)
    return add_up(
        table,
        table.base[same] - table.base[others],
        table.value[..., same] - table.value[..., others],
        table.fixed_value[..., same] - table.fixed_value[..., others],
        table.moved[same] + table.moved[others],
    )


def falsified(network: Network) -> Bool[np.ndarray, "assignment clause"]:
    """Which clauses each assignment leaves without a true literal."""
    bits = np.arange(2**network.n)[:, None] >> np.arange(network.n) & 1
    literal = np.concatenate([bits, 1 - bits], axis=1).astype(bool)
    return ~(literal[:, network.clauses[:, 0]] | literal[:, network.clauses[:, 1]])


def live_neurons(network: Network, table: Table) -> list[int]:
    """Neurons of block 1 that are not shown to be off on every formula."""
    n_neurons = network.part(1, "mlp.b_in").low.shape[0]
    high = picked(table, np.arange(n_neurons)).high()
    empty = (network.part(1, "mlp.W_in").low == 0).all(axis=0)
    empty &= network.part(1, "mlp.b_in").low <= 0
    return np.flatnonzero(~(high <= 0) & ~empty).tolist()


def neuron_bounds(
    network: Network, table: Table, neurons: list[int], assignments: list[int]
) -> Bounds:
    """Bound neurons that are said to evaluate assignments."""
    false, added = falsified(network), picked(table, np.array(neurons, dtype=int))
    on, off = [], []
    for place, assignment in enumerate(assignments):
        one = Added(added.part[..., [place]], added.base[[place]], added.mixture[[place]])
        on.append(one.low(~false[assignment])[0])
        off.append(one.high_with(false[assignment])[0])
    return Bounds(np.array(on), np.array(off), added.high())


def leads(
    network: Network,
    table: Table,
    neurons: list[int],
    assignments: list[int],
    bounds: Bounds,
    is_averaged: bool,
) -> tuple[float, float, float]:
    """Least lead of ``s`` over all with a neuron on, of ``u`` over ``s`` and over all with none."""
    if not neurons:
        return np.nan, np.nan, np.nan
    n_neurons, false = network.part(1, "mlp.b_in").low.shape[0], falsified(network)
    others = np.array([t for t in range(network.n_tokens) if t != network.yes])
    effect = effects(network, neurons, network.yes, others).low
    top = np.maximum(bounds.highest, 0)[:, None]
    own = effect * np.where(effect >= 0, bounds.on[:, None], top)
    worst = np.minimum(effect * top, 0)
    direct = compared(table, n_neurons + network.yes, n_neurons + others)
    satisfied = {a: direct.low(~false[a]) for a in set(assignments)}
    if not is_averaged:
        satisfied = {a: np.fmax(low, direct.mixture) for a, low in satisfied.items()}
    total = one_on(own, worst) + np.stack([satisfied[a] for a in assignments])
    total -= gamma(8) * np.abs(total)
    rest = np.array([t for t in range(network.n_tokens) if t != network.no])
    against = effects(network, neurons, network.no, rest).low
    harm = np.minimum(against * np.maximum(bounds.off, 0)[:, None], 0).sum(axis=0)
    neither = compared(table, n_neurons + network.no, n_neurons + rest)
    none = neither.low() if is_averaged else np.fmax(neither.low(), neither.mixture)
    none = none + harm * (1 + gamma(len(neurons) + 8)) - gamma(8) * np.abs(none)
    return float(total.min()), float(none[rest == network.yes][0]), float(none.min())


def effects(network: Network, neurons: list[int], token: int, others: np.ndarray) -> Interval:
    """What neurons add to one logit less others, [neuron other]."""
    unembed = network.weights["unembed.W_U"]
    toward = unembed[:, np.full_like(others, token)] - unembed[:, others]
    return network.part(1, "mlp.W_out")[neurons].by(toward)


def one_on(own: np.ndarray, worst: np.ndarray) -> np.ndarray:
    """Each neuron on with all others at their worst, rounding taken off."""
    size = np.abs(own) + 3 * np.abs(worst) + np.abs(worst).sum(axis=0)
    return own - worst + worst.sum(axis=0) - gamma(2 * len(own) + 16) * size


def parsing_lead(network: Network, clauses: Interval, prototypes: np.ndarray) -> float:
    """Least lead of a clause's better prototype, in similarity, over those of other pairs."""
    stored = point(prototypes)
    norm = (stored * stored).total(1)
    root = np.sqrt(norm.middle)
    length = Interval(root * (1 - 2.0**-40), root * (1 + 2.0**-40))
    unit = stored * length.inverse().laid(-1, 1)
    similar = clauses.by(Interval(unit.low.T, unit.high.T))
    least = np.inf
    for place, (one, two) in enumerate(network.clauses):
        right = [one * network.n_literals + two, two * network.n_literals + one]
        rivals = np.delete(similar.high[:, place], right, axis=1).max(axis=1)
        least = np.minimum(least, (similar.low[:, place, right].max(axis=1) - rivals).min())
    return float(least)


@dataclass(frozen=True, eq=False)
class Findings:
    """All numbers at one degree of care; ``live`` and ``live_after`` are neurons."""

    numbers: Mapping[str, float]
    bounds: Bounds
    own: Table
    live: list[int]
    live_after: list[int]


@runtime_checkable
class Extremes(Protocol):
    """What was listed of the neurons."""

    def bounds(self, table: Table, rounds: bool) -> Bounds:
        """Of a network whose sums these are."""
        ...


def find(
    network: Network,
    circuit: Mapping[str, np.ndarray],
    neurons: list[int],
    assignments: list[int],
    care: str,
    listed: Extremes | None = None,
) -> Findings:
    """All numbers of a theorem, with ``all`` that disturbs them, ``rounding`` or ``none``.

    ``listed`` bounds neurons besides, where attention is not an average.
    """
    clauses, clause_odds = network.second_literals(care == "all")
    colon, colon_odds = network.at_colon(care == "all")
    own = network.table(clauses, colon, colon[None])
    after = _after(network, circuit)
    if care == "all":
        own = disturbed(network, own, colon)
    if care == "none":
        clauses, own, after = point(clauses.middle), _middle(own), _middle(after)
    bounds = neuron_bounds(network, own, neurons, assignments)
    beyond = neuron_bounds(network, after, neurons, assignments)
    if listed is not None:
        bounds = bounds.tightened(listed.bounds(own, care != "none"))
        beyond = beyond.tightened(listed.bounds(after, care != "none"))
    numbers = {
        "own clause": clause_odds,
        "constants": colon_odds,
        "read positions": own.odds,
        "parsed clauses": parsing_lead(network, clauses, circuit["prototypes"]),
        "neurons": bounds.margin,
        "neurons after γ_1": beyond.margin,
    }
    answers = ("satisfiable", "unsatisfiable", "no third token")
    own_leads = leads(network, own, neurons, assignments, bounds, listed is None)
    later = leads(network, after, neurons, assignments, beyond, listed is None)
    numbers.update(zip(answers, own_leads, strict=True))
    numbers.update({f"{name} after γ_1": x for name, x in zip(answers[:2], later[:2], strict=True)})
    return Findings(numbers, bounds, own, live_neurons(network, own), live_neurons(network, after))


def _after(network: Network, circuit: Mapping[str, np.ndarray]) -> Table:
    """The network after γ_1: prototypes at second literals, means elsewhere."""
    pairs = network.clauses[:, 0] * network.n_literals + network.clauses[:, 1]
    clauses = point(np.stack([circuit["prototypes"][pairs]] * network.m))
    means = circuit["mean_resid_post"]
    others = [p for p in range(network.answer + 1) if p % 4 != 2 or p == network.answer]
    return network.table(clauses, point(means[network.answer]), point(means[others]))


def _middle(table: Table) -> Table:
    names = ("base", "weight", "value", "fixed_weight", "fixed_value")
    return replace(table, **{name: point(getattr(table, name).middle) for name in names})
