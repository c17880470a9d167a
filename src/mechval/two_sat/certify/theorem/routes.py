"""Two routes to the lemma about neurons: the closed form and the listing, held against each other.

Both bound the same pre-activations, so a listed value beyond a bound of the closed form says that
one of the two is wrong.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.certify.counting.chunks import n_multisets
from mechval.two_sat.certify.theorem import neurons, second_block
from mechval.two_sat.certify.theorem.first_block import EnteredBlock
from mechval.two_sat.certify.theorem.listing import Listing, distance, make_listing
from mechval.two_sat.certify.theorem.theorem import Theorem
from mechval.two_sat.problem import Problem


@dataclass(frozen=True, kw_only=True)
class ListedNeuron:
    """A live neuron over all multisets of clauses, as listed.

    Attributes:
        on: least pre-activation where its assignment satisfies the formula; ``off`` and
            ``highest`` as in the closed form, all before the interval is taken off.
        interval: how far positions, contamination and rounding can move it, at most.
    """

    neuron: int
    assignment: int
    on: float = tables.number("least where satisfied")
    off: float = tables.number("largest where falsified")
    highest: float = tables.number()
    interval: float = tables.number()

    @property
    def margin(self) -> float:
        """By how much it is on the right side of 0, the interval taken off."""
        return min(self.on, -self.off) - self.interval


@dataclass(frozen=True)
class ProofLength:
    """How long a proof about the neurons is; what precedes it is the same for every route.

    Attributes:
        terms: numbers that are added up or compared.
        operations: additions, multiplications and divisions in floating point.
        margin: of the weakest neuron, everything taken off.
    """

    route: str
    terms: int
    operations: int
    margin: float | None = tables.number(unit="pre-activation")


LISTED = tables.Table("certify/theorem_listing.csv", ListedNeuron)
LENGTHS = tables.Table("certify/theorem_length.csv", ProofLength)
TABLES: tuple[tables.Declared, ...] = (LISTED, LENGTHS)


@torch.inference_mode()
def list_neurons(
    model: Transformer,
    problem: Problem,
    *,
    scratch: Path,
    n_threads: int,
    at_any_size: bool = False,
) -> Listing:
    """List a network's live neurons over every multiset of clauses; raises as `make_listing`."""
    own, evaluators = _neurons(model, problem)
    how = {"scratch": scratch, "n_threads": n_threads, "at_any_size": at_any_size}
    return make_listing(problem, evaluators, own, **how)


@dataclass(frozen=True)
class Compared:
    """Both routes to the neurons of one network.

    Attributes:
        rows: what was listed, neuron by neuron.
        closed_margin: of the closed form's weakest neuron.
    """

    rows: list[ListedNeuron]
    closed_margin: float


@torch.inference_mode()
def compare_routes(model: Transformer, listing: Listing) -> Compared:
    """Hold what was listed against the closed form.

    Raises:
        MechvalError: if a listed value lies beyond a bound of the closed form.
    """
    own, evaluators = _neurons(model, listing.problem)
    wide = distance(listing.tables, own, listing.neurons)
    closed = neurons.neuron_ranges(own, evaluators)
    if not agrees(closed, listing.ranges(own), wide):
        raise MechvalError(
            "the listing finds neurons beyond the bounds of the closed form; allowed: two routes "
            "about one network that agree."
        )
    columns = (evaluators.neuron, evaluators.assignment, *listing.total, wide)
    names = ("neuron", "assignment", "on", "off", "highest", "interval")
    rows = [
        ListedNeuron(**dict(zip(names, row, strict=True)))
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return Compared(rows, closed.margin)


def agrees(
    closed: neurons.PreActivationBounds,
    listed: neurons.PreActivationBounds,
    wide: Float[Tensor, " neuron"],
) -> bool:
    """Whether no listed value lies beyond a bound of the closed form; NaN bounds nothing."""
    beyond = (
        (closed.on > listed.on + 2 * wide)
        | (closed.off < listed.off - 2 * wide)
        | (closed.highest < listed.highest - 2 * wide)
    )
    return not bool(beyond.any())


def proof_lengths(
    theorem: Theorem, problem: Problem, n_heads: int, compared: Compared | None
) -> list[ProofLength]:
    """Terms and operations of both routes, or of the closed form alone."""
    margin = next(lemma.margin for lemma in theorem.lemmas if lemma.name == "neurons")
    if compared is not None:
        margin = compared.closed_margin if math.isfinite(compared.closed_margin) else None
    operations = 2 * n_heads * theorem.terms
    rows = [ProofLength("closed form", theorem.terms, operations, margin)]
    if compared is not None:
        cases, live = n_multisets(problem), len(compared.rows)
        operations = cases * n_heads * (2 + 3 * live)
        least = min((row.margin for row in compared.rows), default=None)
        rows.append(ProofLength("listing", cases * live, operations, least))
    return rows


def _neurons(model: Transformer, problem: Problem) -> tuple[second_block.Sums, neurons.Evaluators]:
    entered = EnteredBlock(model, problem)
    own = second_block.own_sums(entered, entered.read())
    return own, neurons.find_evaluators(entered, own)
