"""What the paper prints for its own 2-SAT network, to be put beside what is measured.

The numbers are in ``published_values.csv``, one row each, with their source.

Source: "Validating Mechanistic Interpretations: An Axiomatic Approach", ICML 2025, section 4 and
its training log, as restated in PAPER.md sections 2 and 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mechval.axioms import Axiom
from mechval.reporting.paper import Published, load_published, published_count
from mechval.two_sat.problem import Problem

DATA_FILE = Path(__file__).with_name("published_values.csv")
PUBLISHED: tuple[Published, ...] = load_published(DATA_FILE)

PAPER_PROBLEM = Problem(n_variables=5, n_clauses=10)
TEST_FORMULAS = 80_001
"""N of every published ε: the test part of the analysis corpus."""
FORMULAS_PER_EPOCH = 1_200_000

_BY_KEY = {row.key: row for row in PUBLISHED}
CARRYING_NEURONS = int(_BY_KEY["evidence/coefficients.evaluating_neurons"].printed)
TEST_ACCURACY = float(_BY_KEY["train/accuracy"].printed)


@dataclass(frozen=True)
class PublishedEpoch:
    """One point of the published training log."""

    epoch: int
    test_accuracy: float

    @property
    def formulas(self) -> int:
        """Formulas seen by the end of the epoch."""
        return self.epoch * FORMULAS_PER_EPOCH


@dataclass(frozen=True)
class PublishedCell:
    """A printed ε, and the number of disagreements that gives it at its N."""

    epsilon: float
    disagreements: int


def _training_log() -> tuple[PublishedEpoch, ...]:
    prefix = "log/epoch "
    return tuple(
        PublishedEpoch(int(row.key.removeprefix(prefix)), float(row.printed))
        for row in PUBLISHED
        if row.key.startswith(prefix)
    )


def _axiom_table() -> dict[tuple[str, str, str], PublishedCell]:
    table = {}
    for version in ("trees", "disjunction"):
        for axiom in Axiom:
            for component in ("parse", "evaluate", "output"):
                # The two versions parse alike: the paper prints that once.
                printed = "trees" if component == "parse" else version
                row = _BY_KEY[f"{printed}/paper/attn_out/{axiom.label}/{component}"]
                table[version, axiom.label, component] = _cell(row)
    return table


def _cell(row: Published) -> PublishedCell:
    return PublishedCell(float(row.printed), published_count(row))


TRAINING_LOG = _training_log()
AXIOM_TABLE: Mapping[tuple[str, str, str], PublishedCell] = _axiom_table()
"""By version of the evaluate component, axiom and component."""
