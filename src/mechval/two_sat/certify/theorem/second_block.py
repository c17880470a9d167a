"""Block 1 at ``:`` as tables: how much every clause at every position weighs, and what it adds.

Read are the second literals and ``:``. What stands at the other positions depends on the formula;
a bound of their scores over all of it limits the share of attention that they get, and a box
around their states what that share can move.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.transformer import Block
from mechval.two_sat.certify.theorem import balls
from mechval.two_sat.certify.theorem.balls import Ball
from mechval.two_sat.certify.theorem.dinkelbach import Sources, sources_of
from mechval.two_sat.certify.theorem.first_block import EnteredBlock, Odds, Read, odds_of, scale
from mechval.two_sat.circuit.extract import Circuit


@dataclass(frozen=True, eq=False)
class Sums:
    """Columns of block 1 at ``:`` as averages over clauses; see `columns_of`.

    Attributes:
        base: of each column without attention, [column].
        weight: per head, [head position clause]; up to a factor per head.
        value: per head, what a clause adds if it alone is attended, [head position clause column].
        fixed_weight: the same of sources that every formula has, [head source].
        fixed_value: [head source column].
        moved: what attention to unread positions moves each column by, at most.
        odds: of ``:``, for what is read; None where that is all there is.
        rounds: whether rounding is accounted for; False in `centre` alone, which proves nothing.
    """

    base: Ball
    weight: Ball
    value: Ball
    fixed_weight: Ball
    fixed_value: Ball
    moved: Float[Tensor, " column"]
    odds: Odds | None = None
    rounds: bool = True

    @property
    def centre(self) -> "Sums":
        """Midpoints alone, to tell what rounding costs."""
        parts = ("base", "weight", "value", "fixed_weight", "fixed_value")
        mids = {name: balls.exact(getattr(self, name).mid) for name in parts}
        return replace(self, **mids, moved=torch.zeros_like(self.moved), rounds=False)


def columns_of(entered: EnteredBlock) -> tuple[Ball, Ball]:
    """Linear functionals of the residual stream before block 1's MLP, and their constants.

    First the pre-activation of every neuron, then the logit of every token without the MLP.
    """
    model, mlp = entered.model, entered.model.block(1).mlp
    reads = balls.exact(torch.cat([mlp.W_in, model.W_U], dim=1))
    logits = balls.exact(mlp.b_out[None]) @ balls.exact(model.W_U)
    bias = balls.exact(mlp.b_in)
    constants = Ball(torch.cat([bias.mid, logits.mid[0]]), torch.cat([bias.rad, logits.rad[0]]))
    return reads, constants


def own_sums(entered: EnteredBlock, read: Read, *, contaminated: bool = True) -> Sums:
    """Of the network itself, from what block 0 is known to write."""
    sums, asking = _sums(entered, read.clauses, read.colon, read.colon[None])
    if not contaminated:
        return sums
    return _with_unread(entered, read, sums, asking)


def substituted_sums(entered: EnteredBlock, circuit: Circuit) -> Sums:
    """Of the network after γ_1: prototypes at the second literals, means everywhere else."""
    problem, layout = entered.problem, entered.layout
    first, second = entered.clauses.T
    prototypes = balls.exact(circuit.prototypes[first * problem.n_literals + second])
    clauses = balls.stacked([prototypes] * problem.n_clauses)
    others = sorted(set(range(layout.n_ctx)) - set(layout.second_literal_positions))
    means = balls.exact(circuit.mean_resid_post)
    return _sums(entered, clauses, means[layout.answer_position], means[others])[0]


@dataclass(frozen=True, eq=False)
class _Asking:
    """What ``:`` asks of residual streams, [head d_model].

    Attributes:
        shift: the score whose weight is 1.
        total: least sum of the weights of what is read.
    """

    functional: Ball
    shift: Float[Tensor, " head"]
    total: Ball


def _sums(entered: EnteredBlock, clauses: Ball, colon: Ball, fixed: Ball) -> tuple[Sums, _Asking]:
    block = entered.model.block(1)
    reads, constants = columns_of(entered)
    functional = _functional(block, colon)
    scores = (clauses @ functional.transposed(), fixed @ functional.transposed())
    shift = torch.maximum(scores[0].mid.amax((0, 1)), scores[1].mid.amax(0))
    weight, fixed_weight = ((score - balls.exact(shift)).exp() for score in scores)
    into = balls.stacked(_through_heads(block, reads))
    sums = Sums(
        base=(colon[None] @ reads)[0] + constants,
        weight=balls.stacked([weight[..., h] for h in range(len(shift))]),
        value=clauses[None] @ into[:, None],
        fixed_weight=fixed_weight.transposed(),
        fixed_value=fixed[None] @ into,
        moved=torch.zeros(reads.mid.shape[1], dtype=torch.float64),
    )
    return sums, _Asking(functional, shift, _least_total(sums))


def _functional(block: Block, colon: Ball) -> Ball:
    """What scores are of the residual stream that is looked at, [head d_model]."""
    rows = [
        colon[None] @ balls.exact(query) @ balls.exact(key).transposed() * scale(block.attn.d_head)
        for query, key in zip(block.attn.W_Q, block.attn.W_K, strict=True)
    ]
    return balls.stacked([row[0] for row in rows])


def _through_heads(block: Block, reads: Ball) -> list[Ball]:
    return [
        balls.exact(value) @ (balls.exact(output) @ reads)
        for value, output in zip(block.attn.W_V, block.attn.W_O, strict=True)
    ]


def _least_total(sums: Sums) -> Ball:
    """Least sum of the weights of what is read, per head."""
    least = sums.weight.least.amin(2).sum(1) + sums.fixed_weight.least.sum(1)
    about = sums.weight.mid.amin(2).sum(1) + sums.fixed_weight.mid.sum(1)
    return Ball(about, balls.enlarged(about - least + 2.0**-40 * about))


def _with_unread(entered: EnteredBlock, read: Read, sums: Sums, asking: _Asking) -> Sums:
    """The same, moved by attention to positions that are not read."""
    unread = Unread(entered)
    scores = unread.highest_scores(asking.functional)
    weights = (balls.exact(scores) - balls.exact(asking.shift)).exp()
    ratio = asking.total.least / (unread.summed(weights.upper) * (1 + 2.0**-38))
    about = asking.total.mid / unread.summed(weights.mid)
    into = balls.stacked(_through_heads(entered.model.block(1), columns_of(entered)[0]))
    box = balls.between(unread.states.lower.amin(0), unread.states.upper.amax(0))
    seen = box[None, None] @ into
    highest = torch.maximum(sums.value.upper.amax((1, 2)), sums.fixed_value.upper.amax(1))
    lowest = torch.minimum(sums.value.lower.amin((1, 2)), sums.fixed_value.lower.amin(1))
    spread = torch.maximum(highest, seen.upper[:, 0]) - torch.minimum(lowest, seen.lower[:, 0])
    moved = balls.enlarged((spread / (1 + ratio)[:, None]).sum(0))
    odds = odds_of(torch.stack([ratio.log(), about.log()], dim=1))
    return replace(sums, moved=moved, odds=odds)


class Unread:
    """Positions that ``:`` should not read in block 1, with every token that may stand there."""

    def __init__(self, entered: EnteredBlock):
        self.entered = entered
        layout = entered.layout
        rows = entered.allowed.clone()
        rows[[*layout.second_literal_positions, layout.answer_position]] = False
        self.position, self.token = rows.nonzero().T
        self.resid = entered.resid[self.position, self.token]
        self.sources = self._sources()
        self.hidden = self._pre_activations()

    @cached_property
    def states(self) -> Ball:
        """After block 0, whatever is attended, [case d_model]."""
        entered, resid_mid = self.entered, self.resid
        for value in entered.values:
            shown = value[entered.allowed]
            resid_mid = resid_mid + balls.between(shown.lower.amin(0), shown.upper.amax(0))[None]
        low, high = self.hidden.lower.clamp(min=0), self.hidden.upper.clamp(min=0)
        written = balls.between(low, high) @ balls.exact(entered.mlp.W_out)
        return resid_mid + (written + balls.exact(entered.mlp.b_out))

    def highest_scores(self, functional: Ball) -> Float[Tensor, "case head"]:
        """Upper bounds of functionals of their states, over every formula."""
        sizes = balls.enlarged(self.states.mid.abs() + self.states.rad)
        columns = [self._highest(functional[head].mid) for head in range(len(functional.mid))]
        return torch.stack(columns, dim=1) + balls.enlarged(sizes @ functional.rad.T)

    def summed(self, weights: Float[Tensor, "case head"]) -> Float[Tensor, " head"]:
        """Largest weight at each position, added up."""
        positions = self.position.unique()
        return torch.stack([weights[self.position == p].amax(0) for p in positions]).sum(0)

    def _sources(self) -> list[list[Sources]]:
        """Of every case, per head."""
        entered, found = self.entered, []
        for head in range(entered.n_heads):
            scores = entered.scores(head, self.resid)
            cases = zip(self.position.tolist(), self.token.tolist(), strict=True)
            found.append([sources_of(entered, *at, scores[i]) for i, at in enumerate(cases)])
        return found

    def _pre_activations(self) -> Ball:
        W_in = balls.exact(self.entered.mlp.W_in)
        found = self.resid @ W_in + balls.exact(self.entered.mlp.b_in)
        for value, cases in zip(self.entered.values, self.sources, strict=True):
            into = value.reshape(-1, value.mid.shape[-1]) @ W_in
            high = torch.stack([case.highest(into) for case in cases])
            low = -torch.stack([case.highest(-into) for case in cases])
            found = found + balls.between(low, high)
        return found

    def _highest(self, functional: Float[Tensor, " d_model"]) -> Float[Tensor, " case"]:
        """Of one exact functional: the MLP replaced by lines above it, then the best source."""
        mlp, toward = self.entered.mlp, balls.exact(functional)[:, None]
        effect = (balls.exact(mlp.W_out) @ toward)[:, 0]
        slope, offset = _lines_above(effect, self.hidden)
        spread = slope @ balls.exact(mlp.W_in).transposed() + toward.transposed()
        constant = slope @ balls.exact(mlp.b_in[:, None]) + balls.exact(mlp.b_out[None]) @ toward
        total = (spread * self.resid).sum(1) + constant[:, 0]
        parts = [total.upper, offset]
        for value, cases in zip(self.entered.values, self.sources, strict=True):
            gained = value.reshape(-1, value.mid.shape[-1]) @ spread.transposed()
            parts.append(torch.cat([c.highest(gained[:, [i]]) for i, c in enumerate(cases)]))
        stacked = torch.stack(parts)
        return stacked.sum(0) + balls.gamma(len(parts) + 2) * stacked.abs().sum(0)


def _lines_above(effect: Ball, hidden: Ball) -> tuple[Ball, Float[Tensor, " case"]]:
    """Slopes of lines above ``effect * relu(z)`` on each neuron's range, and the offsets' sum.

    Any slope is right with the offset that the three corners of the range ask for.
    """
    low, high = hidden.lower, hidden.upper
    crosses = (low < 0) & (high > 0)
    chord = torch.where(crosses, high / (high - low), (low >= 0).double())
    steep = torch.where(crosses, (high > -low).double(), (low >= 0).double())
    slope = effect.mid * torch.where(effect.mid > 0, chord, steep)
    size = balls.enlarged(effect.rad + balls.gamma(6) * (effect.mid.abs() + slope.abs()))
    corners = [
        effect.mid * corner.clamp(min=0) - slope * corner + size * corner.abs()
        for corner in (low, high, torch.where(crosses, 0.0, low))
    ]
    offset = torch.stack(corners).amax(0)
    total = offset.sum(1) + balls.gamma(offset.shape[1]) * offset.abs().sum(1)
    return balls.exact(slope), total
