"""The pages in a real browser, offline, from disk, as a reviewer opens them."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from playwright.sync_api import Browser, Locator, Page, expect

from experiments.pages import build_pages
from mechval.axioms import Axiom, Verdict
from mechval.pipeline import Workspace
from mechval.reporting.html.page import build_page
from tests.guards import HANG_SECONDS
from tests.unit.reporting.html.toy_run import cell, cells, toy_run, write_run

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "pages"
WIDTHS = (1280, 390)
RUNS = ("two_sat/reference", "modular_addition/reference")
LIMIT_BYTES = 2_500_000
EVIL = "A <b>bold</b> name <img src=x onerror='document.title=1'>"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Opened:
    """A page at one width, and everything the browser complained about or asked for."""

    page: Page
    complaints: list[str]
    requests: list[str]


def open_page(browser: Browser, path: Path, width: int = WIDTHS[0]) -> Opened:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(1000 * HANG_SECONDS)
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    return Opened(page, complaints, requests)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of two committed runs, with their pages."""
    root = tmp_path_factory.mktemp("pages")
    for run in RUNS:
        shutil.copytree(ROOT / "results" / run, root / "results" / run)
    shutil.copytree(ROOT / "docs", root / "docs")
    build_pages(Workspace(root))
    return root


def page_of(root: Path, run: str) -> Path:
    return root / "results" / run / "report" / "index.html"


@pytest.fixture(scope="module", params=RUNS)
def opened(root: Path, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Opened]:
    opened = open_page(browser, page_of(root, request.param))
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    yield opened
    opened.page.close()


def is_blank(element: Locator) -> bool:
    pixels = imread(io.BytesIO(element.screenshot(animations="disabled")), format="png")
    return float(np.var(pixels[..., :3])) < 1e-4


def test_a_page_is_one_file_that_asks_for_no_other(opened: Opened) -> None:
    others = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert others == [opened.page.url]


def test_a_page_is_small_enough(root: Path) -> None:
    pages = [*map(lambda run: page_of(root, run), RUNS), root / "results" / "index.html"]
    assert all(page.stat().st_size < LIMIT_BYTES for page in pages)


def test_the_browser_has_nothing_to_complain_about(opened: Opened) -> None:
    assert opened.complaints == []


def test_every_figure_is_there_and_not_blank(opened: Opened) -> None:
    images = opened.page.locator("figure.picture img")
    assert images.count() > 5
    for image in images.all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        assert not is_blank(image), image.get_attribute("id")


def test_every_chart_and_the_diagram_are_drawn(opened: Opened) -> None:
    charts = opened.page.locator("figure.chart table.cells:visible")
    drawn = [*charts.all(), opened.page.locator(".diagram")]
    assert len(drawn) > 1
    assert not any(is_blank(element) for element in drawn)


def test_links_resolve(opened: Opened, root: Path) -> None:
    links = opened.page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
    own = opened.page.url
    for link in links:
        path, _, anchor = link.partition("#")
        if path == own:
            assert opened.page.locator(f'[id="{anchor}"]').count() == 1, link
        elif path.startswith("file://"):
            assert Path(path.removeprefix("file://")).is_file(), link


def counts_after_click(table: Locator, order: str) -> list[int]:
    header = table.locator("thead th", has_text="disagreements").first
    header.click()
    expect(header).to_have_attribute("aria-sort", order)
    column = header.evaluate("th => th.cellIndex") + 1
    texts = table.locator(f"tbody tr td:nth-child({column})").all_inner_texts()
    return [int(text.replace(",", "")) for text in texts]


def test_a_click_sorts_a_table_by_number(opened: Opened) -> None:
    head = opened.page.locator("th", has_text="disagreements")
    table = opened.page.locator("#axioms table.sortable", has=head).first
    ascending = counts_after_click(table, "ascending")
    assert ascending == sorted(ascending)
    descending = counts_after_click(table, "descending")
    assert descending == sorted(descending, reverse=True)
    assert descending[0] > ascending[0]


def test_hovering_over_a_cell_tells_its_count_and_bounds(opened: Opened) -> None:
    cell = opened.page.locator("#chart-axioms td.shaded").first
    cell.hover()
    tip = cell.locator(".tip")
    expect(tip).to_be_visible()
    text = tip.inner_text()
    assert "N = " in text
    assert "disagreements: " in text
    assert "exact" in text or "simultaneous ε" in text


def test_names_are_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    rows = [cell(Axiom.PREFIX_EQUIVALENCE, EVIL, 3, interpretation=EVIL, equivalence=EVIL)]
    run = toy_run(write_run(tmp_path, "evil", rows))
    opened = open_page(browser, build_page(run))
    assert (
        opened.page.locator("#axioms table.sortable td", has_text="A <b>bold</b> name <img").count()
        == 1
    )
    assert opened.page.locator("#axioms img").count() == 0
    assert opened.page.title() == "A toy: evil"
    opened.page.close()


def test_the_index_lists_and_links_both_runs(root: Path, browser: Browser) -> None:
    opened = open_page(browser, root / "results" / "index.html")
    links = opened.page.locator("table.sortable a").all()
    hrefs = [str(link.get_attribute("href")) for link in links]
    assert hrefs == [f"{run}/report/index.html" for run in RUNS]
    assert all((root / "results" / href).is_file() for href in hrefs)
    assert opened.complaints == []
    opened.page.close()


def test_a_page_is_at_most_12_screens_before_it_is_unfolded(root: Path, browser: Browser) -> None:
    for run in RUNS:
        opened = open_page(browser, page_of(root, run))
        height = opened.page.evaluate("document.documentElement.scrollHeight")
        assert height <= 12 * 900, run
        opened.page.close()


def test_a_link_to_a_folded_section_unfolds_it(root: Path, browser: Browser) -> None:
    opened = open_page(browser, page_of(root, RUNS[0]))
    section = opened.page.locator("#paper-versus-measured details.section")
    assert section.get_attribute("open") is None
    opened.page.locator("nav a", has_text="Paper versus measured").click()
    expect(section).to_have_attribute("open", "")
    opened.page.close()


def test_the_menu_of_a_chart_chooses_an_interpretation(root: Path, browser: Browser) -> None:
    opened = open_page(browser, page_of(root, RUNS[0]))
    tables = opened.page.locator("#chart-axioms table")
    opened.page.locator('select[data-chooses="chart-axioms"]').select_option(index=1)
    assert [tables.nth(place).is_visible() for place in (0, 1)] == [False, True]
    opened.page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_the_screen(root: Path, browser: Browser, width: int) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    paths = {run.replace("/", "-"): page_of(root, run) for run in RUNS}
    for name, path in {**paths, "index": root / "results" / "index.html"}.items():
        opened = open_page(browser, path, width)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        # The whole of one page only: drawing takes most of the time.
        whole = path == page_of(root, RUNS[0])
        opened.page.screenshot(path=SHOTS / f"{name}-{width}.png", full_page=whole)
        opened.page.close()


def answers(browser: Browser, path: Path) -> dict[str, str]:
    opened = open_page(browser, path)
    ids = ("answer-confirmed", "answer-weakest", "answer-neurons", "answer-failure")
    texts = {name: opened.page.locator(f"#{name} .verdict").inner_text() for name in ids}
    opened.page.close()
    return texts


def test_the_four_answers_follow_the_results(browser: Browser, tmp_path: Path) -> None:
    folder = write_run(tmp_path, "run", cells({(Axiom.PREFIX_EQUIVALENCE, "first"): 9}))
    before = answers(browser, build_page(toy_run(folder)))
    assert before["answer-confirmed"].startswith("Confirmed, up to simultaneous ε")
    assert before["answer-weakest"] == "Prefix equivalence of first"
    assert before["answer-neurons"] == "7 does a"
    assert "more disagreements of 1,000 in first" in before["answer-failure"]

    rows = cells({(Axiom.PREFIX_REPLACEABILITY, "first"): 300})
    rows[-1] = cell(Axiom.COMPONENT_REPLACEABILITY, "second", 500, verdict=Verdict.NOT_BETTER)
    write_run(tmp_path, "run", rows, task="b")
    after = answers(browser, build_page(toy_run(folder)))
    assert after["answer-confirmed"] == "Not confirmed"
    assert after["answer-weakest"] == "Component replaceability of second"
    assert after["answer-neurons"] == "7 does b"
    assert after["answer-failure"].startswith("2 of 8 cells fail already")
