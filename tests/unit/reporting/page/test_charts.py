"""What charts leave out."""

from mechval.reporting.page.charts import draw_ledger


def statement(interpretation: str, upper: str = "0.5") -> dict[str, str]:
    row = {"interpretation": interpretation, "kind": "exact", "value_lower": "0", "n": ""}
    named = {"statement": "it fails", "count_lower": "", "count_upper": "", "total": ""}
    rest = dict.fromkeys(("domain", "distribution", "margin", "numerical_error", "stopped_by"), "")
    return row | named | rest | {"value_upper": upper, "confidence": "", "file": ""}


def test_the_ledger_chart_shows_the_claimed_interpretation_and_the_network() -> None:
    rows = [statement(""), statement("claimed"), statement("another"), statement("claimed")]
    figure = draw_ledger(rows).to_plotly_json()
    assert list(figure["layout"]["yaxis"]["ticktext"]) == ["1", "2", "4"]
    assert sum(len(trace["y"]) for trace in figure["data"]) == 3
