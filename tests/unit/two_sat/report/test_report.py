import dataclasses
import re
import shutil
from pathlib import Path

import pytest
from scipy.stats import binom

from mechval.errors import MechvalError
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting import report as reports
from mechval.reporting.paper_comparison import COMPARISONS
from mechval.reporting.report import Maker, RunFiles
from mechval.two_sat.certify.theorem.theorem import CELLS as CELL_PROOFS
from mechval.two_sat.certify.theorem.theorem import CellProof, LemmaStatus
from mechval.two_sat.problem import Problem
from mechval.two_sat.report import claim_sections, content, network_sections
from mechval.two_sat.report.paper_values import PRINTED_VALUES
from mechval.two_sat.stages import report
from tests.settings import STAGES
from tests.unit.axioms import toy
from tests.unit.two_sat.report.toy_results import write_results

ROOT = Path(__file__).resolve().parents[4]

PAPER = Problem(n_variables=5, n_clauses=10)
SMALL = Problem(n_variables=3, n_clauses=4)
MAKERS: tuple[Maker, ...] = (
    content.reached_targets,
    network_sections.accuracy,
    network_sections.training,
    network_sections.circuit,
    claim_sections.axioms,
)


def page_of(files: RunFiles) -> str:
    """The sections that need no other table than those of :func:`write_results`."""
    sections = reports.make_sections(MAKERS, files)
    return reports.render_markdown(content.title(files), sections, content.PACKAGE)


@pytest.fixture(scope="module")
def paper_files(tmp_path_factory) -> RunFiles:
    return write_results(tmp_path_factory.mktemp("paper") / "run", PAPER)


@pytest.fixture(scope="module")
def paper_page(paper_files) -> str:
    return page_of(paper_files)


@pytest.fixture(scope="module")
def small_page(tmp_path_factory) -> str:
    return page_of(write_results(tmp_path_factory.mktemp("small") / "run", SMALL))


@pytest.fixture(scope="module")
def constant_page(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("constant") / "run"
    return page_of(write_results(root, SMALL, t_is_constant=True))


@pytest.fixture(scope="module")
def finished(paper_size_run, paper_size_settings) -> StageContext:
    """The report stage's context in a run that has all of its upstream stages."""
    places = {name: paper_size_run.stage("two_sat", "tiny", name) for name in STAGES}
    own = places["report"].directory
    upstream = {name: StageArtifacts(each.directory, each.bulk) for name, each in places.items()}
    return StageContext(paper_size_settings, 0, "cpu", own, own, own, upstream)


def row_of(page: str, section: str, *cells: str) -> list[str]:
    """The cells of the first row after ``section`` that begins with ``cells``."""
    lines = page[page.index(section) :].splitlines()
    start = "| " + " | ".join(cells) + " |"
    return next(line for line in lines if line.startswith(start)).strip("| ").split(" | ")


def test_the_title_names_size_origin_and_seed(small_page):
    title = small_page.splitlines()[0]
    assert title.startswith("# 2-SAT with 3 variables and 4 clauses: a network trained with this")
    assert title.endswith(", seed 7")


@pytest.mark.parametrize("axiom_index", range(4))
@pytest.mark.parametrize("component_index", range(3))
def test_a_cell_shows_its_disagreements(small_page, axiom_index, component_index):
    axioms = ("prefix equivalence", "component equivalence")
    axioms += ("prefix replaceability", "component replaceability")
    row = row_of(
        small_page, "(`trees/calibrated/resid_mid`)", axioms[axiom_index],
        toy.COMPONENTS[component_index], "sampled", str(toy.N),
    )  # fmt: skip
    assert row[4] == str(toy.EXPECTED[axiom_index][component_index])


def test_at_the_paper_s_size_a_cell_stands_beside_the_published_one(paper_page):
    row = row_of(paper_page, "(`disjunction/paper/attn_out`)", "prefix equivalence", "evaluate")
    assert row[7] == "0.309 (24,530)"


def test_a_cell_that_is_proved_has_epsilon_0_on_all_formulas(tmp_path):
    files = write_results(tmp_path / "run", SMALL)
    tags = {"version": "trees", "reading": "calibrated", "residual": "resid_mid"}
    (tmp_path / "run" / "certify").mkdir()
    proofs = [
        CellProof(**tags, axiom="prefix equivalence", component=component, status=status, lemmas="")
        for component, status in (("parse", LemmaStatus.PROVED), ("evaluate", LemmaStatus.UNKNOWN))
    ]
    CELL_PROOFS.write(proofs, tmp_path / "run" / "certify")
    directories = {**files.directories, "certify": tmp_path / "run" / "certify"}
    page = page_of(dataclasses.replace(files, directories=directories))
    told = [
        row_of(page, "(`trees/calibrated/resid_mid`)", "prefix equivalence", component)[7].strip()
        for component in ("parse", "evaluate")
    ]
    assert told == ["0 (certified)", ""]
    assert "certified" not in page_of(files)


def test_at_another_size_the_published_column_is_left_out(small_page):
    assert "printed ε" not in small_page


def test_at_another_size_the_page_says_why_nothing_published_is_shown(small_page):
    assert "The printed column is left out: the paper reports formulas with 5" in small_page


def test_the_constant_program_stands_before_the_cells(small_page):
    assert "The constant program that always answers SAT disagrees with t" in small_page


def test_a_repeated_cell_says_what_it_repeats(small_page):
    row = row_of(small_page, "### Main", "component equivalence", "parse")
    assert row[-1] == "= prefix equivalence/parse"


def test_where_t_is_constant_the_page_says_that_there_is_no_verdict(constant_page):
    assert "**t is constant on these formulas, so no verdict is given:**" in constant_page


def test_where_t_is_constant_no_cell_beats_the_constant_program(constant_page):
    assert "better than constant" not in constant_page


def test_refused_constant_bits_are_counted(small_page):
    assert row_of(small_page, "## Circuit", "calibrated")[2] == "2"


def test_class_accuracy_comes_with_its_own_bound(small_page):
    lower = float(row_of(small_page, "## Accuracy", "unsatisfiable")[4])
    assert binom.cdf(7, 500, 1 - lower) == pytest.approx(0.05, abs=1e-4)


def test_the_learning_curve_s_n_is_what_the_selection_split_holds(small_page):
    assert row_of(small_page, "## Training", "finishing", "10")[5] == "600"


def test_an_imported_network_has_no_learning_curve(tmp_path):
    page = page_of(write_results(tmp_path / "run", PAPER, model="published"))
    assert "## Training" not in page


def test_a_missed_target_is_printed_as_missed(paper_page):
    row = row_of(paper_page, "## Targets", "accuracy on fresh formulas, lower 95 % bound")
    assert row[1:4] == ["≥ 0.999", "0.963 (973 of 1,000)", "**MISSED**"]


def test_a_met_target_is_printed_as_met(paper_page):
    row = row_of(paper_page, "## Targets", "neurons that carry 99.9 % of the effect, stretch")
    assert row[1:4] == ["≤ 64", "3", "met"]


def test_other_sizes_have_no_targets(small_page):
    assert "## Targets" not in small_page


def test_a_run_without_the_main_interpretation_reports_the_one_it_has(tmp_path):
    tags = {"version": "trees", "reading": "paper", "residual": "attn_out"}
    page = page_of(write_results(tmp_path / "run", SMALL, tags=[tags]))
    assert "### Main interpretation: reading `paper`, residual `attn_out`" in page


def test_the_headlines_have_the_eight_distinct_cells_with_their_n(paper_files):
    cells = content.headlines(paper_files).axioms["trees"].values()
    assert [cell.n for cell in cells] == [toy.N] * 8


def test_every_linked_file_exists(finished):
    page = (finished.directory / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", page)
    # Links out of the results are seen from where a run lies in the repository.
    committed = ROOT / "results" / "two_sat" / "reference" / "report"
    missing = [
        link
        for link in links
        if not (finished.directory / link).is_file() and not (committed / link).is_file()
    ]
    assert missing == []
    assert any(link.endswith("docs/CERTIFICATES.md") for link in links)


def test_every_figure_is_shown_on_the_page(finished):
    page = (finished.directory / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in (finished.directory / "figures").iterdir()]
    assert [name for name in names if f"(figures/{name})" not in page] == []


def test_every_figure_is_linked_from_a_sentence(finished):
    page = (finished.directory / "README.md").read_text(encoding="utf-8")
    drawn = {path.name for path in (finished.directory / "figures").iterdir()}
    linked = set(re.findall(r"(?<!!)\[[^\]]+\]\(figures/([\w.-]+)\)", page))
    assert drawn - linked == set()
    assert linked - drawn == set()


def test_every_printed_number_is_on_the_page_with_its_verdict(finished):
    page = (finished.directory / "README.md").read_text(encoding="utf-8")
    section = page[page.index("## Paper versus measured") :]
    table = COMPARISONS.read(finished.directory)
    assert len(table) == sum(row.kind != "context" for row in PRINTED_VALUES)
    for row in table:
        cells = row_of(section, "", row.published.quantity)
        assert cells[1] == row.published.text
        assert row.verdict in cells


@pytest.mark.parametrize(
    ("stage", "name"), [("axioms", "variants.csv"), ("axioms", "tolerance.csv"),
                        ("axioms", "surface.csv"), ("circuit", "evidence")]
)  # fmt: skip
def test_a_missing_table_is_named(finished, tmp_path, stage, name):
    directories = {key: each.directory for key, each in finished.upstream.items()}
    shutil.copytree(directories[stage], tmp_path / stage)
    place = tmp_path / stage / name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    files = RunFiles(finished.settings, 0, {**directories, stage: tmp_path / stage})
    with pytest.raises(MechvalError, match=name):
        reports.make_sections(content.MAKERS, files)


def test_the_same_tables_give_the_same_bytes(finished, tmp_path):
    # Equal figures give equal bytes, see tests/unit/reporting/test_figures.py.
    again = dataclasses.replace(finished, directory=tmp_path, draw=False)
    report.run(again)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    changed = [
        path.name
        for path in made
        if (tmp_path / path).read_bytes() != (finished.directory / path).read_bytes()
    ]
    assert changed == []
