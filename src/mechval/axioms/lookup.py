"""The null claim of every study: α and γ that look states up, so that any right program passes.

Let the network's states be different for different inputs, and let a program give the network's
answer on all of them. α reads the input off the state and gives the program's state for it; γ
writes the state of some input that has the program's state. Then no axiom is violated, whatever the
program's steps say (docs/INSTRUMENTS.md has the proof). What an axiom table says therefore rests on
how small α and γ are, and on samples that no table holds: a claim tells something where it does
better than a lookup of as many bits.

Source: the axiomatic form of Sutter et al. (arXiv 2507.08802), theorem 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import equations, guarding, states
from mechval.axioms.base import Axiom, Interpretation, State
from mechval.axioms.cuts import claimed
from mechval.axioms.report import Estimate
from mechval.axioms.statistics import CONFIDENCE
from mechval.errors import MechvalError


@dataclass(frozen=True, kw_only=True)
class LookupRow(Estimate):
    """One distinct cell of a lookup claim on inputs that its table does not hold.

    Attributes:
        stored: inputs in the table.
        bits: of the list of those inputs, which α and γ follow from.
    """

    interpretation: str = tables.told()
    stored: int = tables.told("stored inputs")
    bits: int = tables.told("α and γ", unit="bits")
    axiom: Axiom = tables.told()
    component: str = tables.told()


LOOKUPS = tables.Table("axioms/lookup.csv", LookupRow)


@guarding.tracking()
def lookup_claim(claim: Interpretation, stored: State) -> Interpretation:
    """The claim with α and γ replaced by tables of the network's states on ``stored`` inputs.

    α_i gives the program's state for the input whose state is nearest; γ_i writes the first state
    stored with the program's state, or with the one that has fewest other entries. Inputs and
    outputs keep their maps.

    Raises MechvalError for no input, or for states that are not made of tensors.
    """
    if states.n_samples(stored) == 0:
        raise MechvalError("stored holds no input; allowed: at least one.")
    concrete = equations.run_network(claim, stored)
    prefix = equations.make_trajectory(claim, concrete).prefix
    tabled = [_Table(claimed(concrete[i]), prefix[i]) for i in range(1, claim.n_components)]
    return replace(
        claim,
        alphas=(claim.alphas[0], *(table.read for table in tabled), claim.alphas[-1]),
        gammas=(claim.gammas[0], *(table.write for table in tabled), claim.gammas[-1]),
    )


def lookup_curve(
    claim: Interpretation,
    stored: State,
    held_out: State,
    *,
    sizes: Sequence[int],
    input_bits: float,
    confidence: float = CONFIDENCE,
) -> Iterator[LookupRow]:
    """Every distinct cell of the lookup claim, for tables of the first so many stored inputs.

    Args:
        stored: inputs for the tables.
        held_out: inputs drawn independently of them.
        sizes: how many inputs each table holds.
        input_bits: what it takes to write one input down.
        confidence: of every one-sided bound.

    Raises MechvalError for a size that is not from 1 to the number of stored inputs.
    """
    n_stored = states.n_samples(stored)
    for size in sizes:
        if not 0 < size <= n_stored:
            raise MechvalError(f"sizes={size} is not allowed; allowed: 1 to {n_stored}.")
        looked_up = lookup_claim(claim, states.pick(stored, range(size)))
        counts = dict.fromkeys(equations.distinct_cells(claim), 0)
        for batch in states.pieces(held_out, 512):
            for sides in equations.examine_cells(looked_up, batch):
                counts[sides.key] += int(sides.disagrees.sum())
        for key, count in counts.items():
            yield LookupRow(
                **vars(Estimate.of(count, states.n_samples(held_out), confidence)),
                interpretation=claim.name,
                stored=size,
                bits=round(size * input_bits),
                axiom=key.axiom,
                component=claim.components[key.component - 1],
            )


class _Table:
    """The states of one cut on the stored inputs."""

    def __init__(self, concrete: State, abstract: State) -> None:
        self._concrete, self._abstract = concrete, abstract
        self._from, self._to = _vectors(concrete), _vectors(abstract)

    def read(self, state: State) -> State:
        return states.pick(self._abstract, _nearest(_vectors(state), self._from, norm=2.0).tolist())

    def write(self, state: State) -> State:
        return states.pick(self._concrete, _nearest(_vectors(state), self._to, norm=0.0).tolist())


def _vectors(state: State) -> Float[Tensor, "sample entry"]:
    leaves = [leaf for _, leaf in guarding.leaves(state)]
    return torch.cat([leaf.reshape(len(leaf), -1).double() for leaf in leaves], dim=1)


def _nearest(
    wanted: Float[Tensor, "sample entry"], among: Float[Tensor, "stored entry"], *, norm: float
) -> Int[Tensor, " sample"]:
    """The first stored vector at the least distance."""
    distance = torch.cdist(wanted, among, p=norm)
    return (distance == distance.min(dim=1, keepdim=True).values).int().argmax(dim=1)
