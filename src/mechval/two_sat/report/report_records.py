"""The rows of the tracked tables that the report reads, as typed records.

Field names are the tables' column names; a dotted column such as ``stratum.SAT.epsilon`` is a
nested field. Columns that the report does not use are ignored.
"""

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from mechval.axioms import EvidenceKind


class Record(BaseModel):
    """A row of a table, or a JSON object."""

    model_config = ConfigDict(frozen=True, extra="ignore")


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
