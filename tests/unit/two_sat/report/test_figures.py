from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mechval.reporting.figures import figure_style
from mechval.reporting.report import make_sections, with_figures
from mechval.two_sat.circuit.evidence.neuron_rows import MeanActivationRow, NeuronReading, NeuronRow
from mechval.two_sat.network.training import LearningCurveRow
from mechval.two_sat.problem import Problem
from mechval.two_sat.report import claim_sections, content, network_sections
from mechval.two_sat.report.figures.network import draw_assignments, draw_learning_curve
from tests.unit.two_sat.report.toy_results import write_results

PERFECT = LearningCurveRow(
    phase="training",
    step=1,
    examples=100,
    train_loss=0.1,
    selection_loss=0.1,
    selection_accuracy=1.0,
    learning_rate=1e-3,
)


def lines_of(figure, row: int = 0) -> dict[str, list[float]]:
    return {str(line.get_label()): list(line.get_ydata()) for line in figure.axes[row].lines}


def test_an_accuracy_of_one_is_drawn_at_half_an_error():
    figure = draw_learning_curve([PERFECT], {"training": 500}, with_published=False)
    assert lines_of(figure)["error: this run, selection split (N = 500)"] == [0.5 / 500]


@pytest.mark.parametrize("with_published", [True, False])
def test_the_published_log_is_drawn_only_where_it_compares(with_published):
    figure = draw_learning_curve([PERFECT], {"training": 500}, with_published)
    assert any("published" in label for label in lines_of(figure)) is with_published


def test_each_phase_has_its_own_column():
    other = replace(PERFECT, phase="finishing")
    n_formulas = {"training": 500, "finishing": 500}
    assert len(draw_learning_curve([PERFECT, other], n_formulas, with_published=False).axes) == 4


def test_neurons_are_sorted_by_their_strongest_assignment():
    strongest = [3, 0, 2, 1, 0]
    means = [
        MeanActivationRow(neuron, {str(a): float(a == best) for a in range(4)})
        for neuron, best in enumerate(strongest)
    ]
    reading = {"calibrated": NeuronReading(evaluates=True, is_constant=False)}
    neurons = [NeuronRow(neuron, 1.0, 1.0, 1.0, 0.2, True, reading) for neuron in range(5)]
    image = draw_assignments(means, neurons, "calibrated").axes[1].images[0].get_array()
    assert np.asarray(image).argmax(axis=1).tolist() == sorted(strongest)


SIZES = {
    "smallest, one neuron": (Problem(n_variables=3, n_clauses=4), 1),
    "largest, many neurons": (Problem(n_variables=8, n_clauses=20), 70),
    "the paper's": (Problem(n_variables=5, n_clauses=10), 34),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_every_figure_can_be_drawn_at_every_size(tmp_path: Path, size):
    problem, n_neurons = size
    files = write_results(tmp_path / "run", problem, n_neurons=n_neurons)
    makers = (network_sections.training, network_sections.circuit, claim_sections.axioms)
    sections = make_sections(with_figures(makers, *content.FIGURES), files)
    figures = [figure for section in sections for figure in section.figures]
    with figure_style():
        for figure in figures:
            FigureCanvasAgg(figure.draw()).draw()
    assert len(figures) == 4
