"""Distributed alignment search: is there a subspace that acts as the variable does?

The carrier is not given but sought: a rotation of a part of the network's state is trained so that
exchanging some rotated coordinates has the effect that the program's variable has. DAS is given how
many coordinates, boundless DAS learns it. Both are judged on pairs that training has not seen.

Source: Geiger et al. (2023, arXiv 2303.02536) and Wu et al. (2023, arXiv 2305.08809).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from mechval import tables
from mechval.axioms import State, equations, states
from mechval.errors import MechvalError
from mechval.instruments.organism import Organism, Searched

STEPS, BATCH, RATE = 60, 64, 0.05
N_TURNS = 8
"""Sources that every base is trained with; it is judged with one, so that pairs are independent."""
LEAST_TEMPERATURE = 0.1

Exchange: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""What becomes of the part of a base, given the part of its source."""


class Search(StrEnum):
    """What is trained, or what stands in its place as a control."""

    DAS = "DAS"
    BOUNDLESS = "boundless DAS"
    ARBITRARY = "DAS, arbitrary targets"
    """A label at random for every source, judged on the same sources with other bases."""
    UNTRAINED = "DAS, untrained network"
    PLACEBO = "DAS, norm-matched placebo"
    """As far as DAS moves a base, in a random subspace of as many dimensions."""


@dataclass(frozen=True, kw_only=True)
class SearchRow:
    """A search for one variable, on informative pairs that training has not seen."""

    organism: str = tables.told()
    variable: str = tables.told()
    search: Search = tables.told()
    disagreements: int = tables.count()
    n: int = tables.told("N")
    rate: float = tables.rate("rate")


SEARCHES = tables.Table("instruments/das.csv", SearchRow)


@dataclass(frozen=True)
class Pairs:
    """Informative pairs of one variable: a base's state, both parts searched, the label wanted."""

    state: State
    own: Float[Tensor, "pair width"]
    other: Float[Tensor, "pair width"]
    source: Int[Tensor, " pair"]
    wanted: Int[Tensor, " pair"]


def search(organism: Organism, kind: Search) -> Iterator[SearchRow]:
    """One row for each variable that the organism has searched.

    Raises MechvalError for an organism without scores, without the untrained network that the
    control needs, or with a variable that has no informative pair.
    """
    trained = organism.untrained if kind is Search.UNTRAINED else organism
    if trained is None or trained.scores is None:
        raise MechvalError(
            f"organism {organism.name!r} has no scores for {kind}; allowed: one with scores."
        )
    for searched in trained.searched:
        disagrees = _Task(trained, searched, kind).run()
        yield SearchRow(
            organism=organism.name,
            variable=searched.variable.value.name,
            search=kind,
            disagreements=int(disagrees.sum()),
            n=len(disagrees),
            rate=float(disagrees.float().mean()),
        )


class _Task:
    """One search for one variable."""

    def __init__(self, organism: Organism, searched: Searched, kind: Search):
        self._organism, self._searched, self._kind = organism, searched, kind
        self._generator = torch.Generator().manual_seed(0)
        variable = searched.variable
        self._cut = organism.claim.components.index(variable.component) + 1

    def run(self) -> Bool[Tensor, " pair"]:
        """Where the network, exchanged as trained, does not say what the program says."""
        train, test = self._split()
        if self._kind is Search.ARBITRARY:
            n = states.n_samples(self._organism.inputs)
            labels = torch.randint(2, (n,), generator=self._generator)
            train, test = (replace(some, wanted=labels[some.source]) for some in (train, test))
        width, rank = train.own.shape[1], self._searched.rank
        start = torch.randn(width, width, generator=self._generator).to(train.own.dtype)
        with torch.enable_grad():
            if self._kind is Search.BOUNDLESS:
                exchange = self._train_boundless(train, start)
            else:
                exchange = self._train(train, start[:, :rank])
        if self._kind is Search.PLACEBO:
            random = torch.randn(width, rank, generator=self._generator).to(start.dtype)
            exchange = partial(move_as_far, exchange, _orthonormal(random))
        with torch.no_grad():
            rows = torch.arange(len(test.wanted))
            return self._scores(test, rows, exchange).argmax(dim=1) != test.wanted

    def _split(self) -> tuple[Pairs, Pairs]:
        """Pairs to train on and others to judge; of a domain, all for both."""
        if self._organism.domain_size is not None:
            both = self._pairs(*all_pairs(self._organism))
            return both, both
        first, second, bases, last = quarters(self._organism)
        sources = second if self._kind is Search.ARBITRARY else last
        return self._pairs(first, second, N_TURNS), self._pairs(bases, sources)

    def _pairs(self, bases: list[int], sources: list[int], n_turns: int = 1) -> Pairs:
        return informative_pairs(self._organism, self._searched, bases, sources, n_turns)

    def _train(self, pairs: Pairs, start: Tensor) -> Exchange:
        weights = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([weights], lr=RATE)
        for _ in range(STEPS):
            self._step(pairs, partial(_exchange, _orthonormal(weights)), optimiser)
        return partial(_exchange, _orthonormal(weights.detach()))

    def _train_boundless(self, pairs: Pairs, start: Tensor) -> Exchange:
        weights, edge = start.clone().requires_grad_(), torch.tensor(1.0, requires_grad=True)
        optimiser = torch.optim.Adam([weights, edge], lr=RATE)
        hottest = max(len(start) / 10, LEAST_TEMPERATURE)
        for temperature in torch.linspace(hottest, LEAST_TEMPERATURE, STEPS):
            share = _shares(edge, len(start), temperature)
            exchange = partial(_exchange_softly, _orthonormal(weights), share)
            self._step(pairs, exchange, optimiser, extra=edge)
            with torch.no_grad():
                edge.clamp_(1e-3, 1.0)
        share = _shares(edge.detach(), len(start), torch.tensor(LEAST_TEMPERATURE)).round()
        return partial(_exchange_softly, _orthonormal(weights.detach()), share)

    def _step(
        self,
        pairs: Pairs,
        exchange: Exchange,
        optimiser: torch.optim.Optimizer,
        extra: Tensor | float = 0.0,
    ) -> None:
        rows = torch.randint(len(pairs.wanted), (BATCH,), generator=self._generator)
        loss = functional.cross_entropy(self._scores(pairs, rows, exchange), pairs.wanted[rows])
        optimiser.zero_grad()
        (loss + extra).backward()
        optimiser.step()

    def _scores(
        self, pairs: Pairs, rows: Int[Tensor, " pair"], exchange: Exchange
    ) -> Float[Tensor, "pair class"]:
        assert self._organism.scores is not None
        state = states.pick(pairs.state, rows)
        changed = self._searched.part.write(state, exchange(pairs.own[rows], pairs.other[rows]))
        return self._organism.scores(self._cut, changed)


def quarters(organism: Organism) -> list[list[int]]:
    """Numbers of inputs: two quarters for training, bases and sources for judging."""
    quarter = states.n_samples(organism.inputs) // 4
    return [[*range(k * quarter, (k + 1) * quarter)] for k in range(4)]


def all_pairs(organism: Organism) -> tuple[list[int], list[int]]:
    """Of a domain, as bases and sources."""
    n = states.n_samples(organism.inputs)
    return [pair // n for pair in range(n * n)], [pair % n for pair in range(n * n)]


@torch.no_grad()
def informative_pairs(
    organism: Organism,
    searched: Searched,
    bases: list[int],
    sources: list[int],
    n_turns: int = 1,
) -> Pairs:
    """Those on which the program's answer changes with the variable; raises MechvalError without
    any. Every base meets so many sources."""
    claim, inputs, variable = organism.claim, organism.inputs, searched.variable
    cut = claim.components.index(variable.component) + 1
    base, source = (
        equations.make_trajectory(claim, equations.run_network(claim, some))
        for some in (states.pick(inputs, bases), states.pick(inputs, sources))
    )
    rows = torch.arange(len(bases)).repeat(n_turns)
    turned = torch.cat([torch.arange(len(bases)).roll(turn) for turn in range(n_turns)])
    value = variable.value.read(source.prefix[cut])[turned]
    changed = variable.value.write(states.pick(base.prefix[cut], rows), value)
    wanted = equations.run_components(claim.abstract[cut:], changed)[-1]
    kept = (wanted != base.prefix[-1][rows]).nonzero().flatten()
    if len(kept) == 0:
        raise MechvalError(
            f"variable {variable.value.name!r} has no informative pair among {len(rows)} to "
            "search on; allowed: at least one."
        )
    rows, turned, read = rows[kept], turned[kept], searched.part.read
    state = states.pick(base.concrete[cut], rows)
    other = read(states.pick(source.concrete[cut], turned))
    return Pairs(state, read(state), other, torch.tensor(sources)[turned], wanted[kept].long())


def _orthonormal(weights: Float[Tensor, "width rank"]) -> Float[Tensor, "width rank"]:
    return torch.linalg.qr(weights)[0]


def _exchange(basis: Float[Tensor, "width rank"], own: Tensor, other: Tensor) -> Tensor:
    return own + (other - own) @ basis @ basis.T


def _exchange_softly(
    rotation: Float[Tensor, "width width"],
    share: Float[Tensor, " width"],
    own: Tensor,
    other: Tensor,
) -> Tensor:
    return own + ((other - own) @ rotation * share) @ rotation.T


def _shares(edge: Tensor, width: int, temperature: Tensor) -> Float[Tensor, " width"]:
    """How much of each rotated coordinate is exchanged: all before the edge, none behind it."""
    return torch.sigmoid((edge * width - torch.arange(width) - 0.5) / temperature)


def move_as_far(
    exchange: Exchange, basis: Float[Tensor, "width rank"], own: Tensor, other: Tensor
) -> Tensor:
    """What the placebo does: along another basis, as far as the exchange moves each base."""
    moved = (other - own) @ basis @ basis.T
    length = (exchange(own, other) - own).norm(dim=1, keepdim=True)
    return own + moved * length / moved.norm(dim=1, keepdim=True).clamp(min=1e-12)
