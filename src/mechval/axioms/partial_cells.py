"""All partial cells of a claim that states its variables (`mechval.axioms.partial`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from mechval.axioms import guarding, rendering, states, statistics
from mechval.axioms.base import Interpretation, State, Trajectory
from mechval.axioms.interchange import (
    InterchangeRow,
    Interchanges,
    Interchanging,
    run_both,
    run_pairs,
)
from mechval.axioms.partial import PARTIALS, Domain, PartialRow, Replacing, by_cut
from mechval.axioms.suite import refuse_part
from mechval.errors import MechvalError
from mechval.progress import track

_MOST_PAIRS = 2**16


@dataclass(frozen=True)
class PartialCells:
    """All partial cells of a claim."""

    rows: tuple[PartialRow, ...]
    interchanges: Interchanges

    @property
    def all_rows(self) -> tuple[PartialRow | InterchangeRow, ...]:
        """The cells of both tables: single variables first, then whole states."""
        return (*self.interchanges.rows, *self.rows)

    def __str__(self) -> str:
        """Both tables, a row for each cell."""
        return f"{rendering.as_text(*self._table())}\n\n{self.interchanges}"

    def to_markdown(self) -> str:
        """The same tables as Markdown."""
        return f"{rendering.as_markdown(*self._table())}\n\n{self.interchanges.to_markdown()}"

    def save(self, folder: str | Path) -> None:
        """Write ``partial.csv`` and ``interchange.csv``."""
        PARTIALS.write(self.rows, Path(folder))
        self.interchanges.save(folder)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        return ["component", "cell", "disagree", "of", "ε", "evidence"], [
            [
                *(row.component, str(row.cell), str(row.disagreements), str(row.n)),
                *(f"{row.epsilon:.3g}", str(row.kind)),
            ]
            for row in self.rows
        ]


def evaluate_partial_cells(
    claim: Interpretation,
    inputs: State,
    *,
    domains: Mapping[str, Domain] | None = None,
    confidence: float = statistics.CONFIDENCE,
    domain_size: int | None = None,
    seed: int = 0,
) -> PartialCells:
    """All partial cells of a claim that has variables.

    The first half of the inputs are bases; the second half are what variables, mixed states and the
    unmapped state are taken from, each in one pair. If the inputs are the whole domain and few, all
    ordered pairs are tried: cells with nothing random in them are then exact. If they are many,
    pairs are drawn. ε is otherwise of draws for fixed bases, whose binomial bound is conservative.

    Args:
        inputs: a tensor, or a tuple or dict of tensors, batched first.
        domains: states of the program to try, by component. None: every combination of the values
            that the variables behind a component have in the first batch, where those are few.
        confidence: of every one-sided bound.
        domain_size: if the inputs are all there are, how many that is.
        seed: of everything that is drawn.

    Raises MechvalError if the claim has no variables, for less than one pair, for a part that does
    not fit, for a variable that γ does not write or does not write alone, or a domain behind a
    component without variables.
    """
    if domain_size is not None:
        refuse_part(inputs, domain_size)
    n = states.n_samples(inputs)
    is_listed = domain_size is not None and n**2 <= _MOST_PAIRS
    if domain_size is not None and not is_listed:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        inputs = states.pick(inputs, order)
    counting = PartialCounts(claim, domains, seed=seed, is_listed=is_listed)
    with guarding.tracking():
        for pair in track(run_pairs(claim, inputs, is_domain=is_listed), "partial cells"):
            counting.add(*pair)
    return counting.found(confidence, inputs)


class PartialCounts:
    """Counts of all partial cells of a claim, as pairs of inputs pass by.

    ``is_listed`` says whether they are all there are; the rest, and errors, are as in
    `evaluate_partial_cells`.
    """

    def __init__(
        self,
        claim: Interpretation,
        domains: Mapping[str, Domain] | None = None,
        *,
        seed: int = 0,
        is_listed: bool = False,
    ) -> None:
        self._single = Interchanging(claim, claim.variables)
        self._cells = Replacing(
            claim, by_cut(claim, claim.variables, domains or {}), domains or {}, seed, is_listed
        )
        self._seeks_domains = domains is None
        self._first: State = None

    def add(self, base: Trajectory, source: Trajectory) -> None:
        """Count one batch of pairs."""
        if self._seeks_domains:
            self._seeks_domains = False
            self._cells.seek_domains(source)
        self._cells.add(base, source)
        self._single.add(base, source)

    @guarding.tracking()
    def add_halves(self, inputs: State) -> None:
        """Count the pairs of a batch whose first half are bases; a single input makes none."""
        n = states.n_samples(inputs) // 2
        if n:
            claim = self._cells.claim
            self._first = inputs if self._first is None else self._first
            self.add(
                run_both(claim, states.pick(inputs, range(n))),
                run_both(claim, states.pick(inputs, range(n, 2 * n))),
            )

    @guarding.tracking()
    def found(self, confidence: float, inputs: State = None) -> PartialCells:
        """All cells; states of a domain are tried beside ``inputs`` (else the first batch)."""
        statistics.check_confidence(confidence)
        inputs = self._first if inputs is None else inputs
        if inputs is None:
            raise MechvalError("no batch of inputs has a pair; allowed: two inputs in some batch.")
        self._cells.add_domains(inputs)
        return PartialCells(
            tuple(self._cells.rows(confidence)),
            self._single.found(confidence, is_exact=self._cells.is_listed),
        )
