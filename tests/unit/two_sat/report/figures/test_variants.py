"""The figures show the rows they are given."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mechval.axioms import CELLS, Axiom, EvidenceKind
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.report import RunFiles
from mechval.reporting.shown import by
from mechval.two_sat.claim.measure import Measured
from mechval.two_sat.claim.surface import SurfaceRow
from mechval.two_sat.claim.variants.rivals import ONE_BIT
from mechval.two_sat.claim.variants.variant import VARIANTS, VariantRow
from mechval.two_sat.report.figures.claim import draw_rivals, draw_surface, draw_tolerance
from tests.unit.two_sat.claim.variants import own_program

ROOT = Path(__file__).resolve().parents[5]


@pytest.fixture(scope="module")
def tables() -> Measured:
    return own_program.measured(own_program.interpretations())


def family(tables: Measured, name: str) -> list[VariantRow]:
    return [row for row in tables.variants if row.tags["family"] == name]


def rivals(tables: Measured) -> Figure:
    return draw_rivals(family(tables, "rival"), 0.5)


def surface_row(cell: str, cut: float, epsilon: float, **others: object) -> SurfaceRow:
    axiom, component = cell.split("/")
    values = {"high": None, "version": None, "residual": None, "floor": None, **others}
    return SurfaceRow(
        reading="paper",
        unit="activation",
        cut=cut,
        axiom=Axiom(axiom),
        component=component,
        n=100,
        disagreements=1,
        rate=0.01,
        epsilon=epsilon,
        kind=EvidenceKind.SAMPLED,
        n_neurons=3,
        constant_bits=int(cut > 1),
        **values,  # pyright: ignore[reportArgumentType]
    )


def surface(version: str = "trees") -> list[SurfaceRow]:
    rows = []
    for cut in (0.5, 2.0):
        rows.append(surface_row("component equivalence/output", cut, 0.02))
        rows.append(surface_row("prefix equivalence/evaluate", cut, 0.2, version=version))
        for high in (1.0, 2.0):
            cell, epsilon = "prefix replaceability/evaluate", 0.01 * cut * high
            chosen = {"version": version, "residual": "attn_out", "high": high}
            rows.append(surface_row(cell, cut, epsilon, **chosen))
    return rows


def test_the_tolerance_figure_has_a_panel_per_reading(tables: Measured) -> None:
    (axes,) = draw_tolerance(tables.tolerance).axes
    assert axes.get_title() == "reading calibrated"
    assert "of 8" in axes.get_xlabel()
    assert [line.get_label() for line in axes.lines] == ["trees", "disjunction"]


def bars(axes: Axes, read: Callable[[Any], Any]) -> dict[tuple[str, int], Any]:
    """What is read of each bar, by program and cell: three bars of each program in a row."""
    patches = [patch for container in axes.containers for patch in container]
    _, labels = axes.get_legend_handles_labels()
    programs = [label for label in labels if "constant" not in label]
    return {(programs[place // 3], place % 3): read(patch) for place, patch in enumerate(patches)}


def test_the_rivals_figure_draws_each_epsilon(tables: Measured) -> None:
    (axes,) = rivals(tables).axes
    heights = bars(axes, lambda patch: patch.get_height())
    drawn = next(
        row
        for row in family(tables, "rival")
        if (row.tags["setting"], row.name) == ("literal counts", "prefix equivalence/evaluate")
    )
    assert heights["literal counts", 0] == pytest.approx(drawn.epsilon)


def test_the_rivals_figure_hatches_the_rival_that_compares_one_bit(tables: Measured) -> None:
    (axes,) = rivals(tables).axes
    hatches = bars(axes, lambda patch: patch.get_hatch())
    assert [key for key, hatch in hatches.items() if hatch] == [("implication graph", 0)]


def test_the_rivals_caption_does_not_refute_the_claim_by_a_program_without_neurons() -> None:
    caption = " ".join((draw_rivals.__doc__ or "").split())
    assert "says when each neuron fires and has lower bars in every group" in caption
    assert "hatched bar says nothing of neurons" in caption


@pytest.mark.parametrize("run", ["reference", "published"])
def test_no_rival_that_says_when_neurons_fire_has_lower_bars_than_the_claim(run: str) -> None:
    files = RunFiles.of(ROOT / "results" / "two_sat" / run)
    rows = [row for row in files.rows(VARIANTS) if row.tags["family"] == "rival"]
    names = ("prefix equivalence/evaluate", "prefix equivalence/output")
    mains = {(c.interpretation, c.name): c.epsilon for c in files.rows(CELLS)}
    for (about, program), own in by(rows, "tags.reading", "tags.setting").items():
        if any(row.equivalence == ONE_BIT for row in own):
            continue
        residual = own[0].tags["residual"]
        lower = [
            row.epsilon < mains[f"trees/{about}/{residual}", row.name]
            for row in own
            if row.name in names
        ]
        assert lower
        assert not all(lower), program


def test_the_surface_shows_every_value_and_the_published_contour() -> None:
    heat_map = draw_surface(surface(), "attn_out", {"trees": 0.015}).axes[0]
    assert sorted(text.get_text() for text in heat_map.texts) == [
        "0.00500",
        "0.0100",
        "0.0200",
        "0.0400",
    ]
    assert "dashed: printed 0.0150" in heat_map.get_title()
    assert len(heat_map.collections) == 1


@pytest.mark.parametrize("published", [{}, {"trees": 0.9}, {"disjunction": 0.015}])
def test_no_contour_is_drawn_that_the_surface_does_not_reach(published: dict) -> None:
    heat_map = draw_surface(surface(), "attn_out", published).axes[0]
    assert len(heat_map.collections) == 0


def test_constant_bits_are_told_at_their_cut() -> None:
    by_cut = draw_surface(surface(), "attn_out", {}).axes[-1]
    assert [label.get_text() for label in by_cut.get_xticklabels()] == ["0.5", "2\n(1)"]


def test_equal_rows_give_equal_files(tables: Measured, tmp_path) -> None:
    def written(name: str, figure: Figure) -> bytes:
        save_figure(figure, tmp_path, name)
        return (tmp_path / f"{name}.svg").read_bytes()

    with figure_style():
        first, second = (written(n, draw_tolerance(tables.tolerance)) for n in ("first", "second"))
    assert first == second
