"""What the paper prints for its own modular-addition network, beside what is measured.

A row's key is ``<interpretation>|<axiom>|<component>``; N is that of the held-out inputs. The
paper's mainline network is not available to this project, so no row is a reproduction.

Source: "Validating Mechanistic Interpretations: An Axiomatic Approach", ICML 2025, section 5.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mechval import tables
from mechval.axioms import Cell
from mechval.modular_addition.claim.validation import HELD_OUT
from mechval.modular_addition.problem import ModularAddition
from mechval.reporting import paper_comparison

DATA_FILE = Path(__file__).with_name("paper_values.csv")
PRINTED_VALUES = paper_comparison.load_printed(DATA_FILE)
PAPER_PROBLEM = ModularAddition(p=113)


@dataclass(frozen=True)
class Headlines:
    """The run in three numbers; ``verdicts`` by the key of the printed value."""

    wrong_count: int
    key_frequencies: tuple[int, ...]
    verdicts: Mapping[str, paper_comparison.Agreement]


HEADLINES = tables.Record("report/metrics.json", Headlines)


def compare_with_paper(
    problem: ModularAddition, cells: Iterable[Cell]
) -> tuple[paper_comparison.Comparison, ...]:
    """Judge the printed ε whose cell was measured; none for another problem than the paper's."""
    if problem != PAPER_PROBLEM:
        return ()
    measured = {
        f"{cell.interpretation}|{cell.axiom}|{cell.component}": paper_comparison.Measured(
            bounded.epsilon, bounded.disagreements, bounded.n
        )
        for cell in cells
        if (bounded := cell.strata.get(HELD_OUT))
    }
    return paper_comparison.compare(
        [row for row in PRINTED_VALUES if row.key in measured], measured
    )
