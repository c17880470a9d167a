"""What charts show and leave out."""

from mechval.axioms import Axiom, EvidenceKind
from mechval.reporting.html import charts
from tests.unit.reporting.html.toy_run import cell, cells

EVIL = '<img src=x onerror="document.title=1">'


def test_hovering_over_a_cell_tells_its_counts_and_bounds() -> None:
    figure = charts.draw_cells({"main": cells({(Axiom.PREFIX_EQUIVALENCE, "first"): 9})})
    hover = figure.to_plotly_json()["data"][0]["hovertext"][0][0]
    assert hover.startswith("<b>first, prefix equivalence</b><br>N = 1,000 (sampled)")
    assert "… odd: 9 of 400" in hover
    assert "ε, this cell alone at 95%: 0.0157" in hover
    assert "ε, all cells at once: 0.0195" in hover


def test_an_exact_cell_is_shown_instead_of_a_sampled_one_and_called_a_rate() -> None:
    exact = cell(Axiom.PREFIX_EQUIVALENCE, "first", 5, kind=EvidenceKind.EXACT, confidence=None)
    sampled = cell(Axiom.PREFIX_EQUIVALENCE, "first", 3)
    chart = charts.cells_chart("axioms", "ε of every cell", {"main": [sampled, exact]})
    assert chart.caption == "ε of every cell, exact, N = 1,000."
    assert "rate, exact" in chart.html("place")


def test_a_menu_chooses_between_interpretations() -> None:
    figure = charts.draw_cells({"main": cells({}), "another": cells({})}).to_plotly_json()
    (menu,) = figure["layout"]["updatemenus"]
    assert [button["label"] for button in menu["buttons"]] == ["main", "another"]


def test_markup_in_a_name_is_text() -> None:
    rows = [cell(Axiom.PREFIX_EQUIVALENCE, EVIL, 3, equivalence=EVIL)]
    html = charts.cells_chart("axioms", "ε", {EVIL: rows, "other": rows}).html("place")
    assert EVIL not in html
