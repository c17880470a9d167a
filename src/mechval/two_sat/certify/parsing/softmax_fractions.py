"""One token looking back: what every choice of the earlier clauses lets it see.

At a fixed query the softmax over all earlier tokens is a fraction whose numerator and denominator
are sums with one term per earlier clause, each term free to be any clause's: a separable
linear-fractional programme, (N_0 + Σ n_j(c_j)) / (D_0 + Σ d_j(c_j)). Denominators are positive, so
λ is at most every value of the fraction exactly if N_0 - λ D_0 + Σ_j min_c (n_j(c) - λ d_j(c)) is
not negative: that is what a checker evaluates. Dinkelbach's iteration finds the largest such λ,
and with it the choice that attains it.

Source: W. Dinkelbach, On Nonlinear Fractional Programming, Management Science 13 (1967).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mechval.two_sat.certify.parsing.first_block import FirstBlock
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary
from mechval.two_sat.problem import clause_literals

Prefix = tuple[int, ...]
"""Fixed clauses, the nearest earlier one first."""

_MAX_ITERATIONS = 60
# Below a value by this share of the largest term, a bound survives another order of summation.
_SLACK = 2.0**-40


@dataclass(frozen=True, eq=False)
class Fraction:
    """Numerators and denominators of the attention output under some linear functionals.

    Of what is fixed, and of each clause that each free position, farthest first, may hold; where
    all cases share these numerators there is one of them.
    """

    fixed_numerator: Float[np.ndarray, "case functional"]
    fixed_denominator: Float[np.ndarray, " case"]
    numerator: Float[np.ndarray, "shared earlier clause functional"]
    denominator: Float[np.ndarray, "earlier clause"]


@dataclass(frozen=True, eq=False)
class Query:
    """One token at one position, asking, with its residual stream before the block.

    A weight is its exp(score - shift) on each token at each position; the shift, one per head,
    makes the largest of those that may occur 1.
    """

    block: FirstBlock
    position: int
    token: int
    resid: Float[np.ndarray, " d_model"]
    weight: Float[np.ndarray, "head_index pos token"]

    @property
    def n_earlier(self) -> int:
        """How many whole clauses stand before it; for a second literal, its clause position."""
        return (self.position + 1) // 4

    def denominators(self, head: int, n_free: int) -> Float[np.ndarray, "earlier clause"]:
        """Attention weight, before normalising, on each clause at each free position."""
        weight = self.weight[head]
        return np.add(*(weight[places, tokens] for places, tokens in self._literals(n_free)))

    def numerators(
        self, head: int, n_free: int, functionals: Float[np.ndarray, "*case d_model functional"]
    ) -> Float[np.ndarray, "*case earlier clause functional"]:
        """What each clause at each free position adds to the numerator of each functional."""
        values = self.block.values[head, :, : self.block.problem.n_literals]
        spread, weight = functionals[..., None, :, :], self.weight[head]
        parts = (
            weight[places, tokens, None] * (values[places[:, 0]] @ spread)[..., tokens, :]
            for places, tokens in self._literals(n_free)
        )
        return np.add(*parts)

    def fixed(
        self, head: int, own_clause: int | None, prefix: Prefix
    ) -> tuple[Float[np.ndarray, " d_model"], float]:
        """Numerator (a vector) and denominator of all that is fixed, for one head."""
        positions, tokens = self.fixed_tokens(own_clause, prefix)
        weight = self.weight[head, positions, tokens]
        return weight @ self.block.values[head, positions, tokens], float(weight.sum())

    def fixed_tokens(
        self, own_clause: int | None, prefix: Prefix
    ) -> tuple[Int[np.ndarray, " source"], Int[np.ndarray, " source"]]:
        """Positions and tokens of itself, the parentheses, the own clause and those of the prefix.

        The own clause is a second literal's; for any other token it is None.
        """
        vocabulary, k = Vocabulary(self.block.problem), self.n_earlier
        literals = clause_literals(self.block.problem)
        held = {k - 1 - back: clause for back, clause in enumerate(prefix)}
        sources = [(p, vocabulary.left_parenthesis) for p in range(0, self.position, 4)]
        sources += [(p, vocabulary.right_parenthesis) for p in range(3, self.position, 4)]
        if own_clause is None:
            sources.append((self.position, self.token))
        else:
            held[k] = own_clause
        for j, clause in held.items():
            first, second = literals[clause].tolist()
            sources += [(4 * j + 1, first), (4 * j + 2, second)]
        positions, tokens = np.array(sources).T
        return positions, tokens

    def fractions(
        self,
        cases: Sequence[tuple[int | None, Prefix]],
        functionals: Float[np.ndarray, "*case d_model functional"],
    ) -> list[Fraction]:
        """One fraction per head, for cases of an own clause and as many fixed earlier ones each.

        Functionals of the residual stream are shared, or one set per case.
        """
        n_free = self.n_earlier - len(cases[0][1])
        fractions = []
        for head in range(self.block.n_heads):
            fixed = [self.fixed(head, own, prefix) for own, prefix in cases]
            vectors = np.stack([vector for vector, _ in fixed])[:, None]
            numerator = self.numerators(head, n_free, functionals)
            fractions.append(
                Fraction(
                    fixed_numerator=(vectors @ functionals)[:, 0],
                    fixed_denominator=np.array([total for _, total in fixed]),
                    numerator=numerator if numerator.ndim == 4 else numerator[None],
                    denominator=self.denominators(head, n_free),
                )
            )
        return fractions

    def _literals(
        self, n_free: int
    ) -> list[tuple[Int[np.ndarray, "earlier 1"], Int[np.ndarray, " clause"]]]:
        """Positions and tokens of first literals, then of second ones."""
        start, literals = 4 * np.arange(n_free)[:, None], clause_literals(self.block.problem)
        return [(start + 1, literals[:, 0]), (start + 2, literals[:, 1])]


def make_query(block: FirstBlock, position: int, token: int) -> Query:
    """Score every token that may stand before or at a position, for the token that stands there."""
    resid = block.resid[position, token]
    queries = np.einsum("d,hde->he", resid, block.W_Q)
    scores = np.einsum("he,hpte->hpt", queries, block.keys)
    may_occur = allowed_tokens(block)[: position + 1]
    shift = scores[:, : position + 1][:, may_occur].max(axis=1)
    weight = np.exp(scores - shift[:, None, None])
    weight[:, position + 1 :] = 0.0
    return Query(block, position, token, resid, weight)


@dataclass(frozen=True, eq=False)
class Minimum:
    """Least values: a float32 bound at or below each, so that a float64 check of it succeeds.

    ``choice`` is the clause at each free position that attains it.
    """

    bound: Float[np.ndarray, "case functional"]
    choice: Int[np.ndarray, "case functional earlier"]


def minimise(fraction: Fraction) -> Minimum:
    """Find the least value of a fraction for every case and functional."""
    value = fraction.fixed_numerator / fraction.fixed_denominator[:, None]
    choice = np.full((*value.shape, len(fraction.denominator)), -1)
    for _ in range(_MAX_ITERATIONS):
        better = _minimisers(fraction, value)
        if (better == choice).all():
            break
        choice = better
        value = _values(fraction, choice)
    return Minimum(_below(fraction, value), choice)


def in_any_order(fraction: Fraction, clauses: Int[np.ndarray, " held"]) -> Fraction:
    """The fraction where these very clauses are held, each at a position of its choice.

    Positions may be chosen twice, so this allows more than all orders. A choice is a position.
    """
    return Fraction(
        fraction.fixed_numerator,
        fraction.fixed_denominator,
        fraction.numerator[:, :, clauses].swapaxes(1, 2),
        fraction.denominator[:, clauses].T,
    )


def _minimisers(
    fraction: Fraction, value: Float[np.ndarray, "case functional"]
) -> Int[np.ndarray, "case functional earlier"]:
    n_free = len(fraction.denominator)
    choice = np.empty((n_free, *value.shape), dtype=np.int64)
    for j in range(n_free):
        weight = fraction.denominator[j][:, None]
        for case, ratio in enumerate(value):
            shared = case % len(fraction.numerator)
            choice[j, case] = (fraction.numerator[shared, j] - weight * ratio).argmin(axis=0)
    return np.moveaxis(choice, 0, -1)


def _values(
    fraction: Fraction, choice: Int[np.ndarray, "case functional earlier"]
) -> Float[np.ndarray, "case functional"]:
    n_cases, n_functionals, n_free = choice.shape
    shared = (np.arange(n_cases) % len(fraction.numerator))[:, None]
    functional = np.arange(n_functionals)
    numerator = fraction.fixed_numerator.copy()
    denominator = np.repeat(fraction.fixed_denominator[:, None], n_functionals, axis=1)
    for j in range(n_free):
        numerator += fraction.numerator[shared, j, choice[..., j], functional]
        denominator += fraction.denominator[j][choice[..., j]]
    return numerator / denominator


def _below(
    fraction: Fraction, value: Float[np.ndarray, "case functional"]
) -> Float[np.ndarray, "case functional"]:
    largest = np.abs(fraction.fixed_numerator) / fraction.fixed_denominator[:, None]
    if len(fraction.denominator):
        ratios = np.abs(fraction.numerator) / fraction.denominator[..., None]
        largest = np.maximum(largest, ratios.max(axis=(1, 2)))
    lowered = (value - _SLACK * largest).astype(np.float32)
    return np.nextafter(lowered, np.float32(-np.inf))


def allowed_tokens(block: FirstBlock) -> Bool[np.ndarray, "pos token"]:
    """Which token may stand where in a formula."""
    vocabulary, literals = Vocabulary(block.problem), clause_literals(block.problem)
    allowed = np.zeros((FormulaLayout(block.problem).n_ctx, vocabulary.d_vocab), dtype=bool)
    allowed[:-1:4, vocabulary.left_parenthesis] = True
    allowed[1::4, literals[:, 0]] = True
    allowed[2::4, literals[:, 1]] = True
    allowed[3::4, vocabulary.right_parenthesis] = True
    allowed[-1, vocabulary.colon] = True
    return allowed
