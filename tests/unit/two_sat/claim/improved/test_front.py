from dataclasses import replace

import numpy as np
import pytest

from mechval.axioms.program_size import positive_bits
from mechval.reporting.figures import figure_style
from mechval.reporting.tables import Row
from mechval.two_sat.claim.improved.front import ReadBits, front_rows, written_pairs
from mechval.two_sat.interpretation import formula_evaluator
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.lengths import Kind
from mechval.two_sat.report.figures.front import front_figure
from tests.networks import CPU, SMALL_PROBLEM, one_neuron_per_assignment, small_corpora
from tests.unit.two_sat.programs.test_voting import random_program


def rows_on(problem: Problem) -> list[Row]:
    """A network whose neurons are exactly the disjunctions of one assignment each."""
    reading = one_neuron_per_assignment(problem.n_assignments)
    splits = small_corpora(problem, 800).splits
    evaluate = formula_evaluator(problem, reading.disjunctions, CPU)
    fit, test = (
        ReadBits(splits[name], evaluate(written_pairs(problem, splits[name])))
        for name in ("analysis.fit", "analysis.test")
    )
    return front_rows(problem, reading, {}, fit, test, confidence=0.95, seed=0)


def test_a_program_that_is_the_network_never_disagrees() -> None:
    by_program = {(row["program"], row["setting"]): row for row in rows_on(SMALL_PROBLEM)}
    assert by_program["disjunction", ""]["disagreements"] == 0
    assert by_program["trees", "2"]["disagreements"] == 0
    assert by_program["lookup table", ""]["n"] == 400


def test_a_wrong_program_disagrees() -> None:
    splits = small_corpora(SMALL_PROBLEM, 800).splits
    program = random_program()
    reading = one_neuron_per_assignment(SMALL_PROBLEM.n_assignments)
    evaluate = formula_evaluator(SMALL_PROBLEM, reading.disjunctions, CPU)
    fit, test = (
        ReadBits(splits[name], evaluate(written_pairs(SMALL_PROBLEM, splits[name]))[:, :4])
        for name in ("analysis.fit", "analysis.test")
    )
    disjunctions = type(reading.disjunctions)(reading.disjunctions.assignments[:4])
    narrow = replace(
        reading,
        neurons=reading.neurons[:4],
        on_rate=reading.on_rate[:4],
        mean_activation=reading.mean_activation[:4],
        disjunctions=disjunctions,
    )
    rows = front_rows(
        SMALL_PROBLEM, narrow, {"random": program}, fit, test, confidence=0.95, seed=0
    )
    assert rows[-1]["program"] == "voting"
    assert rows[-1]["bits"] == positive_bits(Kind.VOTING) + program.size_bits()
    wrong = rows[-1]["disagreements"]
    assert isinstance(wrong, int)
    assert wrong > 100


@pytest.mark.parametrize("target", [0.05])
def test_the_figure_shows_every_row_with_a_length(target: float) -> None:
    rows = rows_on(SMALL_PROBLEM)
    with figure_style():
        axes = front_figure(rows, "front", target, 1000).axes[0]
    points = sum(np.size(line.get_xdata()) for line in axes.lines if line.get_marker() != "None")
    assert points == sum(row["bits"] is not None for row in rows)
