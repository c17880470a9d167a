"""The progress figure shows every snapshot once per line, and marks what means nothing."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mechval.axioms import Axiom, Verdict
from mechval.axioms.progress import SnapshotCell, SnapshotRow
from mechval.reporting.figures import figure_style
from mechval.reporting.figures_progress import draw_progress, error_of, progress_figures
from mechval.tables import columns_of
from tests.unit.axioms import toy

PARTS = ("parse", "output")
EXAMPLES = (0, 100, 1000)
MEASURES = {"steps": lambda row: 1.0 + row.step}
VERDICTS = {0: Verdict.CONSTANT_NETWORK, 100: Verdict.NOT_BETTER, 1000: Verdict.BETTER}
(CELL, *_) = toy.evaluate_toy(toy.make_toy()).cells

COLUMNS = columns_of(SnapshotCell)


def cell(examples: int | None, axiom: Axiom, component: str, name: str = "trees") -> SnapshotCell:
    made = SnapshotCell(
        phase="final" if examples is None else "training",
        step=examples,
        examples=examples,
        **{name: value for name, value in vars(CELL).items() if name in COLUMNS},
    )
    return replace(
        made,
        interpretation=name,
        axiom=axiom,
        component=component,
        n=8000,
        disagreements=80,
        epsilon=0.012,
        verdict=VERDICTS.get(examples or 0, Verdict.BETTER),
    )


def table() -> list[SnapshotCell]:
    return [
        cell(examples, axiom, part) for examples in EXAMPLES for axiom in Axiom for part in PARTS
    ]


def snapshot(examples: int | None, **refusals: str) -> SnapshotRow:
    phase = "final" if examples is None else "training"
    return SnapshotRow(phase=phase, step=examples, examples=examples, refusals=refusals)


def draw(cells: Sequence[SnapshotCell], **refusals: str) -> Figure:
    """The figure; the interpretations that are refused are so on the first snapshot."""
    rows = [snapshot(0, **refusals), *map(snapshot, (100, 1000, None))]
    with figure_style():
        return draw_progress(cells, rows, MEASURES, unit="formulas seen")


@pytest.fixture
def panels() -> list[Axes]:
    return draw(table()).axes


def test_there_is_a_panel_for_the_curve_and_two_for_the_axioms(panels: list[Axes]) -> None:
    labels = [axes.get_ylabel() for axes in panels]
    assert labels == ["loss (nats), error", "ε of equivalence", "ε of replaceability"]


def test_the_title_says_how_many_inputs_were_judged(panels: list[Axes]) -> None:
    assert "8,000 held-out inputs" in panels[0].get_figure().get_suptitle()  # pyright: ignore


def test_each_line_has_one_point_per_snapshot_of_this_interpretation(panels: list[Axes]) -> None:
    lines = [line for line in panels[1].get_lines() if line.get_alpha() == 0.3]
    assert [len(line.get_xdata()) for line in lines] == [3] * 4  # pyright: ignore


def test_what_is_no_better_than_a_constant_answer_is_hollow(panels: list[Axes]) -> None:
    hollow = [line for line in panels[2].get_lines() if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[0, 100]] * 4  # pyright: ignore


def test_the_line_is_pale_where_epsilon_means_nothing(panels: list[Axes]) -> None:
    lines = [line for line in panels[2].get_lines() if line.get_alpha() == 1]
    shown = [np.isfinite(np.asarray(line.get_ydata(), dtype=float)).tolist() for line in lines]
    assert shown == [[False, False, True]] * 4


def test_a_snapshot_without_interpretation_is_crossed() -> None:
    cells = [cell for cell in table() if cell.examples]
    figure = draw(cells, trees="no neuron")
    crossed = [line for line in figure.axes[1].get_lines() if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crossed] == [[0]]  # pyright: ignore
    (legend,) = figure.legends
    assert "no interpretation found" in [text.get_text() for text in legend.get_texts()]


def test_there_is_a_figure_per_interpretation_that_snapshots_have() -> None:
    parse = Axiom.PREFIX_EQUIVALENCE
    cells = [*table(), cell(None, parse, "parse"), cell(0, parse, "parse", "a/b")]
    cells.append(cell(None, parse, "parse", "of the final network alone"))
    rows = [snapshot(examples) for examples in (*EXAMPLES, None)]
    figures = progress_figures(cells, rows, {"loss": lambda row: 1.0}, unit="formulas seen")
    assert [figure.name for figure in figures] == ["progress-trees", "progress-a-b"]
    with figure_style():
        assert len(figures[0].draw().axes) == 3


def test_a_curve_has_the_snapshots_whose_examples_are_known(panels: list[Axes]) -> None:
    (curve,) = panels[0].get_lines()
    assert list(curve.get_xdata()) == list(EXAMPLES)  # pyright: ignore
    assert list(curve.get_ydata()) == [1.0, 101.0, 1001.0]  # pyright: ignore


def test_no_error_is_drawn_at_half_an_error() -> None:
    assert error_of(1.0, 500) == 0.001
    assert error_of(0.75, 500) == 0.25
