"""Block 0 where its output is read: the clauses at second literals, and ``:``.

A second literal that looks at its own clause alone writes a function of the clause and its
position; ``:`` that looks at parentheses and itself alone writes a constant. The attention that
goes elsewhere is at most a share ρ, whatever the formula: competitors' scores are table entries,
so their largest sum is found position by position. It moves the average by at most ρ times the
largest difference of what is averaged.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.certify.parsing.first_block import refuse_outside_family
from mechval.two_sat.certify.theorem import balls
from mechval.two_sat.certify.theorem.balls import Ball
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import Problem, clause_literals


@dataclass(frozen=True)
class Odds:
    """Least logarithm of attention on what should be seen over all the rest, and its rounding."""

    least: float
    rounding: float


@dataclass(frozen=True, eq=False)
class Read:
    """States after block 0 where they are read.

    Attributes:
        clauses: of each clause at each clause position, in every formula, [position clause d].
        colon: of ``:``, [d].
        clause_odds: of second literals, for their own clause.
        colon_odds: of ``:``, for parentheses and itself.
    """

    clauses: Ball
    colon: Ball
    clause_odds: Odds
    colon_odds: Odds


class EnteredBlock:
    """Block 0 on tables over position and token."""

    def __init__(self, model: Transformer, problem: Problem):
        refuse_outside_family(model)
        self.problem, self.model = problem, model
        self.vocabulary, self.layout = Vocabulary(problem), FormulaLayout(problem)
        if (model.d_vocab, model.n_ctx) != (self.vocabulary.d_vocab, self.layout.n_ctx):
            raise MechvalError(
                f"a network with vocabulary {model.d_vocab} and context {model.n_ctx} is not "
                f"allowed; allowed: {self.vocabulary.d_vocab} and {self.layout.n_ctx}."
            )
        if len(model.blocks) != 2:
            raise MechvalError(
                f"a network with {len(model.blocks)} blocks is outside the family of the "
                "theorem; allowed: 2."
            )
        self.attn, self.mlp = model.block(0).attn, model.block(0).mlp
        self.clauses = torch.as_tensor(clause_literals(problem))
        self.n_heads = self.attn.n_heads

    @cached_property
    def resid(self) -> Ball:
        """Before the block, [pos token d_model]."""
        tokens, positions = balls.exact(self.model.W_E), balls.exact(self.model.W_pos)
        return tokens[None] + positions[:, None]

    @cached_property
    def values(self) -> list[Ball]:
        """What each token at each position adds if it is attended, per head."""
        return [
            self.resid @ balls.exact(value) @ balls.exact(output)
            for value, output in zip(self.attn.W_V, self.attn.W_O, strict=True)
        ]

    @cached_property
    def allowed(self) -> Bool[Tensor, "pos token"]:
        """Which token may stand where."""
        allowed = torch.zeros(self.layout.n_ctx, self.vocabulary.d_vocab, dtype=torch.bool)
        for side, positions in enumerate(self._literal_positions):
            allowed[positions[:, None], self.clauses[:, side].unique()] = True
        first, second = self._literal_positions
        allowed[first - 1, self.vocabulary.left_parenthesis] = True
        allowed[second + 1, self.vocabulary.right_parenthesis] = True
        allowed[self.layout.answer_position, self.vocabulary.colon] = True
        return allowed

    @cached_property
    def spread(self) -> list[Float[Tensor, " d_model"]]:
        """Largest difference of two values in each coordinate, per head."""
        return [
            value.upper[self.allowed].amax(0) - value.lower[self.allowed].amin(0)
            for value in self.values
        ]

    def after(self, resid_mid: Ball) -> Ball:
        """After the block's MLP."""
        hidden = (resid_mid @ balls.exact(self.mlp.W_in) + balls.exact(self.mlp.b_in)).relu()
        return resid_mid + (hidden @ balls.exact(self.mlp.W_out) + balls.exact(self.mlp.b_out))

    def read(self, *, contaminated: bool = True) -> Read:
        """All that is read of block 0, on every formula.

        Args:
            contaminated: False leaves out what attention elsewhere can move.
        """
        clauses = [self._clauses_at(k, contaminated) for k in range(self.problem.n_clauses)]
        colon, colon_odds = self._colon(contaminated)
        return Read(
            balls.stacked([state for state, _ in clauses]),
            colon[0],
            odds_of(torch.stack([odds for _, odds in clauses])),
            odds_of(colon_odds[None]),
        )

    def _clauses_at(self, k: int, contaminated: bool) -> tuple[Ball, Float[Tensor, " 2"]]:
        """States at one clause position, and the log-odds of what they attend."""
        first, second = self.clauses.T
        place = torch.tensor([4 * k, 4 * k + 1, 4 * k + 2]).expand(len(first), 3)
        left = torch.full_like(first, self.vocabulary.left_parenthesis)
        token = torch.stack([left, first, second], dim=1)
        elsewhere = self.allowed.clone()
        elsewhere[4 * k :] = False
        return self._averaged(self.resid[4 * k + 2, second], place, token, elsewhere, contaminated)

    def _colon(self, contaminated: bool) -> tuple[Ball, Tensor]:
        answer = self.layout.answer_position
        left, right = self.vocabulary.left_parenthesis, self.vocabulary.right_parenthesis
        sources = [(p, left) for p in range(0, answer, 4)]
        sources += [(p, right) for p in range(3, answer, 4)] + [(answer, self.vocabulary.colon)]
        place, token = torch.tensor(sources).T
        elsewhere = self.allowed.clone()
        elsewhere[place] = False
        asking = self.resid[answer, self.vocabulary.colon][None]
        return self._averaged(asking, place[None], token[None], elsewhere, contaminated)

    def _averaged(
        self, asking: Ball, place: Tensor, token: Tensor, elsewhere: Tensor, contaminated: bool
    ) -> tuple[Ball, Tensor]:
        """States of askers that look at given sources, moved by what they see elsewhere."""
        resid_mid, odds, flat = asking, [], place * self.vocabulary.d_vocab + token
        for head in range(self.n_heads):
            scores = self.scores(head, asking)
            own = Ball(scores.mid.gather(1, flat), scores.rad.gather(1, flat))
            shift = own.mid.amax(1, keepdim=True)
            weights = (own - balls.exact(shift)).exp()
            total = weights.sum(1)
            shown = (weights * balls.reciprocal(total)[:, None])[..., None]
            resid_mid = resid_mid + (shown * self.values[head][place, token]).sum(1)
            rest = (scores - balls.exact(shift)).exp()
            most, about = (_largest_sum(part, elsewhere) for part in (rest.upper, rest.mid))
            ratio = total.least / (most * (1 + 2.0**-38))
            odds.append(torch.stack([ratio.log(), (total.mid / about).log()]))
            if contaminated:
                resid_mid = resid_mid.widened(self.spread[head] / (1 + ratio)[:, None])
        return self.after(resid_mid), torch.cat(odds, dim=1).amin(1)

    def scores(self, head: int, asking: Ball) -> Ball:
        """Of every token at every position, [asker pos*token]."""
        query = asking @ balls.exact(self.attn.W_Q[head])
        keys = self.resid @ balls.exact(self.attn.W_K[head])
        flat = keys.reshape(-1, keys.mid.shape[-1])
        return (query @ flat.transposed()) * scale(self.attn.d_head)

    @property
    def _literal_positions(self) -> tuple[Tensor, Tensor]:
        layout = self.layout
        return torch.tensor(layout.first_literal_positions), torch.tensor(
            layout.second_literal_positions
        )


def odds_of(bounds: Float[Tensor, "case 2"]) -> Odds:
    """The least of several, each a bound and the same without rounding."""
    least, about = bounds.amin(0).tolist()
    return Odds(least, about - least)


def _largest_sum(
    weights: Float[Tensor, "asker source"], elsewhere: Bool[Tensor, "pos token"]
) -> Float[Tensor, " asker"]:
    """The largest weight at each position, added up."""
    kept = torch.where(elsewhere.flatten(), weights, 0.0).unflatten(1, elsewhere.shape)
    return kept.amax(2).sum(1)


def scale(d_head: int) -> Ball:
    """The softmax's factor, one over the root of the head's width."""
    value = torch.tensor(float(d_head), dtype=torch.float64).rsqrt()
    return Ball(value, 4 * balls.UNIT * value)
