"""What the paper prints for its own modular-addition network, beside what is measured.

A row's key is ``<interpretation>|<axiom>|<component>``; N is that of the held-out inputs. The
paper's mainline network is not available to this project, so no row is a reproduction.

Source: "Validating Mechanistic Interpretations: An Axiomatic Approach", ICML 2025, as restated in
PAPER.md section 3.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mechval.modular_addition.problem import ModularAddition
from mechval.reporting.paper import (
    Comparison,
    Measured,
    Published,
    compare,
    load_published,
)

DATA_FILE = Path(__file__).with_name("published_values.csv")
PUBLISHED: tuple[Published, ...] = load_published(DATA_FILE)
PAPER_PROBLEM = ModularAddition(p=113)


def compare_with_paper(
    problem: ModularAddition, measured: Mapping[str, Measured]
) -> Sequence[Comparison]:
    """Judge the printed ε whose key was measured; none for another problem than the paper's."""
    if problem != PAPER_PROBLEM:
        return ()
    return compare([row for row in PUBLISHED if row.key in measured], measured)
