"""One list of sections becomes a page: every part is shown, and nothing absent passes."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from matplotlib.figure import Figure as Drawing

from mechval import tables
from mechval.errors import MechvalError
from mechval.reporting import report
from mechval.reporting.report import Chart, Figure, RunFiles, Section
from mechval.reporting.shown import CellText, counted, interval, show


@dataclass(frozen=True)
class Stratum:
    n: int = tables.told("N")
    wrong: int = tables.count("wrong")


@dataclass(frozen=True)
class Row:
    name: str
    epsilon: float = tables.rate("ε")
    share: float = tables.rate("share", unit="%")
    strata: Mapping[str, Stratum] = tables.told()
    reason: str | None = None


TABLE = tables.Table("first/rows.csv", Row)
ROWS = (
    Row("a|b", 0.0000374, 0.4242, {"SAT": Stratum(80_000, 280)}),
    Row("c", 0.0029, 0.5, {"SAT": Stratum(80_000, 0)}, "none"),
)

Render = Callable[..., str]


@pytest.fixture
def render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Render:
    """Renders one section with the given template and parts."""
    sections = tmp_path / "toy_report" / "sections"
    sections.mkdir(parents=True)
    (sections.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_report", raising=False)

    def page(template: str, **parts: object) -> str:
        (sections / "toy.md").write_text(template, encoding="utf-8")
        section = Section("Toy", "toy.md", parts, ("first/rows.csv", "first/facts.json"))
        return report.render_markdown("Page", [section], "toy_report")

    return page


def drawing() -> Drawing:
    figure = Drawing(figsize=(1, 1))
    figure.subplots()
    return figure


def test_a_page_has_its_title_the_sections_and_their_sources(render: Render) -> None:
    assert render("Text.") == (
        "# Page\n\n## Toy\n\nText.\n\n"
        "Source: [`first/rows.csv`](../first/rows.csv), [`first/facts.json`]"
        "(../first/facts.json).\n"
    )


def test_a_table_stands_where_the_template_names_it(render: Render) -> None:
    shown = show(ROWS, "name", "epsilon", "share", "strata.SAT.wrong", "reason")
    assert (
        "before\n\n"
        "| name | ε | share | wrong | reason |\n"
        "|---|---:|---:|---:|---|\n"
        "| a\\|b | 3.74e-5 | 42.42% | 280 |  |\n"
        "| c | 0.00290 | 50.00% | 0 | none |\n\n"
        "after"
    ) in render("before\n\n{{ shown }}\n\nafter", shown=shown)


def test_a_title_of_one_s_own_keeps_the_declared_format(render: Render) -> None:
    shown = show(ROWS, ("of it", "share"), ("twice", lambda row: 2 * row.epsilon))
    assert "| of it | twice |" in render("{{ shown }}", shown=shown)
    assert [cell.text for cell in shown.rows[0]] == ["42.42%", "7.48e-5"]


def test_a_table_without_rows_has_its_titles(render: Render) -> None:
    assert "| name | epsilon |" in render(
        "{{ shown }}", shown=show([], "name", ("epsilon", "epsilon"))
    )


def test_a_figure_is_shown_as_a_drawing_with_its_caption(render: Render) -> None:
    page = render("{{ figure }}", figure=Figure("dots", drawing, "What is seen."))
    assert "![What is seen.](figures/dots.svg)\n\n*What is seen.*" in page


def test_an_interactive_chart_is_left_out(render: Render) -> None:
    page = render("a{{ chart }}b", chart=Chart("cells", "ε.", {}))
    assert "\nab\n" in page


def test_a_cell_may_lead_somewhere(render: Render) -> None:
    assert "| [file](a.cnf) |" in render(
        "{{ shown }}",
        shown=show(ROWS, ("file", lambda _: CellText("file", link="a.cnf"))),
    )


def test_a_template_that_names_an_absent_part_fails(render: Render) -> None:
    with pytest.raises(UndefinedError, match="shown"):
        render("{{ shown }}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (80_000, "80,000"),
        (0.0000374, "3.74e-5"),
        (0.99997, "0.99997"),
        (1.0, "1.00"),
        (True, "yes"),
        (False, ""),
        (None, ""),
        ("trees", "trees"),
    ],
    ids=str,
)
def test_values_read_as_people_read_them(render: Render, value: object, expected: str) -> None:
    assert f"\n<{expected}>\n" in render("<{{ value }}>", value=value)


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [(0.1, 0.2, "0.100 to 0.200"), (3, 3, "3"), (None, 7, "7"), (1, None, "")],
)
def test_an_interval_with_one_value_is_that_value(
    lower: float | None, upper: float | None, expected: str
) -> None:
    assert interval(lower, upper).text == expected


def test_a_count_sorts_by_its_share() -> None:
    assert counted(280, 80_000) == CellText("280 of 80,000", 0.0035)


def test_a_section_names_the_files_that_were_read(tmp_path: Path) -> None:
    TABLE.write(ROWS, tmp_path)
    files = RunFiles(None, 0, {"first": tmp_path})

    def maker(files: RunFiles) -> Section:
        assert files.rows(TABLE) == ROWS
        return Section("Toy", "toy.md", {"rows": files.rows(TABLE)}, ("first/more.csv",))

    section = report.make_section(maker, files)
    assert section is not None
    assert section.sources == ("first/rows.csv", "first/more.csv")


def test_a_maker_with_nothing_to_say_makes_no_section() -> None:
    assert report.make_sections([lambda files: None], RunFiles(None, 0, {})) == []


def test_a_missing_table_is_refused_by_name(tmp_path: Path) -> None:
    files = RunFiles(None, 0, {"first": tmp_path})
    with pytest.raises(MechvalError, match=r"rows\.csv is missing"):
        files.rows(TABLE)


def test_a_stage_that_has_not_run_is_refused_by_name() -> None:
    with pytest.raises(MechvalError, match=r"no stage first; run: \+stage=first"):
        RunFiles(None, 0, {}).rows(TABLE)


def test_a_report_is_a_page_and_its_figures(render: Render, tmp_path: Path) -> None:
    render("Text.")
    figures = tuple(Figure(name, drawing, name) for name in ("one", "two"))
    folder = tmp_path / "report"
    folder.mkdir()
    section = Section("Toy", "toy.md", figures=figures)
    report.write_report("Page", [lambda _: section], RunFiles(None, 0, {}), "toy_report", folder)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert names == {"README.md", "figures/one.svg", "figures/two.svg"}


@report.shown_in("toy", TABLE)
def draw_one_alone(rows: tuple[Row, ...]) -> Drawing:
    """Look."""
    return drawing()


@report.shown_in("toy", TABLE, given=lambda files: {"a": [1], "b": [2]})
def draw_many(rows: tuple[Row, ...], number: int) -> Drawing:
    """Of *:
    look.

    No part of the caption.
    """
    return drawing()


@report.shown_in("toy", given=lambda files: None)
@report.shown_in("another", TABLE)
def draw_elsewhere(rows: tuple[Row, ...]) -> Drawing:
    """Nowhere in the toy."""
    return drawing()


def test_a_declared_figure_is_shown_below_its_section_and_linked(
    render: Render, tmp_path: Path
) -> None:
    TABLE.write(ROWS, tmp_path)
    (maker,) = report.with_figures([lambda _: Section("Toy", "toy.md")], sys.modules[__name__])
    section = report.make_section(maker, RunFiles(None, 0, {"first": tmp_path}))
    assert section is not None
    assert [figure.name for figure in section.figures] == ["one-alone", "many-a", "many-b"]
    assert section.sources == (TABLE.file,)
    assert all(isinstance(figure.draw(), Drawing) for figure in section.figures)
    render("See [it](figures/one-alone.svg).")
    page = report.render_markdown("Page", [section], "toy_report")
    below = (
        "See [it](figures/one-alone.svg).\n\nDrawn below: [many a](figures/many-a.svg), [many b]("
    )
    assert below in page
    assert page.count("![") == 3
    assert "![Of b: look.](figures/many-b.svg)" in page


def test_a_section_with_nothing_to_say_has_no_figures() -> None:
    (maker,) = report.with_figures([lambda _: None], sys.modules[__name__])
    assert report.make_section(maker, RunFiles(None, 0, {})) is None


def test_a_table_is_there_if_its_stage_is_whole_and_wrote_it(tmp_path: Path) -> None:
    TABLE.write(ROWS, tmp_path)
    other = tables.Table("first/others.csv", Row)
    whole = RunFiles(None, 0, {"first": tmp_path})
    assert whole.has(TABLE)
    assert not whole.has(other)
    assert not RunFiles(None, 0, {}).has(TABLE)
    assert not RunFiles(None, 0, {"first": tmp_path}, {"first": "altered"}).has(TABLE)
