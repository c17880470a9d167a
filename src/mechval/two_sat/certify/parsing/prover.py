"""The proof of one case: bounds first, then a search for a counterexample, then branches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from mechval.two_sat.certify.parsing.certificate import Case, CaseStatus
from mechval.two_sat.certify.parsing.fractional import minimise
from mechval.two_sat.certify.parsing.query import Prefix, Query
from mechval.two_sat.certify.parsing.ranges import (
    AttentionRanges,
    attention_ranges,
    pre_activation_ranges,
)
from mechval.two_sat.certify.parsing.relaxation import Ranges, bound_after_mlp
from mechval.two_sat.certify.parsing.rounding import RoundingBounds, rounding_bounds
from mechval.two_sat.certify.parsing.search import Found, Margins, accepted_pairs, completed

_STARTS = 8


@dataclass(frozen=True, eq=False)
class Leaf:
    """Bounds that hold while some of the nearest earlier clauses are fixed; see `Leaves`.

    Attributes:
        worst: choices of the earlier clauses at which its weakest bounds are attained.
    """

    prefix: Prefix
    attention: AttentionRanges
    is_swapped: Bool[np.ndarray, " pair"]
    ratio: Float[np.ndarray, "head_index pair"]
    margin: float
    n_unstable: int
    worst: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Proof:
    """A decided or undecided case, and the leaves that show it if it is certified."""

    case: Case
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, eq=False)
class QueryProver:
    """Proves all cases that share a clause position and a second literal."""

    query: Query
    directions: Float[np.ndarray, "pair d_model"]
    max_branches: int

    def proofs(self) -> Iterator[Proof]:
        """One proof per own clause."""
        own_clauses = self.query.own_clauses
        ranges = attention_ranges(self.query, [(own, ()) for own in own_clauses])
        for index, own in enumerate(own_clauses):
            root = self._leaf(
                own, (), AttentionRanges(ranges.lower[[index]], ranges.upper[[index]])
            )
            yield self._prove(own, root)

    def _prove(self, own: int, root: Leaf) -> Proof:
        margins = Margins(self.query, own, self.directions)
        case = Case(
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

    def _branch(self, case: Case, root: Leaf, margins: Margins) -> Proof:
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

    def _children(self, own: int, parent: Leaf) -> Iterator[Leaf]:
        n_clauses = self.query.block.problem.n_distinct_clauses
        prefixes = [(*parent.prefix, clause) for clause in range(n_clauses)]
        known = parent.attention
        ranges = self._ranges(known)
        open_neurons = np.flatnonzero(ranges.is_unstable)
        narrowed = attention_ranges(
            self.query, [(own, prefix) for prefix in prefixes], open_neurons
        )
        for index, prefix in enumerate(prefixes):
            # What holds for the parent holds for its children; only the open neurons are redone.
            lower, upper = known.lower.copy(), known.upper.copy()
            lower[0][:, open_neurons] = narrowed.lower[index]
            upper[0][:, open_neurons] = narrowed.upper[index]
            yield self._leaf(own, prefix, AttentionRanges(lower, upper))

    def _leaf(self, own: int, prefix: Prefix, attention: AttentionRanges) -> Leaf:
        ranges = self._ranges(attention)
        accepted = accepted_pairs(self.query, own)
        targets = np.concatenate(
            [self.directions[pair] - self.directions for pair in accepted], axis=0
        ).T
        bound = bound_after_mlp(self.query.block, ranges, targets)
        minima = [
            minimise(fraction)
            for fraction in self.query.fractions([(own, prefix)], bound.functional)
        ]
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
            completed(prefix, minimum.choice[0, chosen[pair]].tolist())
            for pair in weakest
            for minimum in minima
        )
        return Leaf(
            prefix=prefix,
            attention=attention,
            is_swapped=is_swapped,
            ratio=attained[:, chosen],
            margin=float(best.min()),
            n_unstable=int(ranges.is_unstable.sum()),
            worst=worst,
        )

    def _ranges(self, attention: AttentionRanges) -> Ranges:
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

    def _with(self, case: Case, found: Found) -> Case:
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
