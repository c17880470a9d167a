"""What an evaluation of the axioms yields: frozen records of plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from jaxtyping import Bool
from torch import Tensor

from mechval.axioms.cells import Axiom
from mechval.axioms.evidence import EvidenceKind


class Verdict(StrEnum):
    """Whether a cell that compares labels beats the program that always answers the same."""

    NOT_JUDGED = ""
    BETTER = "better than constant"
    NOT_BETTER = "not better than constant"
    CONSTANT_NETWORK = "none: t is constant"


@dataclass(frozen=True)
class Estimate:
    """Disagreements among n samples, their rate and ε.

    ε is the rate's one-sided upper bound if ``kind`` is sampled, the rate itself if it is exact.
    """

    n: int
    disagreements: int
    rate: float
    epsilon: float
    kind: EvidenceKind

    def over_whole_domain(self) -> "Estimate":
        """The same counts where the samples are every input there is: exact, so ε is the rate."""
        return replace(self, epsilon=self.rate, kind=EvidenceKind.EXACT)


@dataclass(frozen=True)
class MixtureEstimate:
    """Rate and upper bound ε under a mixture of the strata."""

    rate: float
    epsilon: float


@dataclass(frozen=True)
class Cell:
    """One axiom at one component.

    Attributes:
        axiom: which of the four.
        component: name of the component.
        repeats: name of the earlier cell that measures the same thing, None if distinct.
        pooled: over all samples.
        epsilon_simultaneous: the bound when all distinct cells are to hold at once.
        strata: estimate within each stratum.
        mixtures: estimate under each reweighting of the strata.
        mean_distance: mean number of differing parts.
        mean_part_error: the same as a share of the parts of the state.
        equivalence: name of the equivalence that decided.
        verdict: against the constant program.
    """

    axiom: Axiom
    component: str
    repeats: str | None
    pooled: Estimate
    epsilon_simultaneous: float
    strata: Mapping[str, Estimate]
    mixtures: Mapping[str, MixtureEstimate]
    mean_distance: float
    mean_part_error: float
    equivalence: str
    verdict: Verdict

    @property
    def name(self) -> str:
        """The cell's name in files, such as ``prefix equivalence/parse``."""
        return cell_name(self.axiom, self.component)

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.pooled.n

    @property
    def disagreements(self) -> int:
        """Number of samples on which the two sides disagree."""
        return self.pooled.disagreements

    @property
    def rate(self) -> float:
        """Share of samples on which the two sides disagree."""
        return self.pooled.rate

    @property
    def epsilon(self) -> float:
        """One-sided upper bound of the disagreement probability."""
        return self.pooled.epsilon

    @property
    def kind(self) -> EvidenceKind:
        """What stands behind ε."""
        return self.pooled.kind


@dataclass(frozen=True)
class ConstantProgram:
    """How far the program that always answers ``label`` is from the network.

    ``lower`` and ``upper`` are one-sided bounds of its disagreement probability.
    """

    label: int
    n: int
    disagreements: int
    rate: float
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class AxiomReport:
    """All cells of one interpretation, and what they have to be read against.

    Attributes:
        interpretation: its name.
        confidence: of every bound in the report, each one-sided.
        cells: axiom by axiom, component by component.
        constant_program: the baseline of the verdicts.
        label_entropy: of the network's labels, in bits.
        n_labels: number of distinct labels the network gave.
        inclusion_violations: per component, samples on which component equivalence holds up to
            there and prefix equivalence does not. It must be 0 for a deterministic program that
            respects its equivalences; None where an equivalence up to there is tolerant, since
            nothing follows then.
        disagreements: per cell, in the order of ``cells``, and per sample.
    """

    interpretation: str
    confidence: float
    cells: tuple[Cell, ...]
    constant_program: ConstantProgram
    label_entropy: float
    n_labels: int
    inclusion_violations: Mapping[str, int | None]
    disagreements: Bool[Tensor, "cell sample"]


def cell_name(axiom: Axiom, component: str) -> str:
    """Name a cell as files and tables do."""
    return f"{axiom.label}/{component}"
