"""The progress figure shows every snapshot once per line, and marks what means nothing."""

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mechval.reporting.figures import figure_style
from mechval.reporting.figures_progress import Curve, draw_progress
from mechval.reporting.tables import Row

PARTS = ("parse", "output")
EXAMPLES = (0, 100, 1000)
CURVES = [Curve("loss", "training", EXAMPLES, (2.0, 1.0, 0.1))]


def cell(examples: int | None, axiom: int, component: str, **changes: object) -> Row:
    row = {
        "phase": "final" if examples is None else "training",
        "step": examples,
        "examples": examples,
        "interpretation": "trees",
        "axiom": axiom,
        "component": component,
        "n": 8000,
        "disagreements": 80,
        "epsilon": 0.012,
        "verdict": "better than constant",
        "reason": None,
    }
    return {**row, **changes}  # pyright: ignore[reportReturnType]


def table() -> list[Row]:
    verdicts = {0: "none: t is constant", 100: "not better than constant"}
    rows = [
        cell(examples, axiom, part, verdict=verdicts.get(examples, "better than constant"))
        for examples in EXAMPLES
        for axiom in (1, 2, 3, 4)
        for part in PARTS
    ]
    return [*rows, cell(None, 1, "parse"), cell(0, 1, "parse", interpretation="disjunction")]


def draw(rows: Sequence[Row]) -> Figure:
    with figure_style():
        return draw_progress(rows, CURVES, interpretation="trees", unit="formulas seen")


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
    absent = dict.fromkeys(("axiom", "component", "n", "disagreements", "epsilon", "verdict"))
    nothing = {**cell(0, 1, "parse"), **absent, "reason": "no neuron"}
    rows = [row for row in table() if row["examples"] != 0]
    figure = draw([nothing, *rows])
    crossed = [line for line in figure.axes[1].get_lines() if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crossed] == [[0]]  # pyright: ignore
    (legend,) = figure.legends
    assert "no interpretation found" in [text.get_text() for text in legend.get_texts()]


def test_the_same_rows_give_the_same_picture_of_any_network() -> None:
    other = [
        {**row, "component": {"parse": "embedding", "output": "logits"}[str(row["component"])]}
        for row in table()
    ]
    assert len(draw(other).axes) == len(draw(table()).axes)
