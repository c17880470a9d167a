"""The rows of the tracked tables that the report reads, as typed records.

Field names are the tables' column names; a dotted column such as ``stratum.SAT.epsilon`` is a
nested field. Columns that the report does not use are ignored.
"""

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from mechval.axioms import EvidenceKind
from mechval.two_sat.configs import ReadingName


class Record(BaseModel):
    """A row of a table, or a JSON object."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SplitSize(Record):
    """One split of a corpus."""

    name: str
    formulas: int


class DataFacts(Record):
    """``data/metrics.json``."""

    natural_satisfiable_share: FiniteFloat
    formulas_drawn: int
    splits: tuple[SplitSize, ...]


class ClassCount(Record):
    """Formulas of one class, and how many the network gets wrong."""

    n: int
    wrong_count: int


class Accuracy(ClassCount):
    """``train/metrics.json``."""

    accuracy: FiniteFloat
    accuracy_lower: FiniteFloat
    confidence: FiniteFloat
    classes: dict[str, ClassCount]


class CurvePoint(Record):
    """A row of ``train/learning_curve.csv``; losses of a diverged run are not finite."""

    phase: str
    step: int
    examples: int
    train_loss: float
    selection_loss: float
    selection_accuracy: FiniteFloat


class Snapshot(Record):
    """A row of ``train/snapshots.csv``."""

    phase: str
    step: int
    n: int
    carrying_neurons: int


class ReadingFacts(Record):
    """What ``circuit/metrics.json`` says of one reading."""

    evaluating_neurons: int
    constant_bits_refused: tuple[int, ...]
    assignments: int
    covered_by_trees: int
    covered_by_unpruned_trees: int
    covered_by_disjunctions: int


class CircuitFacts(Record):
    """``circuit/metrics.json``."""

    effect_share: FiniteFloat
    carrying_neurons: int
    carrying_neurons_with_negative_coefficient: int
    readings: dict[ReadingName, ReadingFacts]


class NeuronReading(Record):
    """How one reading sees a neuron; all but the first are None where it reads no bit."""

    evaluates: bool
    cut: FiniteFloat | None
    on_rate: FiniteFloat | None
    tree: str | None
    disjunction: str | None


class Neuron(Record):
    """A row of ``circuit/neurons.csv``."""

    neuron: int
    coefficient: FiniteFloat
    effect: FiniteFloat
    effect_share: FiniteFloat
    calibrated: NeuronReading | None = None
    paper: NeuronReading | None = None

    def reading(self, name: ReadingName) -> NeuronReading | None:
        """The neuron in one reading; None if the run has no such reading."""
        return self.calibrated if name == "calibrated" else self.paper


class AssignmentMean(Record):
    """A row of ``circuit/assignments.csv``."""

    reading: ReadingName
    neuron: int
    assignment: int
    mean_activation: FiniteFloat
    in_disjunction: bool


class OwnClauseAttention(Record):
    """A row of ``circuit/attention.csv``."""

    head: int
    clause: int
    own_clause_attention: FiniteFloat


class ConstantProgram(Record):
    """The program that always answers ``label``."""

    label: int = Field(ge=0, le=1)
    disagreements: int
    lower: FiniteFloat
    upper: FiniteFloat


class InterpretationRow(Record):
    """A row of ``axioms/interpretations.csv``."""

    interpretation: str = Field(
        pattern=r"^(trees|disjunction)/(calibrated|paper)/(resid_mid|attn_out)$"
    )
    confidence: FiniteFloat
    n: int
    n_labels: int
    label_entropy_bits: FiniteFloat
    constant: ConstantProgram
    inclusion_violations: dict[str, int | None]


class Stratum(Record):
    """A cell within one class."""

    n: int
    disagreements: int
    epsilon: FiniteFloat


class Mixture(Record):
    """A cell under a reweighting of the classes."""

    epsilon: FiniteFloat


class Mixtures(Record):
    """The two reweightings that the suite is run with."""

    balanced: Mixture
    natural: Mixture


class Strata(Record):
    """The two classes."""

    SAT: Stratum
    UNSAT: Stratum


class CellRow(Record):
    """A row of ``axioms/axioms.csv``: one axiom at one component of one interpretation."""

    interpretation: str
    kind: EvidenceKind
    axiom_name: str
    component: str
    is_distinct: bool
    repeats: str | None
    n: int
    disagreements: int
    epsilon: FiniteFloat
    epsilon_simultaneous: FiniteFloat
    mean_distance: FiniteFloat
    mean_part_error: FiniteFloat
    verdict: str | None
    stratum: Strata
    mixture: Mixtures
