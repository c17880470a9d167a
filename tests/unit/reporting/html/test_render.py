"""Sections as HTML: every part in its place, links that lead somewhere, markup as text."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Drawing

from mechval.errors import MechvalError
from mechval.reporting.html import render
from mechval.reporting.report import Chart, Figure, RunFiles, Section
from mechval.reporting.shown import CellText, Shown

EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
DOTS = '<svg xmlns="http://www.w3.org/2000/svg"/>'

Render = Callable[..., str]


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Render:
    """Renders one section with the given template and parts."""
    sections = tmp_path / "toy_page" / "sections"
    sections.mkdir(parents=True)
    (sections.parent / "__init__.py").touch()
    (tmp_path / "report" / "figures").mkdir(parents=True)
    (tmp_path / "report" / "figures" / "dots.svg").write_text(DOTS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_page", raising=False)

    def section(template: str, faults: dict[str, str] | None = None, **parts: object) -> str:
        (sections / "toy.md").write_text(template, encoding="utf-8")
        files = RunFiles(None, 0, {"report": tmp_path / "report"}, faults or {})
        return render.render_section(Section("A toy", "toy.md", parts), "toy_page", files).html

    return section


def test_text_is_markdown(rendered: Render) -> None:
    assert rendered("One *word*, {{ n }} of `them`.", n=1000) == (
        "<p>One <em>word</em>, 1,000 of <code>them</code>.</p>\n"
    )


def test_a_table_is_sortable_by_its_numbers_and_stands_alone(rendered: Render) -> None:
    row = (CellText("a", link="../x.csv"), CellText("0.5", 0.5, 0.25))
    html = rendered(
        "before\n\n{{ shown }}\n\nafter", shown=Shown(("name", "ε"), (False, True), (row,))
    )
    assert '<table class="sortable" id="table-a-toy-0">' in html
    assert '<td><a href="../x.csv">a</a></td>' in html
    assert '<td class="number shaded" data-order="0.5" style="--shade: 0.250">0.5</td>' in html
    assert "<p><div" not in html.replace("\n", "")
    assert html.index("before") < html.index("<table") < html.index("after")


def test_cells_are_markdown_as_in_the_report(rendered: Render) -> None:
    shown = Shown(("name",), (False,), ((CellText("`a_b` *x* a_b_c"),),))
    assert "<td><code>a_b</code> <em>x</em> a_b_c</td>" in rendered("{{ one }}", one=shown)


def test_figures_are_in_the_page_with_their_captions(rendered: Render) -> None:
    dots = Figure("dots", Drawing, "Look.")
    html = rendered("{% for one in dots %}\n{{ one }}\n\n{% endfor %}", dots=[dots, dots])
    assert html.count('src="data:image/svg+xml,') == 2
    assert html.count("<figcaption>Look.</figcaption>") == 2
    assert 'href="figures/dots.svg"' in html


def test_a_figure_that_was_not_drawn_is_told(rendered: Render) -> None:
    html = rendered("text\n\n{{ one }}", one=Figure("lines", Drawing, "Look."))
    assert '<p class="notice">Figure lines is not there; run: +stage=report.</p>' in html
    faults = {"report": "missing or altered: figures/dots.svg"}
    html = rendered("{{ one }}", faults, one=Figure("dots", Drawing, "Look."))
    assert "missing or altered: figures/dots.svg" in html
    assert "data:image" not in html


def test_a_chart_is_drawn_with_an_id_of_its_own(rendered: Render) -> None:
    html = rendered("{{ chart }}", chart=Chart("cells", "ε < 1", {}))
    assert '<figure class="chart"><div id="chart-cells">' in html
    assert "<figcaption>ε &lt; 1, " in html


def test_tables_written_in_the_text_can_be_scrolled(rendered: Render) -> None:
    assert '<div class="scroll"><table>' in rendered("| a |\n|---|\n| b |\n")


def test_links_to_deviations_lead_to_their_page(rendered: Render) -> None:
    link = "../../../../docs/DEVIATIONS.md"
    html = rendered(
        f"[list]({link}) [one]({link}#d1-a-slip)\n\n{{{{ cells }}}}",
        cells=Shown(("see",), (False,), ((CellText("D2", link=f"{link}#d2"),),)),
    )
    assert 'href="../../../deviations.html#deviations"' in html
    assert 'href="../../../deviations.html#D1"' in html
    assert 'href="../../../deviations.html#D2"' in html


def test_a_cell_that_names_a_deviation_leads_to_it(rendered: Render) -> None:
    shown = Shown(("deviation",), (False,), ((CellText("U13"),), (CellText("U13a"),)))
    html = rendered("{{ one }}", one=shown)
    assert '<td><a href="../../../deviations.html#U13">U13</a></td>' in html
    assert "<td>U13a</td>" in html


def test_markup_is_text_wherever_it_comes_from(rendered: Render) -> None:
    shown = Shown((EVIL,), (False,), ((CellText(EVIL),),))
    chart = Chart("cells", EVIL, {EVIL: []})
    dots = Figure("dots", Drawing, EVIL)
    html = rendered("{{ a }}\n\n{{ b }}\n\n{{ c }}\n\n{{ d }}", a=EVIL, b=shown, c=chart, d=dots)
    assert "<img src=x" not in html
    assert "<script" not in html


def test_a_maker_that_refuses_is_told_under_its_name() -> None:
    def paper_table(files: RunFiles) -> Section:
        raise MechvalError("axioms/axioms.csv is missing.")

    made = render.make_section(paper_table, "toy", RunFiles(None, 0, {}))
    assert made is not None
    assert (made.id, made.title) == ("paper-table", "Paper table")
    assert made.html.strip() == '<p class="notice">axioms/axioms.csv is missing.</p>'


def test_a_programming_error_is_not_told_as_a_refusal() -> None:
    def broken(files: RunFiles) -> Section:
        raise KeyError("epsilon")

    with pytest.raises(KeyError):
        render.make_section(broken, "toy", RunFiles(None, 0, {}))


def test_deviations_are_rendered_with_ids_and_without_their_markup(tmp_path: Path) -> None:
    path = tmp_path / "DEVIATIONS.md"
    path.write_text(f"# List\n\n## Ours\n\n### D1. A *slip*\n\n{EVIL}\n", encoding="utf-8")
    html = render.deviations(path).html
    assert '<h4 id="D1">D1. A <em>slip</em></h4>' in html
    assert "<h3>Ours</h3>" in html
    assert EVIL not in html


def test_a_missing_list_of_deviations_is_told(tmp_path: Path) -> None:
    assert "DEVIATIONS.md is missing here" in render.deviations(tmp_path / "DEVIATIONS.md").html
