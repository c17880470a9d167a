"""What the paper reports for its own 2-SAT network, to be printed beside ours.

A module and not a data file, so that a change of a value reruns the report.

Source: "Validating Mechanistic Interpretations: An Axiomatic Approach", ICML 2025, section 4 and
its training log, as restated in PAPER.md section 2 (axiom table, training) and section 4 (counts).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mechval.two_sat.problem import Problem

PAPER_PROBLEM = Problem(n_variables=5, n_clauses=10)
TEST_FORMULAS = 80_001
"""N of every published ε: the test part of the analysis corpus."""
CONFIDENCE = 0.95
CARRYING_NEURONS = 34
TEST_ACCURACY = 0.9976
FORMULAS_PER_EPOCH = 1_200_000


@dataclass(frozen=True)
class PublishedEpoch:
    """One point of the published training log."""

    epoch: int
    test_accuracy: float

    @property
    def formulas(self) -> int:
        """Formulas seen by the end of the epoch."""
        return self.epoch * FORMULAS_PER_EPOCH


TRAINING_LOG = (
    PublishedEpoch(10, 0.739),
    PublishedEpoch(20, 0.959),
    PublishedEpoch(30, 0.988),
    PublishedEpoch(70, 0.997),
    PublishedEpoch(900, TEST_ACCURACY),
)


@dataclass(frozen=True)
class PublishedCell:
    """A printed ε, and the number of disagreements that gives it at N = 80 001."""

    epsilon: float
    disagreements: int


_NONE = PublishedCell(3.74e-5, 0)
_PARSE = PublishedCell(0.0418, 3_251)
_TREE_BITS = PublishedCell(0.182, 14_393)
_TREE_LABELS = PublishedCell(0.0128, 974)
_DISJUNCTION_BITS = PublishedCell(0.309, 24_530)
_DISJUNCTION_LABELS = PublishedCell(0.00290, 207)
_OUTPUT = PublishedCell(0.00433, 316)

AXIOM_TABLE: Mapping[tuple[str, str, str], PublishedCell] = {
    ("trees", "prefix equivalence", "parse"): _NONE,
    ("trees", "prefix equivalence", "evaluate"): _TREE_BITS,
    ("trees", "prefix equivalence", "output"): _TREE_LABELS,
    ("trees", "component equivalence", "parse"): _NONE,
    ("trees", "component equivalence", "evaluate"): _TREE_BITS,
    ("trees", "component equivalence", "output"): _OUTPUT,
    ("trees", "prefix replaceability", "parse"): _PARSE,
    ("trees", "prefix replaceability", "evaluate"): _TREE_LABELS,
    ("trees", "prefix replaceability", "output"): _TREE_LABELS,
    ("trees", "component replaceability", "parse"): _PARSE,
    ("trees", "component replaceability", "evaluate"): _TREE_LABELS,
    ("trees", "component replaceability", "output"): _OUTPUT,
    ("disjunction", "prefix equivalence", "parse"): _NONE,
    ("disjunction", "prefix equivalence", "evaluate"): _DISJUNCTION_BITS,
    ("disjunction", "prefix equivalence", "output"): _DISJUNCTION_LABELS,
    ("disjunction", "component equivalence", "parse"): _NONE,
    ("disjunction", "component equivalence", "evaluate"): _DISJUNCTION_BITS,
    ("disjunction", "component equivalence", "output"): _OUTPUT,
    ("disjunction", "prefix replaceability", "parse"): _PARSE,
    ("disjunction", "prefix replaceability", "evaluate"): _DISJUNCTION_LABELS,
    ("disjunction", "prefix replaceability", "output"): _DISJUNCTION_LABELS,
    ("disjunction", "component replaceability", "parse"): _PARSE,
    ("disjunction", "component replaceability", "evaluate"): _DISJUNCTION_LABELS,
    ("disjunction", "component replaceability", "output"): _OUTPUT,
}
"""By version of the evaluate component, axiom and component."""
