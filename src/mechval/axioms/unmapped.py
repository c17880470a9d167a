"""What becomes of a claim if the state that it does not speak of is taken from elsewhere.

The *unmapped* state of a cut is everything but the carriers of its variables. γ fills it somehow,
mostly by a mean, and thereby makes a choice that the claim never states. Here the carriers keep
what they are given and the rest is filled in other ways. At a partial cut only the claimed part is
filled; what passes beside it is carried.

Source: ablations as in Wang et al. (2023) and Chan et al. (2022); the optimal one of Li and Janson
(2024), here the best of finitely many, hence no better than the optimum.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

import torch
from jaxtyping import Bool
from torch import Tensor

from mechval.axioms import guarding, states
from mechval.axioms.base import Interpretation, State, Trajectory
from mechval.axioms.cuts import Part, carried, claimed, copy_parts

N_DRAWS = 4
"""Other inputs tried for each sample, of which the worst counts."""
N_CONSTANTS = 16
"""States of other inputs that are tried as the constant, beside their mean."""


class Fill(StrEnum):
    """Where the unmapped state is taken from."""

    AS_WRITTEN = "as γ fills it"
    ZERO = "zero"
    MEAN = "mean over other inputs"
    JOINT = "one other input"
    INDEPENDENT = "every entry beside the carriers from an input of its own"
    WORST = "the worst of several other inputs"
    CONSTANT = "the best constant found"


@dataclass
class Filler:
    """Fills the unmapped state behind a component and asks whether the network still answers.

    An *entry* is an index of the first axis behind the batch: a position, a neuron. Tensors that
    hold carriers are taken apart by entries, as the claim itself takes them apart; others come
    whole.

    Attributes:
        claim: what is claimed.
        cut: number of the cut.
        carriers: of all its variables.
        generator: of the draws.
        is_native: whether carriers hold what the network itself has there, not what γ writes.
    """

    claim: Interpretation
    cut: int
    carriers: Sequence[Part]
    generator: torch.Generator
    is_native: bool = False
    _constant: State = field(default=None, init=False)

    def disagrees(
        self, fill: Fill, base: Trajectory, source: Trajectory
    ) -> Bool[Tensor, " sample"]:
        """On which base inputs the network answers otherwise than by itself.

        ``source`` are the other inputs, as many as bases and drawn apart from them.

        Raises MechvalError if a carrier does not fit the state.
        """
        if fill is Fill.WORST:
            return torch.stack([self._judge(each, base) for each in self._several(source)]).any(0)
        return self._judge(self._rest(fill, base, source), base)

    def _several(self, source: Trajectory) -> Iterator[State]:
        rest = claimed(source.concrete[self.cut])
        n = states.n_samples(rest)
        yield rest
        for _ in range(N_DRAWS - 1):
            yield states.pick(rest, torch.randint(n, (n,), generator=self.generator).tolist())

    def _rest(self, fill: Fill, base: Trajectory, source: Trajectory) -> State:
        if fill is Fill.AS_WRITTEN:
            return self._written(base)
        other = claimed(source.concrete[self.cut])
        if fill is Fill.JOINT:
            return other
        if fill is Fill.INDEPENDENT:
            holders = {id(each.holder(other)) for each in self.carriers}
            return states.transform(other, lambda leaf: self._drawn(leaf, id(leaf) in holders))
        n = states.n_samples(claimed(base.concrete[self.cut]))
        if fill is Fill.CONSTANT:
            if self._constant is None:
                self._constant = self._best_constant(source)
            return states.pick(self._constant, [0] * n)
        constant = states.transform(other, torch.zeros_like if fill is Fill.ZERO else _mean)
        return states.pick(constant, [0] * n)

    def _drawn(self, leaf: Tensor, is_taken_apart: bool) -> Tensor:
        n = len(leaf)
        if leaf.ndim == 1 or not is_taken_apart:
            return leaf[torch.randint(n, (n,), generator=self.generator).to(leaf.device)]
        rows = torch.randint(n, leaf.shape[:2], generator=self.generator).to(leaf.device)
        return leaf[rows, torch.arange(leaf.shape[1], device=leaf.device)]

    def _best_constant(self, source: Trajectory) -> State:
        """Chosen on the other inputs, so that the bases stay unseen."""
        other = claimed(source.concrete[self.cut])
        n = states.n_samples(other)
        candidates = [states.transform(other, _mean)]
        candidates += [states.pick(other, [row]) for row in range(min(n, N_CONSTANTS))]
        return min(
            candidates,
            key=lambda each: int(self._judge(states.pick(each, [0] * n), source).sum()),
        )

    def _judge(self, rest: State, base: Trajectory) -> Bool[Tensor, " sample"]:
        kept = claimed(base.concrete[self.cut]) if self.is_native else self._written(base)
        rest = copy_parts(self.carriers, kept, rest)
        place = f"{self.claim.name!r}, unmapped state at cut {self.cut}"
        state = carried(rest, base.concrete[self.cut], place)
        answer = guarding.translate(partial(self.claim.run_after, self.cut), place, state)
        return differs(self.claim, base.concrete[-1], answer)

    def _written(self, base: Trajectory) -> State:
        place = f"{self.claim.name!r}: γ_{self.cut}"
        return guarding.translate(self.claim.gammas[self.cut], place, base.prefix[self.cut])


def differs(claim: Interpretation, first: State, second: State) -> Bool[Tensor, " sample"]:
    """Where two outputs are not the same by the last equivalence, on the CPU."""
    decides = claim.equivalences[-1]
    place = f"{claim.name!r}: distance of {decides.name!r}"
    return (guarding.apply(decides.distance, place, first, second) > decides.tolerance).cpu()


def _mean(leaf: Tensor) -> Tensor:
    """One sample, the mean of all; of what has no mean, the most frequent value."""
    if leaf.is_floating_point():
        return leaf.mean(dim=0, keepdim=True)
    return leaf.mode(dim=0, keepdim=True).values
