"""Circuit probing: units of the network whose state falls apart by a variable's values.

A mask over the units of the part searched is trained so that states, masked, lie nearer to those
with the same value than to others; the network stays as it is. The units found are judged twice, on
inputs that training has not seen: by *partition*, whether the nearest of one reference for each
value tells the value, and by *ablation*, whether the network without them answers as the program
does. They are ablated by resampling, from an input with another value on informative pairs, since
no claim says what zeros would answer; what zeros do, beside as many other units, is told apart.

Source: Lepori, Serre and Pavlick (2023, arXiv 2311.04354). Two things differ: states are taken
from their mean, without which a neuron that is off has no direction, and values are drawn evenly.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import equations, states
from mechval.errors import MechvalError
from mechval.instruments.das import Pairs, all_pairs, informative_pairs, quarters
from mechval.instruments.organism import Organism, Searched

STEPS, BATCH, RATE, HOTTEST, SPARSITY = 200, 256, 0.05, 200.0, 0.01
"""Adam; the soft mask is σ(T m), T growing from 1; the share of units kept weighs so much."""
_LEAST = 1e-5


@dataclass(frozen=True, kw_only=True)
class ProbedRow:
    """The units found for one variable of an organism.

    Attributes:
        units: of the part searched; ``kept`` of them were found, ``claimed`` are the carrier's, and
            ``overlap`` is their Jaccard index.
        misread: inputs whose value the nearest reference does not tell, of ``n_read``.
        wrong: informative pairs of ``n`` on which the network, with the units found taken from the
            source, does not answer as the program does.
        zeroed: bases whose answer changes with the units found at zero; ``others_zeroed`` with as
            many others.
    """

    organism: str = tables.told()
    variable: str = tables.told()
    units: int = tables.told()
    kept: int = tables.told("units kept")
    claimed: int = tables.told("claimed units")
    overlap: float = tables.number("Jaccard index")
    misread: int = tables.count(of="n_read")
    n_read: int = tables.told("inputs")
    wrong: int = tables.count()
    n: int = tables.told("N")
    zeroed: int = tables.count("changed, units at zero")
    others_zeroed: int = tables.count("changed, others at zero")


PROBED = tables.Table("instruments/probed.csv", ProbedRow)


def probe_circuits(organism: Organism) -> Iterator[ProbedRow]:
    """A row for each variable that the organism has searched.

    Raises MechvalError for an organism without one, or with a variable that has a single value, or
    no informative pair.
    """
    if not organism.searched:
        raise MechvalError(
            f"organism {organism.name!r} has no variable to search for; allowed: one at least."
        )
    for searched in organism.searched:
        yield _Place(organism, searched).probed()


@torch.enable_grad()
def find_units(
    content: Float[Tensor, "sample unit"], values: Int[Tensor, " sample"], seed: int = 0
) -> Bool[Tensor, " unit"]:
    """The units kept by a mask that parts samples by their values.

    Raises MechvalError if there is one value alone.
    """
    if len(values.unique()) < 2:
        raise MechvalError("the variable has one value in all inputs; allowed: two at least.")
    generator = torch.Generator().manual_seed(seed)
    content = content - content.mean(dim=0)
    share = (1 / values.bincount().double()).nan_to_num(posinf=0.0)[values]
    mask = torch.zeros(content.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([mask], lr=RATE)
    for step in range(STEPS):
        temperature = HOTTEST ** (step / (STEPS - 1))
        rows = torch.multinomial(share, BATCH, replacement=True, generator=generator)
        soft = torch.sigmoid(temperature * mask)
        loss = neighbour_loss(content[rows] * soft, values[rows]) + SPARSITY * soft.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return mask.detach() > 0


def neighbour_loss(
    content: Float[Tensor, "sample unit"], values: Int[Tensor, " sample"]
) -> Float[Tensor, ""]:
    """Soft nearest neighbours by cosine: how far samples are from having their like around."""
    near = torch.exp(_cosine(content, content) - 1)
    near = near * (1 - torch.eye(len(near)))
    same = near * (values[:, None] == values[None])
    return -((_LEAST + same.sum(dim=1)) / (_LEAST + near.sum(dim=1))).log().mean()


def _cosine(one: Float[Tensor, "m unit"], other: Float[Tensor, "n unit"]) -> Float[Tensor, "m n"]:
    flat = [each / each.norm(dim=1, keepdim=True).clamp(min=1e-12) for each in (one, other)]
    return flat[0] @ flat[1].T


class _Place:
    """Where a variable of an organism is searched."""

    def __init__(self, organism: Organism, searched: Searched):
        self._organism, self._searched = organism, searched
        self._cut = organism.claim.components.index(searched.variable.component) + 1

    def probed(self) -> ProbedRow:
        if self._organism.domain_size is None:
            first, second, bases, sources = quarters(self._organism)
            seen, fresh = [*first, *second], [*bases, *sources]
        else:
            seen = fresh = [*range(states.n_samples(self._organism.inputs))]
            bases, sources = all_pairs(self._organism)
        content, held = self._contents([*seen, *fresh])
        n = len(seen)
        kept = find_units(content[:n], held[:n])
        pairs = informative_pairs(self._organism, self._searched, bases, sources)
        claimed = self._claimed(pairs)
        found = read_partition(content[:n], held[:n], content[n:], kept)
        return ProbedRow(
            organism=self._organism.name,
            variable=self._searched.variable.value.name,
            units=len(kept),
            kept=int(kept.sum()),
            claimed=int(claimed.sum()),
            overlap=float((kept & claimed).sum() / (kept | claimed).sum().clamp(min=1)),
            misread=int((found != held[n:]).sum()),
            n_read=len(found),
            wrong=int((self._answers(pairs, kept, pairs.other) != pairs.wanted).sum()),
            n=len(pairs.wanted),
            zeroed=self._n_changed(pairs, kept),
            others_zeroed=self._n_changed(pairs, _as_many_others(kept)),
        )

    @torch.no_grad()
    def _contents(self, rows: list[int]) -> tuple[Float[Tensor, "sample unit"], Tensor]:
        """What stands in the part searched, and the number of the variable's value."""
        claim, variable = self._organism.claim, self._searched.variable
        inputs = states.pick(self._organism.inputs, rows)
        found = equations.make_trajectory(claim, equations.run_network(claim, inputs))
        value = variable.value.read(found.prefix[self._cut]).reshape(len(rows), -1)
        content = self._searched.part.read(found.concrete[self._cut]).float()
        return content, value.unique(dim=0, return_inverse=True)[1]

    def _claimed(self, pairs: Pairs) -> Bool[Tensor, " unit"]:
        """The units that the claim's carrier writes."""
        carrier, part = self._searched.variable.carrier, self._searched.part
        moved = carrier.write(pairs.state, carrier.read(pairs.state) + 1)
        return (part.read(moved) != pairs.own).any(dim=0)

    @torch.no_grad()
    def _answers(
        self, pairs: Pairs, units: Bool[Tensor, " unit"], content: Tensor
    ) -> Int[Tensor, " pair"]:
        written = torch.where(units, content, pairs.own)
        state = self._searched.part.write(pairs.state, written)
        return self._organism.claim.run_after(self._cut, state)

    def _n_changed(self, pairs: Pairs, units: Bool[Tensor, " unit"]) -> int:
        zeroed = self._answers(pairs, units, torch.zeros_like(pairs.own))
        return int((zeroed != self._answers(pairs, units, pairs.own)).sum())


def _as_many_others(units: Bool[Tensor, " unit"]) -> Bool[Tensor, " unit"]:
    """Or all others, if there are fewer."""
    others = (~units).nonzero().flatten()
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(0))
    chosen = torch.zeros_like(units)
    chosen[others[order[: int(units.sum())]]] = True
    return chosen


def read_partition(
    content: Float[Tensor, "sample unit"],
    values: Int[Tensor, " sample"],
    fresh: Float[Tensor, "fresh unit"],
    units: Bool[Tensor, " unit"],
) -> Int[Tensor, " fresh"]:
    """The value of the reference that is nearest by cosine in these units; the references are the
    first samples of each value."""
    mean = content.mean(dim=0)
    first = [int((values == value).nonzero()[0]) for value in values.unique()]
    near = _cosine((fresh - mean) * units, ((content - mean) * units)[first])
    return values[first][near.argmax(dim=1)]
