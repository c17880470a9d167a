"""From per-sample distances to a report: counting, bounding, judging. Runs no network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mechval.axioms import equations, statistics
from mechval.axioms.base import Axiom, CellKey, Equivalence, Interpretation, Measurements
from mechval.axioms.baselines import differs_from
from mechval.axioms.report import (
    AxiomReport,
    Cell,
    ConstantProgram,
    Estimate,
    MixtureEstimate,
    ShuffledCell,
    Verdict,
)
from mechval.errors import MechvalError


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
    """Judge every cell of one interpretation.

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
    baseline = _constant_program(interpretation.equivalences[-1], labels, rule)
    n_labels = len(label_counts)
    shuffled = {
        key: _shuffled_cell(interpretation, key, distance, distinct[key], rule)
        for key, distance in measurements.shuffled.items()
    }
    judge = _CellJudge(interpretation, measurements, rule, distinct, shuffled, baseline, n_labels)
    return AxiomReport(
        interpretation=interpretation.name,
        tags=interpretation.tags,
        confidence=rule.confidence,
        n=baseline.n,
        n_labels=n_labels,
        label_entropy=statistics.label_entropy(label_counts.tolist()),
        constant=baseline,
        cells=tuple(judge.make_cell(key, first) for key, first in representatives.items()),
        shuffled=tuple(shuffled.values()),
        inclusion_violations=_inclusion_violations(interpretation, disagreements),
        disagreements={
            interpretation.cell_name(key): disagrees for key, disagrees in disagreements.items()
        },
    )


@dataclass(frozen=True)
class _CellJudge:
    """Makes the cells of one report; ``disagreements`` are those of the distinct cells."""

    interpretation: Interpretation
    measurements: Measurements
    rule: JudgingRule
    disagreements: Mapping[CellKey, Bool[Tensor, " sample"]]
    shuffled: Mapping[CellKey, ShuffledCell]
    baseline: ConstantProgram
    n_labels: int

    def make_cell(self, key: CellKey, representative: CellKey) -> Cell:
        claim, rule, disagreements = self.interpretation, self.rule, self.disagreements
        pooled = self._estimate(disagreements[representative])
        strata = {
            name: self._estimate(disagreements[representative][self.measurements.strata == index])
            for index, name in enumerate(rule.strata_names)
        }
        together = statistics.simultaneous_confidence(rule.confidence, len(disagreements))
        equivalence = equations.deciding_equivalence(claim, key)
        mean_distance = math.fsum(self.measurements.distances[representative].tolist()) / pooled.n
        return Cell(
            **vars(pooled),
            interpretation=claim.name,
            tags=claim.tags,
            confidence=rule.confidence,
            axiom=key.axiom,
            component=claim.components[key.component - 1],
            repeats=None if key == representative else claim.cell_name(representative),
            epsilon_simultaneous=statistics.clopper_pearson_upper(
                pooled.disagreements, pooled.n, together
            ),
            strata=strata,
            mixtures={name: _mix(strata, made, rule) for name, made in rule.mixtures.items()},
            mean_distance=mean_distance,
            mean_part_error=mean_distance / equivalence.n_parts,
            equivalence=equivalence.name,
            constant_rate=self.baseline.rate,
            verdict=self._verdict(key, representative, pooled.epsilon),
        )

    def _estimate(self, disagreements: Bool[Tensor, " sample"]) -> Estimate:
        return Estimate.of(int(disagreements.sum()), len(disagreements), self.rule.confidence)

    def _verdict(self, key: CellKey, representative: CellKey, epsilon: float) -> Verdict:
        if not equations.judges_label(self.interpretation, key):
            return Verdict.NOT_JUDGED
        if self.n_labels == 1:
            return Verdict.CONSTANT_NETWORK
        if epsilon >= self.baseline.lower:
            return Verdict.NOT_BETTER
        beside = self.shuffled.get(representative)
        return Verdict.SHUFFLED_PASSES if beside and beside.passes else Verdict.BETTER


def _shuffled_cell(
    interpretation: Interpretation,
    key: CellKey,
    distance: Float[Tensor, " shuffled"],
    own: Bool[Tensor, " sample"],
    rule: JudgingRule,
) -> ShuffledCell:
    """What a shuffled program gives, beside the samples on which the claim's ``own`` disagrees.

    Its other samples are drawn at random, so that it is sampled even on a whole domain.
    """
    tolerance = equations.deciding_equivalence(interpretation, key).tolerance
    counted = Estimate.of(int((distance > tolerance).sum()), len(distance), rule.confidence)
    lower = statistics.clopper_pearson_lower(counted.disagreements, counted.n, rule.confidence)
    return ShuffledCell(
        **vars(counted),
        interpretation=interpretation.name,
        tags=interpretation.tags,
        axiom=key.axiom,
        component=interpretation.components[key.component - 1],
        lower=lower,
        passes=Estimate.of(int(own.sum()), len(own), rule.confidence).epsilon >= lower,
    )


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
    strata: Mapping[str, Estimate], weights: Mapping[str, float], rule: JudgingRule
) -> MixtureEstimate:
    mixed = [strata[name] for name in weights]
    counts, sizes = [each.disagreements for each in mixed], [each.n for each in mixed]
    shares = list(weights.values())
    return MixtureEstimate(
        rate=math.fsum(share * each.rate for share, each in zip(shares, mixed, strict=True)),
        epsilon=statistics.mixture_upper(counts, sizes, shares, rule.confidence),
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
    estimate = Estimate.of(n_others, len(labels), rule.confidence)
    return ConstantProgram(
        label=label,
        n=estimate.n,
        disagreements=estimate.disagreements,
        rate=estimate.rate,
        lower=statistics.clopper_pearson_lower(estimate.disagreements, estimate.n, rule.confidence),
        upper=estimate.epsilon,
    )


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
