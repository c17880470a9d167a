"""What charts show and leave out."""

from dataclasses import replace

from mechval.axioms import Axiom, EvidenceKind, Statement
from mechval.reporting.html import charts
from tests.unit.reporting.html.toy_run import cell, cells

EVIL = '<img src=x onerror="document.title=1">'


def statement(interpretation: str | None, upper: float | None = 0.5) -> Statement:
    kind = EvidenceKind.UNKNOWN if upper is None else EvidenceKind.EXACT
    return Statement(
        statement=EVIL,
        kind=kind,
        domain="all",
        distribution="uniform",
        file="ledger.csv",
        interpretation=interpretation,
        count_lower=None if upper is None else 0,
        count_upper=None if upper is None else 1,
        total=None if upper is None else 2,
        value_lower=None if upper is None else 0.0,
        value_upper=upper,
        stopped_by="time" if upper is None else None,
    )


def test_the_ledger_chart_shows_every_statement_with_a_bound_the_strongest_kind_on_top() -> None:
    proved = replace(
        statement(None, 0.0), kind=EvidenceKind.CERTIFIED, margin=1.0, numerical_error=0.0
    )
    traces = charts.draw_ledger(
        [statement("a"), statement("b", None), proved, statement("b")]
    ).to_plotly_json()["data"]
    places = {trace["name"]: list(trace["y"]) for trace in traces}
    assert places == {"certified": [0], "exact": [1, 2], "sampled": [], "unknown": []}


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
    assert EVIL not in html + charts.ledger_chart([statement(None)]).html("place")
