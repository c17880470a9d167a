"""What an evaluation of the axioms yields: the declared rows of its tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from jaxtyping import Bool
from torch import Tensor

from mechval import tables
from mechval.axioms import statistics
from mechval.axioms.base import Axiom, CellKey, Interpretation
from mechval.axioms.evidence import EvidenceKind

Counted = TypeVar("Counted", bound="Estimate")
Row = TypeVar("Row", bound="InterpretationRow")
SHUFFLED_PROGRAM = "shuffled program"
"""The control that has the program's states of another sample."""


class Verdict(StrEnum):
    """Whether a cell that compares labels beats the program that always answers the same."""

    NOT_JUDGED = ""
    BETTER = "better than constant"
    NOT_BETTER = "not better than constant"
    CONSTANT_NETWORK = "none: t is constant"
    SHUFFLED_PASSES = "none: a shuffled program passes"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Disagreements among n samples, their rate and ε.

    ε is the rate's one-sided upper bound if ``kind`` is sampled, the rate itself if it is exact.
    """

    n: int = tables.told("N")
    disagreements: int = tables.count("disagreements")
    rate: float = tables.rate("rate")
    epsilon: float = tables.rate("ε")
    kind: EvidenceKind = tables.told("evidence")

    @staticmethod
    def of(disagreements: int, n: int, confidence: float) -> "Estimate":
        """Bound the rate of what was counted on ``n`` independent draws.

        Raises MechvalError as :func:`mechval.axioms.statistics.clopper_pearson_upper`.
        """
        return Estimate(
            n=n,
            disagreements=disagreements,
            epsilon=statistics.clopper_pearson_upper(disagreements, n, confidence),
            rate=disagreements / n,
            kind=EvidenceKind.SAMPLED,
        )

    def at(self: Counted, confidence: float) -> Counted:
        """The same counts, bounded as `of` does at this confidence."""
        return replace(self, **vars(Estimate.of(self.disagreements, self.n, confidence)))

    def over_whole_domain(self: Counted) -> Counted:
        """The same counts where the samples are every input there is: exact, so ε is the rate."""
        return replace(self, epsilon=self.rate, kind=EvidenceKind.EXACT)


@dataclass(frozen=True)
class MixtureEstimate:
    """Rate and upper bound ε under a mixture of the strata."""

    rate: float = tables.rate("rate")
    epsilon: float = tables.rate("ε")


@dataclass(frozen=True, kw_only=True)
class CellName:
    """Which cell of which interpretation; ``tags`` are those of the interpretation."""

    interpretation: str = tables.told()
    tags: Mapping[str, str] = tables.told()
    axiom: Axiom = tables.told()
    component: str = tables.told()

    @property
    def name(self) -> str:
        """The cell's name in files, such as ``prefix equivalence/parse``."""
        return cell_name(self.axiom, self.component)


@dataclass(frozen=True, kw_only=True)
class Cell(Estimate, CellName):
    """One axiom at one component, over all samples, within each stratum and under each mixture.

    Attributes:
        repeats: name of the earlier cell that measures the same thing, None if distinct.
        confidence: of the bounds, each one-sided; None where all are exact.
        epsilon_simultaneous: the bound when all distinct cells are to hold at once.
        equivalence: name of the equivalence that decided.
        constant_rate: disagreement rate of the constant program, to be read beside ε.
        verdict: against the constant program.
    """

    repeats: str | None = tables.told()
    confidence: float | None = tables.told()
    epsilon_simultaneous: float = tables.rate("simultaneous ε")
    mean_distance: float = tables.number("mean number of differing parts")
    mean_part_error: float = tables.rate("mean error per part")
    equivalence: str = tables.told()
    constant_rate: float | None = tables.rate("rate of the constant program")
    verdict: Verdict = tables.told()
    strata: Mapping[str, Estimate] = tables.told()
    mixtures: Mapping[str, MixtureEstimate] = tables.told()

    @property
    def is_distinct(self) -> bool:
        """Whether no earlier cell measures the same thing."""
        return self.repeats is None


@dataclass(frozen=True, kw_only=True)
class ControlCell(Estimate, CellName):
    """One cell of a claim with something made meaningless: what the cell can tell at all.

    Attributes:
        control: what was made meaningless.
        lower: one-sided lower bound of the rate.
        passes: whether the claim's own ε is not below that: here the cell cannot tell them apart.
    """

    control: str = tables.told()
    lower: float = tables.rate("lower bound")
    passes: bool = tables.told("does as well as the claim")

    @classmethod
    def of_cell(
        cls, claim: Interpretation, key: CellKey, control: str, counted: Estimate
    ) -> "ControlCell":
        """What the control gave there; still to be held :meth:`beside` the claim."""
        return cls(
            **vars(counted),
            interpretation=claim.name,
            tags=claim.tags,
            axiom=key.axiom,
            component=claim.components[key.component - 1],
            control=control,
            lower=0.0,
            passes=True,
        )

    def beside(self, epsilon: float, confidence: float) -> "ControlCell":
        """The same counts, bounded at ``confidence`` and held against the claim's ε there."""
        lower = statistics.clopper_pearson_lower(self.disagreements, self.n, confidence)
        return replace(self.at(confidence), lower=lower, passes=epsilon >= lower)


@dataclass(frozen=True)
class ConstantProgram:
    """How far the program that always answers ``label`` is from the network; None is an output
    that is not one integer.

    ``lower`` and ``upper`` are one-sided bounds of its disagreement probability.
    """

    label: int | None = tables.told()
    n: int = tables.told("N")
    disagreements: int = tables.count()
    rate: float = tables.rate()
    lower: float = tables.rate("lower bound")
    upper: float = tables.rate("upper bound")

    @staticmethod
    def of(label: int | None, disagreements: int, n: int, confidence: float) -> "ConstantProgram":
        """Bound, on both sides, what was counted on ``n`` independent draws."""
        counted = Estimate.of(disagreements, n, confidence)
        return ConstantProgram(
            label=label,
            n=n,
            disagreements=disagreements,
            rate=counted.rate,
            lower=statistics.clopper_pearson_lower(disagreements, n, confidence),
            upper=counted.epsilon,
        )


@dataclass(frozen=True, kw_only=True)
class InterpretationRow:
    """What the cells of one interpretation have to be read against.

    Attributes:
        confidence: of every bound, each one-sided.
        n_labels: number of distinct labels the network gave.
        constant: baseline of the verdicts.
        inclusion_violations: per component, samples on which component equivalence holds up to
            there and prefix equivalence does not. It must be 0 for a deterministic program that
            respects its equivalences; None where an equivalence up to there is tolerant, since
            nothing follows then.
    """

    interpretation: str = tables.told()
    tags: Mapping[str, str] = tables.told()
    confidence: float = tables.told()
    n: int = tables.told("N")
    n_labels: int = tables.told("labels")
    label_entropy: float = tables.number("label entropy", unit="bits")
    constant: ConstantProgram = tables.told("constant program")
    inclusion_violations: Mapping[str, int | None] = tables.count("inclusion violations")

    def at(self: Row, confidence: float) -> Row:
        """The same counts, bounded at another confidence; cells are left as they are."""
        own = self.constant
        constant = ConstantProgram.of(own.label, own.disagreements, own.n, confidence)
        return replace(self, confidence=confidence, constant=constant)


@dataclass(frozen=True, eq=False, kw_only=True)
class AxiomReport(InterpretationRow):
    """All cells of one interpretation, and what they have to be read against.

    Attributes:
        cells: axiom by axiom, component by component.
        shuffled: a shuffled program beside each distinct equivalence cell.
        disagreements: by the cell's name, on which samples its two sides disagree.
    """

    cells: tuple[Cell, ...]
    shuffled: tuple[ControlCell, ...]
    disagreements: Mapping[str, Bool[Tensor, " sample"]]


CELLS = tables.Table("axioms/axioms.csv", Cell)
CONTROLS = tables.Table("axioms/controls.csv", ControlCell)
SHUFFLED = tables.Table("axioms/shuffled.csv", ControlCell)
INTERPRETATIONS = tables.Table("axioms/interpretations.csv", InterpretationRow)


def cell_name(axiom: Axiom, component: str) -> str:
    """Name a cell as files and tables do."""
    return f"{axiom}/{component}"
