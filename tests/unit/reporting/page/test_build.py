"""Pages from whatever of a run is there."""

import re
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.pipeline.manifest import file_names
from mechval.reporting.page import RunFolder, build_index, build_page
from tests.unit.reporting.page.toy_run import alter, cell, cells, content, write_run, write_stage

EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'


def build(folder: RunFolder, **changes: object) -> str:
    page = build_page(content(**changes), folder, "seed=3", folder.directory / "DEVIATIONS.md")
    return own_text(page)


def own_text(page: Path) -> str:
    """A page without the libraries in it."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"<(script|style)\b[^>]*>.*?</\1>", "", text, flags=re.DOTALL)


def section(text: str, name: str) -> str:
    return text.partition(f'<section id="{name}">')[2].partition("</section>")[0]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "toy" / "one", cells({(1, "first"): 9}))


def test_sections_stand_in_the_stated_order(folder: RunFolder) -> None:
    found = re.findall(r'<section id="([\w-]+)">', build(folder))
    assert found == [
        "claim",
        "paper",
        "axioms",
        "ledger",
        "circuit",
        "nulls",
        "deviations",
        "training",
        "provenance",
    ]


def test_without_results_the_page_gives_the_command(tmp_path: Path) -> None:
    text = build(RunFolder(tmp_path / "toy" / "none"))
    assert "No results yet" in text
    assert "python -m experiments.run +stage=all seed=3" in text
    assert 'id="answer-confirmed"' not in text


def test_an_altered_table_is_told_and_nothing_is_shown_from_it(folder: RunFolder) -> None:
    alter(folder.directory / "axioms" / "axioms.csv")
    text = build(RunFolder(folder.directory))
    assert "axioms/axioms.csv was altered after stage axioms" in section(text, "axioms")
    assert "9 of 1,000" not in text
    assert "No answer yet" in text
    assert "7 does a" in text


def test_a_missing_stage_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    run = tmp_path / "toy" / "part"
    write_stage(run, "axioms", {"axioms.csv": cells({(1, "first"): 9})})
    text = build(RunFolder(run))
    assert "Stage circuit has no result in this run." in text
    assert "9 of 1,000" in text


def test_a_corrupt_manifest_is_told(folder: RunFolder) -> None:
    (folder.directory / "axioms" / "manifest.json").write_text("{", encoding="utf-8")
    text = build(RunFolder(folder.directory))
    assert "axioms/manifest.json is corrupt" in section(text, "axioms")


def test_a_table_of_another_shape_is_told(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "toy" / "odd", [{"colour": "red", "n": 3}])
    assert "cannot be read (KeyError" in section(build(folder), "axioms")


def test_an_altered_figure_is_told(folder: RunFolder) -> None:
    figures = folder.directory / "report" / "figures"
    figures.mkdir()
    (figures / "dots.svg").write_text("<svg/>", encoding="utf-8")
    write_stage(folder.directory, "report", {})
    assert 'id="figure-dots"' in build(RunFolder(folder.directory))
    alter(figures / "dots.svg")
    text = build(RunFolder(folder.directory))
    assert "report/figures/dots.svg was altered" in section(text, "circuit")


def test_markup_in_a_name_is_text(tmp_path: Path) -> None:
    rows = [cell(1, EVIL, 3, interpretation=EVIL, verdict=EVIL)]
    page = build_page(content(), write_run(tmp_path / "toy" / "evil", rows), "", tmp_path / "D.md")
    assert EVIL not in page.read_text(encoding="utf-8")
    assert "&lt;img src=x" in own_text(page)


def test_deviations_are_rendered_without_their_markup(folder: RunFolder) -> None:
    path = folder.directory / "DEVIATIONS.md"
    path.write_text(f"# List\n\n### D1. A *slip*\n\n{EVIL}\n", encoding="utf-8")
    text = section(build(folder), "deviations")
    assert '<h4 id="D1">D1. A <em>slip</em></h4>' in text
    assert EVIL not in text


def test_a_page_is_no_output_of_a_stage(folder: RunFolder) -> None:
    before = file_names(folder.directory / "report")
    build(folder)
    assert (folder.directory / "report" / "index.html").is_file()
    assert file_names(folder.directory / "report") == before


def test_equal_results_give_equal_bytes(folder: RunFolder) -> None:
    assert build(folder) == build(RunFolder(folder.directory))


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("a file", encoding="utf-8")
    with pytest.raises(MechvalError, match=r"index\.html cannot be written"):
        build(RunFolder(tmp_path / "toy" / "one"))


def test_the_index_compares_runs_and_links_their_pages(folder: RunFolder) -> None:
    results = folder.directory.parents[1]
    write_run(results / "toy" / "two", cells({(4, "second"): 200}))
    build(folder)
    contents = {"toy": content(), "other": content(study="other", title="Another")}
    text = own_text(build_index(results, contents, {folder.directory: "seed=3"}))
    assert '<a href="toy/one/report/index.html">one</a>' in text
    assert ">two</td>" in text
    assert "Confirmed in part" in text
    assert "No results yet. Run: python -m experiments.run +stage=all study=other" in text
    assert "+stage=all seed=3" in text


def test_a_ledger_shows_exact_integers_in_full(folder: RunFolder) -> None:
    total = 12345678901234567890123
    row = {name: "" for name in ("axiom", "component", "interpretation", "distribution", "file")}
    row |= {name: "" for name in ("n", "confidence", "margin", "numerical_error", "stopped_by")}
    write_stage(
        folder.directory,
        "certify",
        {
            "ledger.csv": [
                {
                    **row,
                    "statement": "All formulas parse.",
                    "kind": "certified",
                    "domain": "all formulas",
                    "count_lower": 0,
                    "count_upper": 0,
                    "total": total,
                    "value_lower": 0.0,
                    "value_upper": 0.0,
                }
            ]
        },
    )
    text = section(build(RunFolder(folder.directory)), "ledger")
    assert f"{total:,}" in text
    assert "1 certified, 0 exact, 0 sampled, 0 unknown" in text
