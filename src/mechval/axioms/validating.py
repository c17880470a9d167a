"""One call from a claim and inputs to a result: cuts verified, batches made, cells judged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mechval.axioms import states
from mechval.axioms.base import Batch, Interpretation, Measurements, State
from mechval.axioms.baselines import (
    Baseline,
    best_constant_outputs,
    measure_baseline,
    strongest_constant,
)
from mechval.axioms.cut_network import Component
from mechval.axioms.failures import Failures, locate_failures
from mechval.axioms.judging import JudgingRule, make_report
from mechval.axioms.paired import PairedRow, compare_pairs
from mechval.axioms.partial_cells import PartialCells, PartialCounts, evaluate_partial_cells
from mechval.axioms.report import AxiomReport
from mechval.axioms.result import ValidationResult
from mechval.axioms.statistics import CONFIDENCE
from mechval.axioms.suite import exact_report, measure_axioms, refuse_part
from mechval.errors import MechvalError
from mechval.progress import track

_N_VERIFIED = 256


@dataclass(frozen=True, eq=False)
class Question:
    """What a command validates: claims of one network, and the inputs, as `validate` takes them."""

    claim: Interpretation | Sequence[Interpretation]
    inputs: State
    strata: Sequence[str] | None = None
    domain_size: int | None = None

    @property
    def claims(self) -> tuple[Interpretation, ...]:
        """The claims as a tuple, also if it is one."""
        return (self.claim,) if isinstance(self.claim, Interpretation) else tuple(self.claim)


def validate(
    claim: Interpretation | Sequence[Interpretation],
    inputs: State | Iterator[State],
    *,
    strata: Sequence[str] | None = None,
    confidence: float = CONFIDENCE,
    domain_size: int | None = None,
    batch_size: int = 1024,
) -> ValidationResult:
    """Validate one claim, or several of one network against each other, on inputs.

    The cuts are verified on some inputs if the components are those of a `CutNetwork`. Where the
    claims fail is looked for once `ValidationResult.failures` or ``to_markdown`` asks. The
    baselines are the best constant outputs on these very inputs, which is to the claim's
    disadvantage. Of a claim that states its variables the partial cells (`mechval.axioms.partial`)
    are measured too: on all pairs if the inputs are the whole domain and few, else on those that
    the first half of every batch makes with its second half.

    Args:
        claim: one, or several of the same components.
        inputs: a tensor, or a tuple or dict of tensors, batched first; or an iterator of such
            batches, of which only one is held at a time. Independent draws, if the bounds are to
            hold.
        strata: each sample's stratum by name; every cell is bounded within each as well.
        confidence: of every one-sided bound.
        domain_size: if the inputs are all there are, how many that is: then every ε is exact.
        batch_size: samples evaluated together.

    Raises MechvalError as `CutNetwork.verify`, `evaluate_axioms` and `evaluate_partial_cells`; for
    strata or a domain size with an iterator, or strata that are not one per sample.
    """
    claims = [claim] if isinstance(claim, Interpretation) else list(claim)
    if domain_size is not None:
        refuse_part(inputs, domain_size)
    names, indices = _strata(strata, inputs)
    cuts, halves = _Cuts(claims), _Halves([] if domain_size is not None else claims)
    pieces = halves.counted(cuts.verified(states.pieces(inputs, batch_size)))
    batches = _batches(pieces, indices)
    measured = measure_axioms(claims, track(batches, "validate", _n_batches(inputs, batch_size)))
    judged = [_report(*each, names, confidence) for each in zip(claims, measured, strict=True)]
    reports = tuple(map(exact_report, judged)) if domain_size is not None else tuple(judged)
    return ValidationResult(
        reports=reports,
        baselines=tuple(
            baseline
            for each in zip(claims, measured, strict=True)
            for baseline in _baselines(*each, confidence)
        ),
        comparisons=tuple(_comparisons(reports, confidence)),
        cuts=cuts.told,
        locate=None if isinstance(inputs, Iterator) else partial(_failures, claims, inputs, strata),
        partial_cells=halves.found(confidence)
        if domain_size is None
        else tuple(
            evaluate_partial_cells(each, inputs, confidence=confidence, domain_size=domain_size)
            for each in claims
            if each.variables
        ),
    )


def _failures(
    claims: Sequence[Interpretation], inputs: State, strata: Sequence[str] | None
) -> tuple[Failures, ...]:
    factors = {} if strata is None else {"stratum": strata}
    return tuple(locate_failures(claim, inputs, strata=factors) for claim in claims)


class _Cuts:
    """Verifies the cuts of the claims' network on the first inputs that pass by."""

    def __init__(self, claims: Sequence[Interpretation]) -> None:
        first = claims[0].concrete[0] if claims else None
        self._network = first.network if isinstance(first, Component) else None
        self.told = "not verified, as the components are no CutNetwork's"

    def verified(self, pieces: Iterable[State]) -> Iterator[State]:
        for number, piece in enumerate(pieces):
            if number == 0 and self._network is not None:
                n = states.n_samples(piece)
                some = range(0, n, -(-n // _N_VERIFIED))
                self._network.verify(states.pick(piece, some))
                self.told = f"verified on {len(some)} samples"
            yield piece


class _Halves:
    """Counts the partial cells of claims on the halves of every batch that passes by."""

    def __init__(self, claims: Sequence[Interpretation]) -> None:
        self._counts = [PartialCounts(each) for each in claims if each.variables]

    def counted(self, pieces: Iterable[State]) -> Iterator[State]:
        for piece in pieces:
            for counts in self._counts:
                counts.add_halves(piece)
            yield piece

    def found(self, confidence: float) -> tuple[PartialCells, ...]:
        return tuple(counts.found(confidence) for counts in self._counts)


def _n_batches(inputs: Any, batch_size: int) -> int | None:
    return None if isinstance(inputs, Iterator) else -(-states.n_samples(inputs) // batch_size)


def _batches(pieces: Iterable[State], indices: Tensor | None) -> Iterator[Batch]:
    start = 0
    for piece in pieces:
        n = states.n_samples(piece)
        none = torch.zeros(n, dtype=torch.long)
        yield Batch(piece, none if indices is None else indices[start : start + n])
        start += n


def _strata(strata: Sequence[str] | None, inputs: Any) -> tuple[tuple[str, ...], Tensor | None]:
    if strata is None:
        return ("all",), None
    n = None if isinstance(inputs, Iterator) else states.n_samples(inputs)
    if n is None or len(strata) != n:
        raise MechvalError(
            f"strata holds {len(strata)} names for {'an iterator' if n is None else n} of inputs; "
            "allowed: one per sample of a tensor, tuple or dict."
        )
    names = tuple(dict.fromkeys(strata))
    numbers: Mapping[str, int] = {name: index for index, name in enumerate(names)}
    return names, torch.tensor([numbers[name] for name in strata])


def _report(
    claim: Interpretation, measured: Measurements, names: tuple[str, ...], confidence: float
) -> AxiomReport:
    constant = strongest_constant(measured.labels, claim.equivalences[-1])
    return make_report(claim, measured, JudgingRule(names, {}, confidence, constant))


def _baselines(
    claim: Interpretation, measured: Measurements, confidence: float
) -> Iterator[Baseline]:
    decides = claim.equivalences[-1]
    for name, constant in best_constant_outputs(measured.labels, decides).items():
        yield measure_baseline(name, claim.name, constant, measured.labels, decides, confidence)


def _comparisons(reports: Sequence[AxiomReport], confidence: float) -> Iterator[PairedRow]:
    """Every pair in each cell that is a distinct one of both."""
    if len(reports) < 2:
        return
    distinct = [{cell.name for cell in each.cells if cell.is_distinct} for each in reports]
    for cell in reports[0].cells:
        if all(cell.name in names for names in distinct):
            yield from compare_pairs(reports, cell.name, confidence)
