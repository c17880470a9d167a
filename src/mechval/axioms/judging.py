"""From per-sample distances to a report: counting, bounding, judging. Runs no network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mechval.axioms import equations, statistics
from mechval.axioms.base import Axiom, CellKey, Equivalence, Interpretation, Measurements
from mechval.axioms.baselines import differs_from
from mechval.axioms.report import (
    SHUFFLED_PROGRAM,
    AxiomReport,
    Cell,
    ConstantProgram,
    ControlCell,
    Estimate,
    InterpretationRow,
    MixtureEstimate,
    Verdict,
)
from mechval.errors import MechvalError

AnyCell = TypeVar("AnyCell", bound=Cell)


@dataclass(frozen=True)
class JudgingRule:
    """How measurements are judged, each bound being one-sided.

    Attributes:
        mixtures: per mixture, the weight of every stratum; weights sum to 1.
        constant_label: answer of the constant program, chosen on other samples; a tensor where
            outputs are more than one integer per sample.

    Raises MechvalError for unknown or missing strata in a mixture, weights that do not sum to 1,
    repeated strata names, or a confidence outside (0, 1).
    """

    strata_names: tuple[str, ...]
    mixtures: Mapping[str, Mapping[str, float]]
    confidence: float
    constant_label: int | Tensor

    def __post_init__(self) -> None:
        statistics.check_confidence(self.confidence)
        if not self.strata_names or len(set(self.strata_names)) < len(self.strata_names):
            raise MechvalError(
                f"strata_names={self.strata_names} is not allowed; "
                "allowed: at least one name, all different."
            )
        for name, weights in self.mixtures.items():
            if set(weights) != set(self.strata_names):
                raise MechvalError(
                    f"mixtures.{name} weighs {sorted(weights)}; "
                    f"allowed: exactly the strata {sorted(self.strata_names)}."
                )
            statistics.check_weights(list(weights.values()))


def make_report(
    interpretation: Interpretation, measurements: Measurements, rule: JudgingRule
) -> AxiomReport:
    """Count and judge every cell of one interpretation.

    Raises MechvalError if there are no samples, a stratum has none, a stratum index is unknown or
    the network has several labels and the constant program's is none of them.
    """
    _check_strata(measurements.strata, rule.strata_names)
    representatives = equations.representative_cells(interpretation)
    distinct = {
        key: measurements.distances[key]
        > equations.deciding_equivalence(interpretation, key).tolerance
        for key in equations.distinct_cells(interpretation)
    }
    disagreements = {key: distinct[first] for key, first in representatives.items()}
    labels = measurements.labels
    # Along an axis torch sorts rows, which takes seconds where there is one number in each.
    _, label_counts = labels.unique(return_counts=True, dim=0 if labels.ndim > 1 else None)
    counting = _Counting(interpretation, measurements, rule)
    row = InterpretationRow(
        interpretation=interpretation.name,
        tags=interpretation.tags,
        confidence=rule.confidence,
        n=len(labels),
        n_labels=len(label_counts),
        label_entropy=statistics.label_entropy(label_counts.tolist()),
        constant=_constant_program(interpretation.equivalences[-1], labels, rule),
        inclusion_violations=_inclusion_violations(interpretation, disagreements),
    )
    cells, shuffled = judge_cells(
        [counting.cell(*keys, disagreements[keys[0]]) for keys in representatives.items()],
        [counting.shuffled(*counted) for counted in measurements.shuffled.items()],
        row,
        rule.mixtures,
    )
    return AxiomReport(
        **vars(row),
        cells=tuple(cells),
        shuffled=tuple(shuffled),
        disagreements={
            interpretation.cell_name(key): disagrees for key, disagrees in disagreements.items()
        },
    )


def judge_cells(
    cells: Sequence[AnyCell],
    shuffled: Sequence[ControlCell],
    row: InterpretationRow,
    mixtures: Mapping[str, Mapping[str, float]],
) -> tuple[list[AnyCell], list[ControlCell]]:
    """Bound and judge what cells and shuffled programs counted, at the confidence of the row.

    What was bounded at another confidence is judged anew; all else of the cells is kept.

    Args:
        cells: of interpretations with as many components each, on the same samples.
        shuffled: those beside them.
        row: of one of the interpretations, all of whose cells are there.
        mixtures: as of `JudgingRule`.
    """
    own = [cell for cell in cells if cell.interpretation == row.interpretation]
    n_distinct = sum(cell.is_distinct for cell in own)
    bounded = {(cell.interpretation, cell.name): cell.at(row.confidence) for cell in cells}
    beside = {
        key: each.beside(bounded[key].epsilon, row.confidence)
        for each in shuffled
        for key in [(each.interpretation, each.name)]
    }
    judged = [
        _judge(cell, beside.get((name, cell.repeats or cell.name)), row, mixtures, n_distinct)
        for (name, _), cell in bounded.items()
    ]
    return judged, list(beside.values())


def _judge(
    cell: AnyCell,
    shuffled: ControlCell | None,
    row: InterpretationRow,
    mixtures: Mapping[str, Mapping[str, float]],
    n_distinct: int,
) -> AnyCell:
    together = statistics.simultaneous_confidence(row.confidence, n_distinct)
    strata = {name: each.at(row.confidence) for name, each in cell.strata.items()}
    is_judged = cell.verdict is not Verdict.NOT_JUDGED
    return replace(
        cell,
        confidence=row.confidence,
        epsilon_simultaneous=cell.at(together).epsilon,
        strata=strata,
        mixtures={name: _mix(strata, made, row.confidence) for name, made in mixtures.items()},
        constant_rate=row.constant.rate,
        verdict=_verdict(cell.epsilon, shuffled, row) if is_judged else Verdict.NOT_JUDGED,
    )


def _verdict(epsilon: float, shuffled: ControlCell | None, row: InterpretationRow) -> Verdict:
    if row.n_labels == 1:
        return Verdict.CONSTANT_NETWORK
    if epsilon >= row.constant.lower:
        return Verdict.NOT_BETTER
    return Verdict.SHUFFLED_PASSES if shuffled and shuffled.passes else Verdict.BETTER


@dataclass(frozen=True)
class _Counting:
    """Makes cells from measurements, with verdicts and bounds still to be made."""

    interpretation: Interpretation
    measurements: Measurements
    rule: JudgingRule

    def cell(
        self, key: CellKey, representative: CellKey, disagrees: Bool[Tensor, " sample"]
    ) -> Cell:
        claim, pooled = self.interpretation, self._estimate(disagrees)
        equivalence = equations.deciding_equivalence(claim, key)
        mean_distance = math.fsum(self.measurements.distances[representative].tolist()) / pooled.n
        is_judged = equations.judges_label(claim, key)
        return Cell(
            **vars(pooled),
            interpretation=claim.name,
            tags=claim.tags,
            confidence=None,
            axiom=key.axiom,
            component=claim.components[key.component - 1],
            repeats=None if key == representative else claim.cell_name(representative),
            epsilon_simultaneous=1.0,
            strata={
                name: self._estimate(disagrees[self.measurements.strata == index])
                for index, name in enumerate(self.rule.strata_names)
            },
            mixtures={},
            mean_distance=mean_distance,
            mean_part_error=mean_distance / equivalence.n_parts,
            equivalence=equivalence.name,
            constant_rate=None,
            verdict=Verdict.NOT_BETTER if is_judged else Verdict.NOT_JUDGED,
        )

    def shuffled(self, key: CellKey, distance: Float[Tensor, " shuffled"]) -> ControlCell:
        """Its other samples are drawn at random, so that it is sampled even on a whole domain."""
        claim = self.interpretation
        tolerance = equations.deciding_equivalence(claim, key).tolerance
        counted = self._estimate(distance > tolerance)
        return ControlCell.of_cell(claim, key, SHUFFLED_PROGRAM, counted)

    def _estimate(self, disagrees: Bool[Tensor, " sample"]) -> Estimate:
        return Estimate.of(int(disagrees.sum()), len(disagrees), self.rule.confidence)


def _check_strata(strata: Int[Tensor, " sample"], names: Sequence[str]) -> None:
    if len(strata) == 0:
        raise MechvalError("batches hold 0 samples; allowed: at least 1.")
    if int(strata.min()) < 0 or int(strata.max()) >= len(names):
        raise MechvalError(
            f"strata run from {int(strata.min())} to {int(strata.max())}; "
            f"allowed: 0 to {len(names) - 1}, for the strata {list(names)}."
        )
    counts = torch.bincount(strata, minlength=len(names)).tolist()
    for name, count in zip(names, counts, strict=True):
        if count == 0:
            raise MechvalError(f"stratum {name!r} has 0 samples; allowed: at least 1.")


def _mix(
    strata: Mapping[str, Estimate], weights: Mapping[str, float], confidence: float
) -> MixtureEstimate:
    mixed = [strata[name] for name in weights]
    counts, sizes = [each.disagreements for each in mixed], [each.n for each in mixed]
    shares = list(weights.values())
    return MixtureEstimate(
        rate=math.fsum(share * each.rate for share, each in zip(shares, mixed, strict=True)),
        epsilon=statistics.mixture_upper(counts, sizes, shares, confidence),
    )


def _constant_program(
    equivalence: Equivalence, labels: Shaped[Tensor, "sample ..."], rule: JudgingRule
) -> ConstantProgram:
    """The constant program, by the rule that decides the cells it is held against."""
    label = rule.constant_label if isinstance(rule.constant_label, int) else None
    if label is not None:
        occurring = labels.unique().tolist()
        if len(occurring) > 1 and label not in occurring:
            raise MechvalError(
                f"constant_label={label} is never the network's answer; allowed: a label that "
                f"occurs, from {occurring[0]} to {occurring[-1]} (see best_constant)."
            )
    n_others = int(differs_from(rule.constant_label, labels, equivalence).sum())
    return ConstantProgram.of(label, n_others, len(labels), rule.confidence)


def _inclusion_violations(
    interpretation: Interpretation, disagreements: Mapping[CellKey, Bool[Tensor, " sample"]]
) -> dict[str, int | None]:
    """Count, per component, samples that break the inclusion; None where it is not implied."""
    violations: dict[str, int | None] = {}
    broken_before = torch.zeros_like(disagreements[CellKey(Axiom.COMPONENT_EQUIVALENCE, 1)])
    is_exact = True
    for number, component in enumerate(interpretation.components, start=1):
        is_exact = is_exact and interpretation.equivalences[number].is_exact
        broken_before = broken_before | disagreements[CellKey(Axiom.COMPONENT_EQUIVALENCE, number)]
        broken = disagreements[CellKey(Axiom.PREFIX_EQUIVALENCE, number)] & ~broken_before
        violations[component] = int(broken.sum()) if is_exact else None
    return violations
