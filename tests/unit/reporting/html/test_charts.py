"""What charts show and leave out."""

import re

import numpy as np
from matplotlib.colors import to_rgb

from mechval.axioms import Axiom, EvidenceKind, Verdict
from mechval.reporting import figures
from mechval.reporting.html import render
from mechval.reporting.palette import EPSILON_COLOURS
from mechval.reporting.report import Chart
from tests.unit.reporting.html.toy_run import cell, cells

EVIL = '<img src=x onerror="document.title=1">'


def test_a_cell_tells_its_counts_and_bounds() -> None:
    main = cells({(Axiom.PREFIX_EQUIVALENCE, "first"): 9})
    html = render.chart(Chart("axioms", "ε", {"main": main}))
    told = html.partition('role="tooltip">')[2].partition("</span>")[0]
    assert told.startswith("<b>first, prefix equivalence</b><br>N = 1,000 (sampled)")
    assert "… odd: 9 of 400" in told
    assert "<br>ε at 95%: 0.0157" in told
    assert "simultaneous ε: 0.0195" in told


def test_an_exact_cell_is_called_a_rate() -> None:
    exact = cell(Axiom.PREFIX_EQUIVALENCE, "first", 5, kind=EvidenceKind.EXACT, confidence=None)
    chart = Chart("axioms", "ε of every cell", {"main": [exact]})
    html = render.chart(chart)
    assert "<figcaption>ε of every cell, exact, N = 1,000; dark is worse.</figcaption>" in html
    assert "rate, exact" in html


def test_a_pale_cell_in_which_a_constant_answer_does_as_well_is_marked() -> None:
    trivial = cell(Axiom.PREFIX_REPLACEABILITY, "first", 0, verdict=Verdict.CONSTANT_NETWORK)
    chart = Chart("nulls", "ε", {"untrained": [trivial]})
    html = render.chart(chart)
    assert "✗: a constant answer does as well.</figcaption>" in html
    assert ">0.00299 ✗<span" in html
    assert "✗" not in render.chart(Chart("axioms", "ε", {"main": cells({})}))


def test_dark_is_worse_on_the_chart_and_on_every_figure() -> None:
    ends = [to_rgb(colour) for _, colour in (EPSILON_COLOURS[0], EPSILON_COLOURS[-1])]
    assert sum(ends[0]) > sum(ends[1])
    _, (axes,) = figures.panels(1)
    figures.epsilon_map(axes, np.array([[1e-5, 1.0]]), ["row"], ["best", "worst"])
    (image,) = axes.get_images()
    drawn = image.to_rgba(np.asarray(image.get_array()))[0, :, :3]
    assert np.allclose(drawn, ends, atol=0.01)
    main = cells({(Axiom.PREFIX_EQUIVALENCE, "first"): 900})
    html = render.chart(Chart("axioms", "ε", {"main": main}))
    first, second, *_ = map(float, re.findall(r"--shade: ([\d.]+)", html))
    assert first > second


def test_a_menu_chooses_between_interpretations() -> None:
    html = render.chart(Chart("a", "ε", {"main": cells({}), "another": cells({})}))
    assert re.findall("<option>(.*?)</option>", html) == ["main", "another"]
    assert re.findall('<table class="cells" aria-label="(.*?)"( hidden)?>', html) == [
        ("main", ""),
        ("another", " hidden"),
    ]
    assert "<select" not in render.chart(Chart("a", "ε", {"main": cells({})}))


def test_markup_in_a_name_is_text() -> None:
    rows = [cell(Axiom.PREFIX_EQUIVALENCE, EVIL, 3, equivalence=EVIL)]
    html = render.chart(Chart("axioms", "ε", {EVIL: rows, "other": rows}))
    assert EVIL not in html
