"""Is every clause of every formula parsed right? Proved, refuted or left open, case by case.

The claim of a case: whatever the earlier clauses are, the unit prototype nearest to the residual
stream after block 0 at the second literal is one of the own clause's two. (Later tokens cannot
matter: attention is causal.) For each competing prototype it suffices that one of the two beats it.

1. Each earlier clause is free, so every linear functional of one head's attention output has an
   exact range (`attention`). Several heads choose their worst case each for itself: their sum is
   a bound, attained only if the choices coincide.
2. This gives every pre-activation's range, and one linear bound for every neuron (`ranges`).
3. The margin against a competitor is thus at least a linear functional of the attention output,
   bounded as in 1.
4. A case that fails is searched for a counterexample; then the nearest earlier clause is fixed to
   each clause in turn, then the next, within a budget.

What is proved concerns real arithmetic on the stored float32 weights and prototypes: the margin
exceeds a bound of the error of every float64 operation (`rounding`). The float32 network computes
the same function with rounding errors of its own. The same analysis with u = 2^-24 bounds those
by far more than the margins, so about float32 nothing is proved: it would have to err by a margin.

Source: own; paper section 4 (clause parsing) says what is claimed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.errors import MechvalError
from mechval.progress import progress_bar
from mechval.transformer import Transformer
from mechval.two_sat.certify.parsing import certificate, search
from mechval.two_sat.certify.parsing.certificate import CaseStatus, ParsingCase
from mechval.two_sat.certify.parsing.first_block import FirstBlock, read_first_block
from mechval.two_sat.certify.parsing.ranges import (
    Ranges,
    attention_ranges,
    bound_after_mlp,
    pre_activation_ranges,
)
from mechval.two_sat.certify.parsing.rounding import RoundingBounds, rounding_bounds
from mechval.two_sat.certify.parsing.softmax_fractions import Prefix, Query, make_query, minimise
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.configs import ParsingConfig
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.problem import Problem, clause_literals

_STARTS = 8


@dataclass(frozen=True, eq=False)
class PrefixBounds:
    """Bounds that hold while some of the nearest earlier clauses are fixed; see `Leaves`.

    Its weakest bounds are attained at the ``worst`` choices of the earlier clauses.
    """

    prefix: Prefix
    attention: Ranges
    is_swapped: Bool[np.ndarray, " pair"]
    ratio: Float[np.ndarray, "head_index pair"]
    margin: float
    n_unstable: int
    worst: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Proof:
    """A decided or undecided case, and the leaves that show it if it is certified."""

    case: ParsingCase
    leaves: tuple[PrefixBounds, ...]


@dataclass(frozen=True, eq=False)
class QueryProver:
    """Proves all cases that share a clause position and a second literal."""

    query: Query
    directions: Float[np.ndarray, "pair d_model"]
    max_branches: int

    def proofs(self) -> Iterator[Proof]:
        second_literals = clause_literals(self.query.block.problem)[:, 1]
        own_clauses = np.flatnonzero(second_literals == self.query.token).tolist()
        ranges = attention_ranges(self.query, [(own, ()) for own in own_clauses])
        for index, own in enumerate(own_clauses):
            yield self._prove(own, self._leaf(own, (), ranges.each(itemgetter([index]))))

    def _prove(self, own: int, root: PrefixBounds) -> Proof:
        margins = search.Margins(self.query, own, self.directions)
        case = ParsingCase(
            clause_position=self.query.n_earlier,
            clause=own,
            status=CaseStatus.UNKNOWN,
            margin=root.margin,
            numerical_error=self.error,
            attained_margin=np.inf,
            own_clause_attention=self._own_clause_attention(own),
            n_unstable=root.n_unstable,
            n_branches=0,
            worst_formula=(),
            stopped_by=None,
        )
        if root.margin > self.error:
            case = replace(case, status=CaseStatus.CERTIFIED)
            return Proof(self._with(case, margins.at(root.worst[0])), (root,))
        case = self._with(case, margins.least(root.worst, -self.error))
        if case.status is CaseStatus.REFUTED:
            return Proof(case, ())
        return self._branch(case, root, margins)

    def _branch(self, case: ParsingCase, root: PrefixBounds, margins: search.Margins) -> Proof:
        """Fix the nearest free clause of a failing leaf to each clause in turn, and again."""
        failing, proved = [root], []
        while failing:
            parent = failing.pop()
            n_clauses = self.query.block.problem.n_distinct_clauses
            stopped_by = None
            if len(parent.prefix) == self.query.n_earlier:
                stopped_by = "a margin within the numerical error"
            elif case.n_branches + n_clauses > self.max_branches:
                stopped_by = f"max_branches={self.max_branches}"
            if stopped_by is not None:
                least = min(leaf.margin for leaf in (*failing, *proved, parent))
                return Proof(replace(case, margin=least, stopped_by=stopped_by), ())
            case = replace(case, n_branches=case.n_branches + n_clauses)
            for leaf in self._children(case.clause, parent):
                if leaf.margin > self.error:
                    proved.append(leaf)
                    continue
                case = self._with(case, margins.least(leaf.worst[:1], -self.error))
                if case.status is CaseStatus.REFUTED:
                    return Proof(case, ())
                failing.append(leaf)
        least = min(leaf.margin for leaf in proved)
        return Proof(replace(case, status=CaseStatus.CERTIFIED, margin=least), tuple(proved))

    def _children(self, own: int, parent: PrefixBounds) -> Iterator[PrefixBounds]:
        n_clauses = self.query.block.problem.n_distinct_clauses
        cases = [(own, (*parent.prefix, clause)) for clause in range(n_clauses)]
        known = parent.attention
        open_neurons = np.flatnonzero(self._ranges(known).is_unstable)
        narrowed = attention_ranges(self.query, cases, open_neurons)
        for index, (_, prefix) in enumerate(cases):
            # What holds for the parent holds for its children; only the open neurons are redone.
            lower, upper = known.lower.copy(), known.upper.copy()
            lower[0][:, open_neurons] = narrowed.lower[index]
            upper[0][:, open_neurons] = narrowed.upper[index]
            yield self._leaf(own, prefix, Ranges(lower, upper))

    def _leaf(self, own: int, prefix: Prefix, attention: Ranges) -> PrefixBounds:
        ranges = self._ranges(attention)
        accepted = search.accepted_pairs(self.query, own)
        targets = np.concatenate([self.directions[pair] - self.directions for pair in accepted]).T
        bound = bound_after_mlp(self.query.block, ranges, targets)
        minima = list(map(minimise, self.query.fractions([(own, prefix)], bound.functional)))
        attained = np.stack([minimum.bound[0] for minimum in minima])
        margins = attained.sum(axis=0, dtype=np.float64) + bound.constant
        margins += self.query.resid @ bound.functional
        by_accepted = margins.reshape(2, -1)
        is_swapped = by_accepted[1] > by_accepted[0]
        best = np.where(is_swapped, by_accepted[1], by_accepted[0])
        best[list(accepted)] = np.inf
        chosen = np.arange(len(best)) + len(best) * is_swapped
        weakest = best.argsort(kind="stable")[:_STARTS]
        worst = tuple(
            # Free clauses are farthest first, fixed ones nearest first.
            (*minimum.choice[0, chosen[pair]].tolist(), *reversed(prefix))
            for pair in weakest
            for minimum in minima
        )
        return PrefixBounds(
            prefix=prefix,
            attention=attention,
            is_swapped=is_swapped,
            ratio=attained[:, chosen],
            margin=float(best.min()),
            n_unstable=int(ranges.is_unstable.sum()),
            worst=worst,
        )

    def _ranges(self, attention: Ranges) -> Ranges:
        return pre_activation_ranges(self.query, attention, 0, self._rounding)

    def _own_clause_attention(self, own: int) -> float:
        """Least over choices and heads."""
        query, k = self.query, self.query.n_earlier
        first, second = query.fixed_tokens(own, ())[1][-2:]
        shares = []
        for head in range(query.block.n_heads):
            weight = query.weight[head]
            on_own = weight[4 * k + 1, first] + weight[4 * k + 2, second]
            _, fixed = query.fixed(head, own, ())
            elsewhere = query.denominators(head, k).max(axis=1).sum()
            shares.append(float(on_own / (fixed + elsewhere)))
        return min(shares)

    def _with(self, case: ParsingCase, found: search.Found) -> ParsingCase:
        """The case with a formula found for it: the worst so far, perhaps a counterexample."""
        if found.margin >= case.attained_margin:
            return case
        later = self.query.block.problem.n_clauses - self.query.n_earlier - 1
        formula = (*found.earlier, case.clause, *[0] * later)
        case = replace(case, attained_margin=found.margin, worst_formula=formula)
        if found.margin >= -self.error:
            return case
        return replace(case, status=CaseStatus.REFUTED, margin=found.margin)

    @cached_property
    def error(self) -> float:
        """Bound of the rounding error of every margin here: two directions, the larger twice."""
        return 2 * float(self._rounding.of(self.directions.T).max())

    @cached_property
    def _rounding(self) -> RoundingBounds:
        return rounding_bounds(self.query)


def certify_parsing(
    model: Transformer,
    problem: Problem,
    config: ParsingConfig,
    prototypes: Float[Tensor, "pair d_model"] | None = None,
) -> certificate.ParsingCertificate:
    """Prove, refute or leave open that α_1 returns every clause, whatever stands before it.

    The network may lie on any device; this runs on the CPU. The prototypes that α_1 compares with
    are those of the weights if not given. Raises MechvalError for a network outside the family (see
    `first_block`) or of another size, or a prototype of length 0.
    """
    block = read_first_block(model, problem)
    if prototypes is None:
        prototypes = clause_prototypes(model, problem)
    stored = prototypes.detach().cpu().numpy()
    exact = stored.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise MechvalError(
            "prototypes hold one whose length is 0 or not finite; allowed: vectors that have a "
            "direction."
        )
    proofs = _all_proofs(block, exact / lengths, config)
    cases, leaves = tuple(proof.case for proof in proofs), _stacked(proofs, block, len(stored))
    return certificate.ParsingCertificate(
        problem, certificate.weights_digest(model), stored, cases, leaves
    )


def _all_proofs(
    block: FirstBlock, directions: Float[np.ndarray, "pair d_model"], config: ParsingConfig
) -> list[Proof]:
    """One of each case, by clause position and clause."""
    problem, proofs = block.problem, []
    second_literals = np.unique(clause_literals(problem)[:, 1]).tolist()
    total = problem.n_clauses * problem.n_distinct_clauses
    with progress_bar(None, "certified parsing", total=total) as bar:
        for position in FormulaLayout(problem).second_literal_positions:
            for literal in second_literals:
                query = make_query(block, position, literal)
                for proof in QueryProver(query, directions, config.max_branches).proofs():
                    proofs.append(proof)
                    bar.update(1)
    return sorted(proofs, key=lambda proof: (proof.case.clause_position, proof.case.clause))


def _stacked(proofs: list[Proof], block: FirstBlock, n_pairs: int) -> certificate.Leaves:
    leaves = [(index, leaf) for index, proof in enumerate(proofs) for leaf in proof.leaves]
    depth = max((len(leaf.prefix) for _, leaf in leaves), default=0)
    n, n_heads, d_mlp = len(leaves), block.n_heads, len(block.b_in)
    fixed = np.full((n, depth), -1, dtype=np.int16)
    for row, (_, leaf) in zip(fixed, leaves, strict=True):
        row[: len(leaf.prefix)] = leaf.prefix

    def stack(read: Callable[[PrefixBounds], Any], dtype: type, *shape: int) -> np.ndarray:
        return np.array([read(leaf) for _, leaf in leaves], dtype=dtype).reshape(n, *shape)

    return certificate.Leaves(
        case=np.array([index for index, _ in leaves], dtype=np.int32),
        fixed=fixed,
        lower=stack(lambda leaf: leaf.attention.lower[0], np.float32, n_heads, d_mlp),
        upper=stack(lambda leaf: leaf.attention.upper[0], np.float32, n_heads, d_mlp),
        is_swapped=stack(lambda leaf: leaf.is_swapped, np.bool_, n_pairs),
        ratio=stack(lambda leaf: leaf.ratio, np.float32, n_heads, n_pairs),
        margin=stack(lambda leaf: leaf.margin, np.float64),
    )
