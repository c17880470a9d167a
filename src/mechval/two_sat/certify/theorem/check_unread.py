"""The checker's bound of what ``:`` may see in block 1 at positions that it should not read."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mechval.two_sat.certify.theorem.check_intervals import Interval, gamma, joined, point
from mechval.two_sat.certify.theorem.check_network import Average, Network, Table


def disturbed(network: Network, table: Table, colon: Interval) -> Table:
    """A table of the network itself, moved by attention to positions that are not read."""
    cases = [
        (p, int(t))
        for p in range(network.answer)
        if p % 4 != 2
        for t in np.flatnonzero(network.possible[p])
    ]
    averages = [
        [network.averaging(head, *case) for case in cases] for head in range(network.heads(0))
    ]
    start = joined([network.start[case] for case in cases])
    before = _before(network, averages, start)
    states = _states(network, start, before)
    asked = network.asked(colon)
    highest = _highest(network, averages, start, before, asked)
    highest += (
        states.size
        @ np.maximum(asked.high - asked.middle, asked.middle - asked.low)
        * (1 + 2.0**-36)
    )
    with np.errstate(over="ignore"):
        weight = (point(highest) - point(table.top)).exp().high
    places = np.array([p for p, _ in cases])
    rest = sum(weight[places == p].max(axis=0) for p in np.unique(places)) * (1 + 2.0**-36)
    least = table.weight.low.min(axis=2).sum(axis=1) + table.fixed_weight.low.sum(axis=1)
    least = least * (1 - 2.0**-36)
    box = Interval(states.low.min(axis=0), states.high.max(axis=0))[None]
    seen = joined([box.by(into)[0] for into in network.into_columns()])
    high = np.maximum(table.value.high.max(axis=(1, 2)), table.fixed_value.high.max(axis=1))
    low = np.minimum(table.value.low.min(axis=(1, 2)), table.fixed_value.low.min(axis=1))
    spread = np.maximum(high, seen.high) - np.minimum(low, seen.low)
    moved = (spread / (1 + least / rest)[:, None]).sum(axis=0) * (1 + 2.0**-36)
    with np.errstate(divide="ignore"):
        return replace(table, moved=moved, odds=float(np.log(least / rest).min()))


def _before(network: Network, averages: list[list[Average]], start: Interval) -> Interval:
    """Pre-activations of block 0 in every case."""
    into = network.part(0, "mlp.W_in")
    total = start.by(into) + network.part(0, "mlp.b_in")
    for seen, cases in zip(network.seen, averages, strict=True):
        values = seen.by(into)
        high = np.stack([case.most(values) for case in cases])
        total = total + Interval(-np.stack([case.most(-values) for case in cases]), high)
    return total


def _states(network: Network, start: Interval, before: Interval) -> Interval:
    """After block 0, whatever is attended."""
    middle = start
    for seen in network.seen:
        kept = seen[network.possible]
        middle = middle + Interval(kept.low.min(axis=0), kept.high.max(axis=0))[None]
    written = before.positive_part().by(network.part(0, "mlp.W_out"))
    return middle + (written + network.part(0, "mlp.b_out"))


def _highest(
    network: Network,
    averages: list[list[Average]],
    start: Interval,
    before: Interval,
    asked: Interval,
) -> Float[np.ndarray, "case head"]:
    """Scores at the middle of what is asked: MLP replaced by lines, then each best average."""
    columns = []
    into, out = network.part(0, "mlp.W_in"), network.part(0, "mlp.W_out")
    turned = Interval(into.low.T, into.high.T)
    for toward in asked.middle.T:
        effect = out.by(point(toward[:, None]))[:, 0]
        slope, offset = _lines(effect, before)
        spread = slope.by(turned) + point(toward)[None]
        constant = slope.by(point(network.part(0, "mlp.b_in").low[:, None]))[:, 0]
        constant = constant + network.part(0, "mlp.b_out")[None].by(point(toward[:, None]))[0]
        total = ((spread * start).total(1) + constant).high + offset
        size = np.abs(total) + np.abs(offset)
        flat = Interval(spread.low.T, spread.high.T)
        for seen, cases in zip(network.seen, averages, strict=True):
            values = seen.by(flat)
            found = [case.most(values[..., [i]])[0] for i, case in enumerate(cases)]
            total, size = total + np.array(found), size + np.abs(found)
        columns.append(total + gamma(16) * size)
    return np.stack(columns, axis=1)


def _lines(effect: Interval, before: Interval) -> tuple[Interval, Float[np.ndarray, " case"]]:
    """Lines above ``effect * relu(z)``: slopes, and the sum of the offsets that they need."""
    low, high = before.low, before.high
    crossing = (low < 0) & (high > 0)
    on = np.where(low >= 0, 1.0, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        chord = np.where(crossing, high / (high - low), on)
    bend = np.where(crossing, np.where(high > -low, 1.0, 0.0), on)
    slope = effect.middle * np.where(effect.middle > 0, chord, bend)
    ends = []
    for z in (low, high, np.where(crossing, 0.0, high)):
        up = np.maximum(z, 0)
        rise = np.maximum(effect.low * up, effect.high * up) - slope * z
        ends.append(rise + gamma(8) * (effect.size * up + np.abs(slope * z)))
    offset = np.maximum.reduce(ends)
    total = offset.sum(axis=1) + gamma(offset.shape[1] + 4) * np.abs(offset).sum(axis=1)
    return point(slope), total
