"""Pages from whatever of a run is there."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Drawing

from mechval.axioms import Axiom, Cell
from mechval.errors import MechvalError
from mechval.pipeline.manifest import file_names
from mechval.pipeline.stage import PageConfig
from mechval.reporting.html.index import build_index
from mechval.reporting.html.page import PageRun, build_page
from mechval.reporting.report import Figure, Section
from tests.unit.reporting.html.toy_run import (
    ToySettings,
    alter,
    cell,
    cells,
    content,
    toy_run,
    write_run,
)

EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
NINE = cells({(Axiom.PREFIX_EQUIVALENCE, "first"): 9})


def build(folder: Path, **changes: object) -> str:
    return own_text(build_page(toy_run(folder, **changes)))


def own_text(page: Path) -> str:
    """A page without the libraries in it."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"<(script|style)\b[^>]*>.*?</\1>", "", text, flags=re.DOTALL)


def section(text: str, name: str) -> str:
    return text.partition(f'<section id="{name}">')[2].partition("</section>")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path, "one", NINE)


def test_the_claim_comes_first_then_the_reports_sections_then_where_all_is_from(
    folder: Path,
) -> None:
    found = re.findall(r'<section id="([\w-]+)">', build(folder))
    assert found == ["claim", "axioms", "circuit-evidence", "provenance"]


def test_evidence_is_folded_and_the_axioms_are_not(folder: Path) -> None:
    text = build(folder)
    assert '<details class="section">' in section(text, "circuit-evidence")
    assert '<details class="section">' not in section(text, "axioms")


def beside(run: PageRun) -> Section:
    return Section("Circuit evidence", "circuit.md", {"table": ""}, figures=(DRAWN,))


DRAWN = Figure("drawn", Drawing, "Before and after.")


def test_a_run_beside_another_is_drawn_with_the_page(folder: Path) -> None:
    text = section(build(folder, makers=(), beside=beside), "circuit-evidence")
    assert 'src="data:image/svg+xml,' in text
    assert "<figcaption>Before and after.</figcaption>" in text
    assert "figures/drawn.svg" not in text


def test_what_a_comparison_lacks_is_told(folder: Path) -> None:
    def refuse(run: PageRun) -> Section:
        raise MechvalError("This run has no stage train.")

    assert "This run has no stage train." in section(
        build(folder, beside=refuse), "before-and-after"
    )


def test_deviations_are_a_page_that_all_pages_link(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "LIST.md"
    listed.write_text("# Deviations\n\n### D1. A slip\n", encoding="utf-8")
    build_index(tmp_path / "results", {}, listed)
    page = own_text(tmp_path / "results" / "deviations.html")
    assert '<h4 id="D1">D1. A slip</h4>' in page
    assert 'href="../../../deviations.html#deviations"' in build(folder)
    assert "A slip" not in build(folder)


def test_a_page_asks_for_nothing_from_the_network(folder: Path) -> None:
    text = build(folder)
    assert re.findall(r'(?:src|href)="(?:https?:)?//', text) == []
    assert "@import" not in build_page(toy_run(folder)).read_text(encoding="utf-8")[:10_000]


def test_a_section_names_its_files_and_the_command_that_makes_them(folder: Path) -> None:
    text = section(build(folder), "axioms")
    assert '<a href="../axioms/axioms.csv">axioms/axioms.csv</a>' in text
    assert "<code>python -m experiments.run +stage=axioms study=toy seed=3</code>" in text


def test_provenance_lists_every_stage_with_its_command(folder: Path) -> None:
    text = section(build(folder), "provenance")
    row = text.partition('<tr id="stage-circuit">')[2].partition("</tr>")[0]
    assert "whole: 1 files" in row
    assert "seed 0, code c0de" in row
    assert "+stage=circuit study=toy seed=3" in row


def test_an_altered_table_is_told_and_nothing_is_shown_from_it(folder: Path) -> None:
    alter(folder / "axioms" / "axioms.csv")
    text = build(folder)
    fault = "missing or altered: axioms.csv"
    assert fault in section(text, "claim")
    assert f"Nothing is shown from stage axioms: {fault}" in section(text, "axioms")
    assert fault in section(text, "provenance")
    assert "9 of 1,000" not in text
    assert "No answer yet" in text
    assert "7 does a" in text


def test_a_missing_stage_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    text = build(write_run(tmp_path, "part", NINE, stages=("axioms",)))
    assert "circuit" in section(text, "circuit")
    assert 'class="notice"' in section(text, "circuit")
    assert "Not made in this run: data, train, circuit, report." in section(text, "claim")
    assert "missing or altered" not in text
    assert "9 of 1,000" in text


def test_a_damaged_manifest_is_told(folder: Path) -> None:
    (folder / "axioms" / "manifest.json").write_text("{", encoding="utf-8")
    assert "axioms/manifest.json is corrupt" in section(build(folder), "axioms")


def test_refusals_do_not_tell_where_the_results_lie(folder: Path) -> None:
    (folder / "circuit" / "neurons.csv").write_text("colour\nred\n", encoding="utf-8")
    run = toy_run(folder)
    whole = {name: replace(state, fault="") for name, state in run.states.items()}
    run.__dict__["states"] = whole
    text = own_text(build_page(run))
    assert "circuit/neurons.csv is not the table that is declared" in text
    assert str(folder) not in text


def test_markup_in_a_name_is_text(tmp_path: Path) -> None:
    row = cell(Axiom.PREFIX_EQUIVALENCE, EVIL, 3, interpretation=EVIL, equivalence=EVIL)
    folder = write_run(tmp_path, "evil", [row])
    page = build_page(toy_run(folder))
    assert EVIL not in page.read_text(encoding="utf-8")
    assert "&lt;img src=x" in own_text(page)


def test_a_page_is_no_output_of_a_stage(folder: Path) -> None:
    before = file_names(folder / "report")
    build(folder)
    assert (folder / "report" / "index.html").is_file()
    assert file_names(folder / "report") == before


def test_equal_results_give_equal_bytes(folder: Path) -> None:
    assert build(folder) == build(folder)


def test_a_page_that_cannot_be_written_is_refused(folder: Path) -> None:
    (folder / "report" / "index.html").mkdir()
    with pytest.raises(MechvalError, match=r"index\.html cannot be written"):
        build(folder)


def index(runs: dict[str, list[PageRun]], results: Path) -> str:
    titled = {content(study=study, title=f"About {study}"): own for study, own in runs.items()}
    return own_text(build_index(results, titled, results / "none.md"))


def test_the_index_compares_runs_and_links_their_pages(folder: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path, "two", cells({(Axiom.COMPONENT_REPLACEABILITY, "second"): 200}))
    build(folder)
    text = index({"toy": [toy_run(folder), toy_run(other)], "none": []}, tmp_path / "results")
    assert '<a href="toy/one/report/index.html">one</a>' in text
    assert ">two</td>" in text
    assert "Confirmed in part" in text
    assert "second, component replaceability" in text
    assert "No results yet. Run: python -m experiments.run +stage=all study=none" in text
    assert "+stage=all study=toy seed=3" in text


def test_the_index_tells_what_of_a_run_is_missing_or_altered(folder: Path, tmp_path: Path) -> None:
    alter(folder / "axioms" / "axioms.csv")
    text = index({"toy": [toy_run(folder)]}, tmp_path / "results")
    assert "missing or altered: axioms<" in text
    assert "No answer yet" in text


def test_the_index_says_of_stages_that_were_never_made_that_they_were_not(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "part", NINE, stages=("axioms", "circuit"))
    text = index({"toy": [toy_run(folder)]}, tmp_path / "results")
    assert "<td>not made: data, train, report</td>" in " ".join(text.split()).replace("> n", ">n")
    assert "missing or altered" not in text


def test_every_page_and_the_index_tell_the_accuracy(folder: Path, tmp_path: Path) -> None:
    assert "accuracy <b>0.90000 (1 of 10 wrong)</b>" in build(folder)
    assert "0.90000 (1 of 10 wrong)" in index({"toy": [toy_run(folder)]}, tmp_path / "results")
    bare = write_run(tmp_path / "bare", "one", NINE, stages=("axioms",))
    assert "accuracy <b>not known</b>" in build(bare)


def test_what_counts_as_holding_is_a_setting_of_the_run(tmp_path: Path) -> None:
    run = toy_run(write_run(tmp_path, "one", NINE))
    strict = replace(run, settings=ToySettings(page=PageConfig(bar=0.001)))
    held = [[each.holds(cell) for cell in each.cells] for each in (run.judged, strict.judged)]
    assert all(held[0])
    assert not any(held[1])


def test_the_index_names_runs_by_their_settings_and_not_by_hashes(tmp_path: Path) -> None:
    folders = [write_run(tmp_path, name, NINE) for name in ("size-0123abcd-s3", "reference")]
    text = index({"toy": [toy_run(each) for each in folders]}, tmp_path / "results")
    row = text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert "seed=3" in row
    assert "reference" in row
    assert "0123abcd" not in row


def test_the_weakest_cell_of_the_index_is_one_that_the_claim_is_asked_to_hold_in(
    folder: Path, tmp_path: Path
) -> None:
    def asked(cell: Cell) -> bool:
        return cell.component != "first"

    titled = {content(asked=asked): [toy_run(folder, asked=asked)]}
    text = own_text(build_index(tmp_path / "results", titled, tmp_path / "none.md"))
    row = text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert "second, prefix equivalence" in row
    assert "first, prefix equivalence" not in row
