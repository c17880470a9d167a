"""What the paper prints for its own 2-SAT network, to be put beside what is measured.

The numbers are in ``paper_values.csv``, one row each, with their source. A cell's key is
``<version>[/<family> <setting>]/<axiom>/<component>``.

Source: "Validating Mechanistic Interpretations: An Axiomatic Approach", ICML 2025, section 4 and
appendix, and the training log of its published network.
"""

from collections.abc import Mapping
from pathlib import Path

from mechval.reporting.paper_comparison import PrintedValue, load_printed
from mechval.two_sat.problem import Problem

DATA_FILE = Path(__file__).with_name("paper_values.csv")
PRINTED_VALUES: tuple[PrintedValue, ...] = load_printed(DATA_FILE)
BY_KEY: Mapping[str, PrintedValue] = {row.key: row for row in PRINTED_VALUES}

PAPER_PROBLEM = Problem(n_variables=5, n_clauses=10)
TEST_FORMULAS = 80_001
"""N of every printed ε: the test part of the analysis corpus."""
CARRYING_NEURONS = int(BY_KEY["evidence/coefficients.evaluating_neurons"].printed)
TEST_ACCURACY = float(BY_KEY["train/accuracy"].printed)

_FORMULAS_PER_EPOCH = 1_200_000
_EPOCHS = (10, 20, 30, 70, 900)
TRAINING_LOG: Mapping[int, float] = {
    epoch * _FORMULAS_PER_EPOCH: float(BY_KEY[f"log/epoch {epoch}"].printed) for epoch in _EPOCHS
}
"""Formulas seen to the test accuracy that the log of the published network prints there."""
