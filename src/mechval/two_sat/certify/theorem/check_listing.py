"""What was listed of a network's neurons, as the checker of a theorem follows it.

The stored tables are numbers like any others: how far the network's own sums may lie from them is
derived from the weights. What the loop found in a chunk is found again in double precision, for
a part of the chunks that follows from the file's hash, or for all of them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement, islice
from math import comb
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from safetensors import SafetensorError
from safetensors.numpy import load_file

from mechval.errors import MechvalError
from mechval.two_sat.certify.theorem.check_intervals import Interval, point
from mechval.two_sat.certify.theorem.check_lemmas import Bounds, falsified
from mechval.two_sat.certify.theorem.check_network import Network, Table

_ARRAYS = {
    *("neurons", "prefixes", "extremes"),
    *(f"tables.{name}" for name in ("base", "start", "terms", "constants", "weights")),
}
_RECOUNTED, _LARGEST = 24, 20_000
_ROWS = 8192
_SINGLE = 2.0**-24


@dataclass(frozen=True, eq=False)
class Listed:
    """The arrays of a listing's file; ``extremes`` is [chunk 3 neuron]."""

    arrays: Mapping[str, np.ndarray]
    digest: str

    @property
    def total(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Least where satisfied, largest where falsified, largest anywhere."""
        on, off, highest = np.moveaxis(self.arrays["extremes"].astype(np.float64), 1, 0)
        return on.min(axis=0), off.max(axis=0), highest.max(axis=0)

    def bounds(self, table: Table, rounds: bool) -> Bounds:
        """Of the neurons of a network whose sums these are."""
        wide = self.distance(table, rounds)
        on, off, highest = self.total
        return Bounds(on - wide, off + wide, highest + wide)

    def distance(self, table: Table, rounds: bool) -> Float[np.ndarray, " neuron"]:
        """How far any formula's neurons lie from what was listed of its multiset."""
        neurons, weight = self.arrays["neurons"], self._point("weights").turned
        terms = self.arrays["tables.terms"].astype(np.float64)
        mean = point(np.moveaxis(terms, 1, 0)) * _wider(weight.inverse())
        constant = self._point("constants")
        steady = self._point("start") * _wider(constant.inverse())
        n_heads, n_places = table.weight.low.shape[:2]
        ratio = table.weight * weight.inverse().laid(n_heads, 1, -1)
        low, high = np.maximum(ratio.low, 0).min(axis=(1, 2)), ratio.high.max(axis=(1, 2))
        factor = np.sqrt(low * high)
        strain = np.maximum(high / factor - 1, 1 - low / factor) + 2.0**-50
        fixed = table.fixed_weight.total(1)
        least = constant.low + n_places * weight.low.min(axis=1)
        tau = strain + (fixed * point(1 / factor) - constant).size / least * (1 + 2.0**-40)
        spread = np.maximum(mean.high.max(axis=1), steady.high) - np.minimum(
            mean.low.min(axis=1), steady.low
        )
        moved = spread * np.where(tau < 1, tau / (1 - tau), np.inf)[:, None]
        apart = table.value[..., neurons] - mean.laid(n_heads, 1, *mean.low.shape[1:])
        shift = (apart.middle.min(axis=(1, 2)) + apart.middle.max(axis=(1, 2))) / 2
        moved = moved + (apart - point(shift[:, None, None])).size.max(axis=(1, 2))
        seen = (_wider(table.fixed_weight) * table.fixed_value[..., neurons]).total(1)
        seen = seen * _wider(fixed.inverse())
        share = fixed.high / (fixed.low + table.weight.low.min(axis=2).sum(axis=1))
        moved = moved + share[:, None] * (seen - point(shift) - steady).size
        base = table.base[neurons] + point(shift).total(0) - self._point("base")
        total = (moved.sum(axis=0) + base.size + table.moved[neurons]) * (1 + 2.0**-36)
        return total + (self.rounding if rounds else 0.0)

    @property
    def rounding(self) -> Float[np.ndarray, " neuron"]:
        """What single precision can have cost the loop."""
        terms, weights = (self.arrays[f"tables.{name}"] for name in ("terms", "weights"))
        constants, start = (self.arrays[f"tables.{name}"] for name in ("constants", "start"))
        mean = np.abs(terms / weights[..., None].astype(np.float64)).max(axis=0)
        size = np.maximum(mean, np.abs(start / constants[:, None].astype(np.float64))).sum(axis=0)
        size = size + np.abs(self.arrays["tables.base"])
        n = 2 * (self.n_clauses + 1) + 2 + len(constants) + 1
        return size * (1 + 2.0**-19) * n * _SINGLE / (1 - n * _SINGLE) + 1e-30

    @property
    def n_clauses(self) -> int:
        """Of a formula."""
        return int(self.arrays["n_clauses"])

    def _point(self, name: str) -> Interval:
        return point(self.arrays[f"tables.{name}"])


def read_listing(path: Path, network: Network, neurons: list[int]) -> Listed:
    """Read a listing and see that it has every chunk of every neuron.

    Raises:
        MechvalError: naming what it lacks.
    """
    try:
        arrays = dict(load_file(path))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, SafetensorError) as error:
        raise _refused(f"{path} cannot be read ({type(error).__name__})") from None
    n_clauses, live, heads = len(network.clauses), len(neurons), network.heads(1)
    chunks = list(combinations_with_replacement(range(n_clauses), 2))
    shapes = {
        "neurons": (live,),
        "prefixes": (len(chunks), 2),
        "extremes": (len(chunks), 3, live),
        "tables.base": (live,),
        "tables.start": (heads, live),
        "tables.terms": (n_clauses, heads, live),
        "tables.constants": (heads,),
        "tables.weights": (n_clauses, heads),
    }
    if {name: part.shape for name, part in arrays.items()} != shapes:
        raise _refused("its arrays are of another network or size")
    if arrays["neurons"].tolist() != neurons:
        raise _refused("its neurons are not the live ones")
    if arrays["prefixes"].tolist() != [list(chunk) for chunk in chunks]:
        raise _refused("it lacks chunks")
    if not all(np.isfinite(part).all() for part in arrays.values()) or not all(
        (arrays[f"tables.{name}"] > 0).all() for name in ("constants", "weights")
    ):
        raise _refused("its tables are not numbers that can be added up")
    arrays["n_clauses"] = np.array(network.m)
    return Listed(arrays, digest)


def follow(
    listed: Listed, network: Network, assignments: list[int], *, everything: bool = False
) -> int:
    """Find the extremes of some chunks again, or of all; returns how many chunks.

    Raises:
        MechvalError: naming a chunk whose extremes are others.
    """
    false = falsified(network)[assignments].T
    prefixes = listed.arrays["prefixes"]
    sizes = [_n_suffixes(network, int(second)) for second in prefixes[:, 1]]
    small = np.flatnonzero(np.array(sizes) <= _LARGEST)
    chosen = np.arange(len(prefixes)) if everything else small
    if len(chosen) > _RECOUNTED and not everything:
        rng = np.random.default_rng(int(listed.digest[:16], 16))
        chosen = rng.choice(chosen, _RECOUNTED, replace=False)
    for index in chosen.tolist():
        found = _extremes(listed, network, prefixes[index].tolist(), false)
        apart = np.abs(found - listed.arrays["extremes"][index])
        # Where no multiset is of a kind, both hold what stands for none.
        if not (apart <= listed.rounding + 1e-6 * (np.abs(found) >= 1e29) * np.abs(found)).all():
            first, second = prefixes[index].tolist()
            raise _refused(f"chunk {first}, {second} has other extremes")
    return len(chosen)


def _n_suffixes(network: Network, second: int) -> int:
    free = network.m - 2
    return comb(len(network.clauses) - second + free - 1, free)


def _extremes(
    listed: Listed, network: Network, prefix: list[int], false: Bool[np.ndarray, "clause neuron"]
) -> Float[np.ndarray, "3 neuron"]:
    base, start, terms, constants, weights = (
        listed.arrays[f"tables.{name}"].astype(np.float64)
        for name in ("base", "start", "terms", "constants", "weights")
    )
    flat, found = terms.reshape(len(terms), -1), np.full((3, len(base)), -1e30)
    found[0] = 1e30
    for counts in _counts(network, prefix):
        share = 1 / (constants + counts @ weights)
        numerator = start + (counts @ flat).reshape(-1, *start.shape)
        value = base + (share[..., None] * numerator).sum(axis=1)
        broken = counts @ false > 0
        found[0] = np.minimum(found[0], np.where(broken, 1e30, value).min(axis=0))
        found[1] = np.maximum(found[1], np.where(broken, value, -1e30).max(axis=0))
        found[2] = np.maximum(found[2], value.max(axis=0))
    return found


def _counts(network: Network, prefix: list[int]) -> Iterator[Float[np.ndarray, "multiset clause"]]:
    """How often each clause occurs, multiset by multiset that begins with a prefix."""
    later = range(prefix[1], len(network.clauses))
    suffixes = combinations_with_replacement(later, network.m - 2)
    while rows := list(islice(suffixes, _ROWS)):
        counts = np.zeros((len(rows), len(network.clauses)))
        place = np.arange(len(rows))[:, None]
        np.add.at(counts, (place, np.array(rows, dtype=int).reshape(len(rows), -1)), 1)
        np.add.at(counts, (place, np.array([prefix] * len(rows))), 1)
        yield counts


def _wider(part: Interval) -> Interval:
    return Interval(part.low[..., None], part.high[..., None])


def _refused(reason: str) -> MechvalError:
    return MechvalError(
        f"the listing is refused: {reason}; allowed: one whose extremes are those of every "
        "multiset of clauses."
    )
