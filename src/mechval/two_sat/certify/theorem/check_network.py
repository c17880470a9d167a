"""A network's attention from its weights alone, as the checker of a theorem derives it.

Written anew, in interval arithmetic on numpy arrays: what stands at second literals and at ``:``
after block 0, what of it is disturbed by attention elsewhere, and block 1 at ``:`` as sums over
clauses. Source: paper section 4 (network); the mathematics is told in `first_block`,
`second_block` and `fractions` of this package.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mechval.two_sat.certify.theorem.check_intervals import Interval, gamma, joined, outward, point


@dataclass(frozen=True, eq=False)
class Table:
    """Block 1 at ``:``: weights and values of clauses by head and position, and of fixed sources.

    ``top`` is the score whose weight is 1.
    """

    base: Interval
    weight: Interval
    value: Interval
    fixed_weight: Interval
    fixed_value: Interval
    moved: Float[np.ndarray, " column"]
    top: Float[np.ndarray, " head"]
    odds: float = math.nan


class Network:
    """Weights in float64, with the tokens that may stand at each position."""

    def __init__(self, tensors: Mapping[str, np.ndarray], n_variables: int, n_clauses: int):
        self.weights = {name: point(tensor) for name, tensor in tensors.items()}
        self.n, self.m, self.n_literals = n_variables, n_clauses, 2 * n_variables
        self.clauses = np.array(
            [
                (a, b)
                for i in range(n_variables)
                for j in range(i + 1, n_variables)
                for a in (i, n_variables + i)
                for b in (j, n_variables + j)
            ]
        )
        self.left, self.right, self.colon = (self.n_literals + step for step in range(3))
        self.yes, self.no, self.n_tokens = self.colon + 1, self.colon + 2, self.n_literals + 6
        self.answer = 4 * n_clauses
        tokens, places = self.weights["embed.W_E"], self.weights["pos_embed.W_pos"]
        self.start = tokens[None] + places[:, None]
        self.possible = self._possible()
        self.seen = [self._seen(h) for h in range(self.heads(0))]

    def part(self, block: int, name: str) -> Interval:
        """A weight of a block, such as ``attn.W_Q``."""
        return self.weights[f"blocks.{block}.{name}"]

    def heads(self, block: int) -> int:
        """How many heads a block has."""
        return len(self.part(block, "attn.W_Q").low)

    def _possible(self) -> Bool[np.ndarray, "pos token"]:
        possible = np.zeros((self.answer + 1, self.n_tokens), dtype=bool)
        for k in range(self.m):
            possible[4 * k, self.left] = possible[4 * k + 3, self.right] = True
            possible[4 * k + 1, self.clauses[:, 0]] = True
            possible[4 * k + 2, self.clauses[:, 1]] = True
        possible[self.answer, self.colon] = True
        return possible

    def _seen(self, head: int) -> Interval:
        """What every token at every position adds where it is attended in block 0."""
        value, output = self.part(0, "attn.W_V")[head], self.part(0, "attn.W_O")[head]
        return self.start.by(value).by(output)

    def scores(self, head: int, asking: Interval) -> Interval:
        """Block 0, of every token at every position, [asker pos token]."""
        query = asking.by(self.part(0, "attn.W_Q")[head])
        keys = self.start.by(self.part(0, "attn.W_K")[head])
        root = math.sqrt(keys.low.shape[-1])
        flat = keys.laid(-1, keys.low.shape[-1])
        turned = Interval(flat.low.T, flat.high.T)
        scaled = query.by(turned) * _about(1 / root)
        return scaled.laid(-1, *self.start.low.shape[:2])

    def through(self, middle: Interval) -> Interval:
        """Block 0's MLP, and what it is added to."""
        hidden = (middle.by(self.part(0, "mlp.W_in")) + self.part(0, "mlp.b_in")).positive_part()
        return middle + (hidden.by(self.part(0, "mlp.W_out")) + self.part(0, "mlp.b_out"))

    def looking_at(
        self,
        asking: Interval,
        sources: list[tuple[int, np.ndarray]],
        rest: np.ndarray,
        soiled: bool,
    ) -> tuple[Interval, float]:
        """States of askers that average over sources, and their least log-odds against the rest."""
        middle, odds, index = asking, math.inf, np.arange(len(asking.low))
        for head, seen in enumerate(self.seen):
            scores = self.scores(head, asking)
            own = joined([scores[index, p, t] for p, t in sources])
            top = own.middle.max(axis=0)
            weight = (own - point(top)).exp()
            share = weight * weight.total(0).inverse()[None]
            shown = joined([seen[np.full_like(t, p), t] for p, t in sources])
            middle = middle + (Interval(share.low[..., None], share.high[..., None]) * shown).total(
                0
            )
            with np.errstate(over="ignore"):
                others = (scores - point(top[:, None, None])).exp().high
            most = np.where(rest, others, 0.0).max(axis=2).sum(axis=1) * (1 + 2.0**-36)
            least = weight.total(0).low
            with np.errstate(divide="ignore", invalid="ignore"):
                odds = float(np.min([odds, np.log(least / most).min()]))
                outside = 1 / (1 + least / most)
            if soiled:
                here = seen.high[self.possible].max(0) - seen.low[self.possible].min(0)
                wide = outside[:, None] * here * (1 + 2.0**-36)
                middle = Interval(middle.low - wide, middle.high + wide)
        return self.through(middle), odds

    def second_literals(self, soiled: bool) -> tuple[Interval, float]:
        """States of every clause at every clause position, [position clause d_model]."""
        found, odds = [], []
        one, two = self.clauses.T
        for k in range(self.m):
            sources = [(4 * k, np.full_like(one, self.left)), (4 * k + 1, one), (4 * k + 2, two)]
            rest = self.possible & (np.arange(self.answer + 1) < 4 * k)[:, None]
            state, log_odds = self.looking_at(self.start[4 * k + 2, two], sources, rest, soiled)
            found.append(state)
            odds.append(log_odds)
        return joined(found), float(np.min(odds))

    def at_colon(self, soiled: bool) -> tuple[Interval, float]:
        """The state of ``:``, [d_model]."""
        places = [(4 * k, self.left) for k in range(self.m)]
        places += [(4 * k + 3, self.right) for k in range(self.m)] + [(self.answer, self.colon)]
        rest = self.possible.copy()
        rest[[p for p, _ in places]] = False
        sources = [(p, np.array([t])) for p, t in places]
        asking = self.start[self.answer, [self.colon]]
        state, odds = self.looking_at(asking, sources, rest, soiled)
        return state[0], odds

    def columns(self) -> tuple[Interval, Interval]:
        """Pre-activations of block 1's neurons, then logits without its MLP, and constants."""
        into, unembed = self.part(1, "mlp.W_in"), self.weights["unembed.W_U"]
        bias, out = self.part(1, "mlp.b_in"), self.part(1, "mlp.b_out")[None].by(unembed)[0]
        reads = np.concatenate([into.low, unembed.low], axis=1)
        low, high = (np.concatenate(ends) for ends in ((bias.low, out.low), (bias.high, out.high)))
        return point(reads), Interval(low, high)

    def asked(self, colon: Interval) -> Interval:
        """Block 1's scores as functionals of what is looked at, [d_model head]."""
        rows = []
        for head in range(self.heads(1)):
            key = self.part(1, "attn.W_K")[head]
            turned = Interval(key.low.T, key.high.T)
            root = 1 / math.sqrt(key.low.shape[1])
            row = colon[None].by(self.part(1, "attn.W_Q")[head]).by(turned)[0]
            rows.append(row * _about(root))
        stacked = joined(rows)
        return Interval(stacked.low.T, stacked.high.T)

    def into_columns(self) -> list[Interval]:
        """What each head of block 1 makes of what it looks at, [d_model column] each."""
        reads = self.columns()[0]
        return [
            self.part(1, "attn.W_V")[h].by(self.part(1, "attn.W_O")[h].by(reads))
            for h in range(self.heads(1))
        ]

    def table(self, clauses: Interval, colon: Interval, fixed: Interval) -> Table:
        """Sums over clauses, where ``:`` also sees some fixed states, [source d_model]."""
        asked = self.asked(colon)
        varying, steady = clauses.by(asked), fixed.by(asked)
        top = np.maximum(varying.middle.max(axis=(0, 1)), steady.middle.max(axis=0))
        weight, still = (varying - point(top)).exp(), (steady - point(top)).exp()
        reads, constants = self.columns()
        into = self.into_columns()
        return Table(
            base=colon[None].by(reads)[0] + constants,
            weight=Interval(np.moveaxis(weight.low, 2, 0), np.moveaxis(weight.high, 2, 0)),
            value=joined([clauses.by(each) for each in into]),
            fixed_weight=Interval(still.low.T, still.high.T),
            fixed_value=joined([fixed.by(each) for each in into]),
            moved=np.zeros(reads.low.shape[1]),
            top=top,
        )

    def averaging(self, head: int, place: int, token: int) -> "Average":
        """What a token at a position may see in block 0, whatever stands before it."""
        scores = self.scores(head, self.start[place, [token]])[0]
        rows = [
            [token] if p == place else np.flatnonzero(self.possible[p]) for p in range(place + 1)
        ]
        width = max(map(len, rows))
        options = np.array([np.resize(row, width) for row in rows])
        chosen = scores[np.arange(place + 1)[:, None], options]
        return Average(options, (chosen - point(chosen.high.max(keepdims=True))).exp())


def _about(factor: float) -> Interval:
    """A rounded number."""
    return outward(np.array([factor]), np.array([factor]), 4)


@dataclass(frozen=True, eq=False)
class Average:
    """A weighted average with one free option per position."""

    options: np.ndarray
    weight: Interval

    def most(self, values: Interval) -> Float[np.ndarray, " column"]:
        """Upper bounds of averages of values by position and token, [pos token column]."""
        place = np.arange(len(self.options))[:, None]
        value = values.high[place, self.options]
        middle = self.weight.middle
        ratio = value.max(axis=(0, 1))
        largest = np.abs(value).max(axis=(0, 1))
        for _ in range(16):
            best = (middle[..., None] * (value - ratio)).argmax(axis=1)
            share = np.take_along_axis(middle, best, axis=1)
            shown = np.take_along_axis(value, best[:, None], axis=1)[:, 0]
            found = (share * shown).sum(axis=0) / share.sum(axis=0)
            if (found == ratio).all():
                break
            ratio = found
        tried = ratio + 2.0**-30 * largest
        gain = value - tried
        weight = np.where(gain >= 0, self.weight.high[..., None], self.weight.low[..., None])
        terms = (weight * gain).max(axis=1)
        slack = gamma(len(terms) + 8) * np.abs(terms).sum(axis=0)
        return np.where(terms.sum(axis=0) + slack <= 0, tried, value.max(axis=(0, 1)))
