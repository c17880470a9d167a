"""The four axioms on samples or on every input there is, for interpretations of one network."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from mechval.axioms import equations, guarding, states
from mechval.axioms.base import (
    Batch,
    CellKey,
    Interpretation,
    Map,
    Measurements,
    Sides,
    State,
    Trajectory,
    exact_labels,
)
from mechval.axioms.baselines import strongest_constant
from mechval.axioms.gathering import Gathered
from mechval.axioms.judging import JudgingRule, make_report
from mechval.axioms.memory import Memory, Recall, refuse_memory
from mechval.axioms.report import AxiomReport, Cell
from mechval.axioms.statistics import CONFIDENCE
from mechval.errors import MechvalError

_Parts: TypeAlias = tuple[bool | int, ...]
_BATCH = 4096


def evaluate_axioms(
    interpretations: Sequence[Interpretation],
    batches: Iterable[Batch],
    *,
    strata_names: Sequence[str],
    mixtures: Mapping[str, Mapping[str, float]],
    confidence: float,
    constant_label: int | Tensor,
) -> list[AxiomReport]:
    """Count, bound and judge the disagreements of every axiom at every component.

    The network runs once per batch for all interpretations, whatever device it is on. States are
    dropped with their batch; kept are, per sample, one number for each distinct cell. The report
    of each interpretation is the same however samples are batched, as far as the components are.

    Args:
        interpretations: of one network; they share its very component objects.
        batches: the held-out samples, independent draws.
        strata_names: name of each stratum index, such as the classes; each must occur.
        mixtures: names reweightings of the strata, each with one weight per stratum.
        confidence: of every one-sided bound, 0.95 in the paper.
        constant_label: the best constant answer on other (fitting) samples, as
            `mechval.axioms.best_constant` finds it; it must occur among the samples.

    Raises MechvalError if the interpretations have different concrete components or equal names; if
    a map changes what it is given, gives NaN or depends on more than a sample's own state (tried
    out on a few samples: `mechval.axioms.memory.refuse_memory`); if a distance is missing,
    undefined or negative for some sample; if labels are not integers; if there are no samples, in
    all or in a stratum; for wrong mixtures or confidence.

    Source: paper sections 3 and 4.
    """
    rule = JudgingRule(tuple(strata_names), mixtures, confidence, constant_label)
    measured = measure_axioms(interpretations, batches)
    return [make_report(*each, rule) for each in zip(interpretations, measured, strict=True)]


def enumerate_axioms(
    interpretation: Interpretation, inputs: Shaped[Tensor, "input ..."], *, domain_size: int
) -> AxiomReport:
    """Evaluate one interpretation on its whole input space, all inputs weighing the same.

    Every ε is exact: it equals the rate. The constant program that the verdicts are held against
    is the best there is (`best_constant`). ``domain_size`` is how many inputs there are, which no
    list of them can tell.

    Raises MechvalError if an input occurs twice, for more or fewer inputs than there are, or as
    :func:`evaluate_axioms`.
    """
    refuse_part(inputs, domain_size)
    batches = [
        Batch(part, torch.zeros(len(part), dtype=torch.long)) for part in inputs.split(_BATCH)
    ]
    (measured,) = measure_axioms([interpretation], batches)
    constant = strongest_constant(measured.labels, interpretation.equivalences[-1])
    rule = JudgingRule(("all",), {}, CONFIDENCE, constant)
    return exact_report(make_report(interpretation, measured, rule))


def exact_report(report: AxiomReport) -> AxiomReport:
    """The same counts where the samples are every input there is: each ε is the rate."""
    return replace(report, cells=tuple(map(_exact_cell, report.cells)))


def refuse_part(inputs: State, domain_size: int) -> None:
    """Raise a MechvalError unless inputs are one tensor of ``domain_size`` different rows."""
    if not isinstance(inputs, Tensor):
        raise MechvalError(
            f"domain_size is given with inputs of type {type(inputs).__name__}; allowed: with one "
            "tensor, whose rows can be told apart."
        )
    if len(inputs.unique(dim=0)) < len(inputs):
        raise MechvalError("an input occurs more than once; allowed: every input there is, once.")
    if len(inputs) != domain_size:
        raise MechvalError(
            f"inputs holds {len(inputs)} of domain_size={domain_size} inputs; allowed: every input "
            "there is (on a part of them no ε is exact: draw at random and use evaluate_axioms)."
        )


def _exact_cell(cell: Cell) -> Cell:
    return replace(
        cell.over_whole_domain(),
        confidence=None,
        epsilon_simultaneous=cell.rate,
        strata={name: stratum.over_whole_domain() for name, stratum in cell.strata.items()},
    )


def measure_axioms(
    interpretations: Sequence[Interpretation], batches: Iterable[Batch]
) -> list[Measurements]:
    """Measure, unjudged, how far apart the two sides of every distinct cell are on every sample.

    One measurement serves every tolerance of a cell's equivalence (`judging.make_report`).

    Raises MechvalError as `evaluate_axioms`, but for strata, mixtures and confidence.
    """
    _check_interpretations(interpretations)
    gathered, recall = [Gathered() for _ in interpretations], Recall()
    n_batches = 0
    for batch in batches:
        if n_batches == 0:
            refuse_memory(interpretations, batch.inputs)
        for own, piece in zip(
            gathered, _measure_batch(interpretations, batch, recall), strict=True
        ):
            own.add(piece)
        recall.close()
        n_batches += 1
    if n_batches == 0:
        raise MechvalError("batches is empty; allowed: at least one batch.")
    recall.repeat()
    return [own.whole() for own in gathered]


def _check_interpretations(interpretations: Sequence[Interpretation]) -> None:
    if not interpretations:
        raise MechvalError("interpretations is empty; allowed: at least one.")
    names = [interpretation.name for interpretation in interpretations]
    if len(set(names)) < len(names):
        raise MechvalError(
            f"interpretations={names} is not allowed; allowed: names that are all different."
        )
    first = interpretations[0]
    for other in interpretations[1:]:
        if [*map(id, other.concrete)] != [*map(id, first.concrete)]:
            raise MechvalError(
                f"interpretation {other.name!r} has other concrete components than "
                f"{first.name!r}; allowed: the same objects, so that the network runs once."
            )


@guarding.tracking()
def _measure_batch(
    interpretations: Sequence[Interpretation], batch: Batch, recall: Recall
) -> list[Measurements]:
    """Run the network once, then measure each interpretation on its states."""
    concrete = equations.run_network(interpretations[0], batch.inputs)
    labels = _checked_labels(interpretations, concrete[-1], len(batch.strata))
    measuring = _BatchPass(concrete, len(batch.strata), recall)
    strata = batch.strata.cpu().long()
    return [
        Measurements(labels, strata, *measuring.measure(interpretation))
        for interpretation in interpretations
    ]


class _BatchPass:
    """The measuring of one batch: what interpretations share is run and measured once."""

    def __init__(self, concrete: tuple[State, ...], n: int, recall: Recall) -> None:
        self._concrete, self._n, self._recall = concrete, n, recall
        self._memory = Memory()
        self._measured: dict[_Parts, tuple[Tensor, Tensor | None]] = {}
        self._others = states.others(n, torch.Generator().manual_seed(0))

    def measure(
        self, interpretation: Interpretation
    ) -> tuple[dict[CellKey, Tensor], dict[CellKey, Tensor]]:
        """Distances of the distinct cells, and those to a shuffled program's states."""
        watched = self._recall.watch_gammas(interpretation)
        trajectory = equations.make_trajectory(interpretation, self._concrete, self._run_once)
        distances: dict[CellKey, Tensor] = {}
        shuffled: dict[CellKey, Tensor] = {}
        for key in equations.distinct_cells(interpretation):
            parts = _parts(interpretation, trajectory, key)
            if parts not in self._measured:
                self._measured[parts] = self._cell(watched, trajectory, key)
            distances[key], other = self._measured[parts]
            if other is not None:
                shuffled[key] = other
        return distances, shuffled

    def _run_once(self, applied: Map, place: str) -> Map:
        watched = self._recall.watch(applied, place)
        return self._memory.once(applied, equations.guard(watched, place))

    def _cell(
        self, interpretation: Interpretation, trajectory: Trajectory, key: CellKey
    ) -> tuple[Tensor, Tensor | None]:
        sides = equations.sides(interpretation, trajectory, key)
        place = f"{interpretation.name!r}, {interpretation.cell_name(key)}"
        distance = _checked_distance(sides.distance, self._n, place)
        return distance, self._shuffled(sides, place)

    def _shuffled(self, sides: Sides, place: str) -> Float[Tensor, " batch"] | None:
        if sides.key.axiom.is_replaceability or self._n < 2:
            return None
        try:
            program = states.pick(sides.program, self._others)
        except states.OpaqueError:
            return None
        distance = sides.equivalence.distance(sides.network, program)
        return _checked_distance(distance, self._n, f"{place}, shuffled")


def _parts(interpretation: Interpretation, trajectory: Trajectory, key: CellKey) -> _Parts:
    """What a cell's two sides are made of: cells with the same parts measure the same thing."""
    i, is_replaceability = key.component, key.axiom.is_replaceability
    judged = interpretation.gammas[i] if is_replaceability else trajectory.observed[i]
    distance = equations.deciding_equivalence(interpretation, key).distance
    program = equations.program_state(trajectory, key)
    return (is_replaceability, i, id(program), id(judged), id(distance))


def _checked_distance(distance: Tensor, n: int, place: str) -> Float[Tensor, " batch"]:
    """Bring distances to the CPU; one that is not a number must never pass as agreement."""
    if tuple(distance.shape) != (n,):
        raise MechvalError(
            f"distance of {place} has shape {tuple(distance.shape)}; "
            f"allowed: ({n},), one number per sample."
        )
    distance = distance.cpu().double()
    is_wrong = ~(distance.isfinite() & (distance >= 0))
    if bool(is_wrong.any()):
        raise MechvalError(
            f"distance of {place} is {distance[is_wrong][0].item()} for {int(is_wrong.sum())} "
            "samples of a batch; allowed: finite numbers of at least 0."
        )
    return distance


def _checked_labels(
    interpretations: Sequence[Interpretation], labels: State, n: int
) -> Shaped[Tensor, "batch ..."]:
    """One integer per sample, or what else the last equivalence of all interpretations takes."""
    last = [interpretation.equivalences[-1].distance for interpretation in interpretations]
    if exact_labels.distance not in last:
        if isinstance(labels, Tensor) and labels.shape[:1] == (n,):
            is_integer = not (labels.is_floating_point() or labels.is_complex())
            return labels.cpu().long() if is_integer else labels.cpu()
        raise MechvalError(
            f"the network's output is {getattr(labels, 'shape', type(labels).__name__)}; allowed: "
            f"a tensor with an entry for each of {n} samples."
        )
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.is_complex():
        kind = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise MechvalError(
            f"the network's labels are {kind}; allowed: an integer tensor, as the last equivalence "
            "is exact labels."
        )
    if tuple(labels.shape) != (n,):
        raise MechvalError(
            f"the network's labels have shape {tuple(labels.shape)}; "
            f"allowed: ({n},), one for each of the batch's strata."
        )
    return labels.cpu().long()
