"""``python -m experiments.pages``: the pages of all runs and the index, from their files alone."""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.pages import build_pages
from mechval.axioms import CELLS
from mechval.pipeline import Workspace
from mechval.pipeline.manifest import hash_file
from mechval.reporting.html.page import PageContent
from mechval.reporting.report import RunFiles
from mechval.tables import Table
from mechval.two_sat.circuit.evidence.neuron_rows import NEURONS, NeuronReading, NeuronRow
from mechval.two_sat.report.page import PAGE
from tests.unit.two_sat.stages.test_stages import settings

WORDS = ["preset=tiny", "seed=0"]


@pytest.fixture
def root(tiny_run: Workspace, tmp_path: Path) -> Path:
    shutil.copytree(tiny_run.root / "results", tmp_path / "results")
    return tmp_path


def run_folder(root: Path) -> Path:
    return root / "results" / "two_sat" / "tiny"


def page_of(root: Path) -> str:
    page, _ = build_pages(Workspace(root))
    return page.read_text(encoding="utf-8")


def change_config(root: Path, **changes: Any) -> None:
    path = run_folder(root) / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, **changes}), encoding="utf-8")


def test_a_whole_run_has_a_page_on_which_nothing_is_refused(root: Path) -> None:
    text = page_of(root)
    assert 'class="notice"' not in text
    for name in ("answer-weakest", "chart-axioms", "chart-nulls"):
        assert f'id="{name}"' in text


def test_every_drawn_figure_is_on_the_page(root: Path) -> None:
    text = page_of(root)
    figures = [path.stem for path in (run_folder(root) / "report" / "figures").glob("*.svg")]
    assert len(figures) > 5
    assert all(f'id="figure-{name}"' in text for name in figures)


def test_the_words_that_made_a_run_are_read_from_its_config(root: Path) -> None:
    assert "+stage=axioms preset=tiny seed=0</code>" in page_of(root)


def test_the_index_links_the_page_and_gives_the_command_of_a_study_without_runs(root: Path) -> None:
    _, index = build_pages(Workspace(root))
    text = index.read_text(encoding="utf-8")
    assert 'href="two_sat/tiny/report/index.html"' in text
    assert "No results yet. Run: python -m experiments.run +stage=all study=modular" in text


def test_a_run_without_report_and_deviations_still_has_a_page(root: Path) -> None:
    shutil.rmtree(run_folder(root) / "report")
    text = page_of(root)
    assert 'id="chart-axioms"' in text
    assert "Not made in this run: report." in text
    deviations = root / "results" / "deviations.html"
    assert "DEVIATIONS.md is missing" in deviations.read_text(encoding="utf-8")


def test_where_a_published_checkpoint_lay_is_not_needed(root: Path) -> None:
    values = settings().model_dump(mode="json") | {"model": {"kind": "published"}}
    change_config(root, model="published", settings=values)
    assert 'id="answer-confirmed"' in page_of(root)


def test_a_run_whose_config_is_refused_is_left_out_and_told(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change_config(root, settings={})
    with caplog.at_level(logging.WARNING):
        assert build_pages(Workspace(root)) == [root / "results" / "index.html"]
    assert "run tiny is damaged and not shown (MechvalError: " in caplog.text
    index = (root / "results" / "index.html").read_text(encoding="utf-8")
    assert "run tiny is damaged and not shown (MechvalError: " in index


def neurons(root: Path, content: PageContent = PAGE) -> str:
    directories = {path.name: path for path in run_folder(root).iterdir() if path.is_dir()}
    return content.neurons(RunFiles(settings(), 0, directories)).verdict


def rewrite(root: Path, table: Table[Any], rows: Sequence[Any]) -> None:
    """Put another table into a run, as if its stage had written it."""
    folder = run_folder(root) / table.stage
    table.write(rows, folder)
    path = folder / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    name = table.name
    values["tracked"][name] = hash_file(folder / name)
    path.write_text(json.dumps(values), encoding="utf-8")


def read_as(row: NeuronRow, reading: NeuronReading) -> NeuronRow:
    return replace(row, reading={"calibrated": reading})


def test_the_neurons_answer_follows_the_circuit(root: Path) -> None:
    rows = NEURONS.read(run_folder(root) / "circuit")
    silent = NeuronReading(evaluates=False, is_constant=False)
    one = NeuronReading(evaluates=True, is_constant=False, tree="φ1", assignments=(1,))
    none = replace(one, assignments=())
    rest = [read_as(row, silent) for row in rows[2:]]
    rewrite(root, NEURONS, [read_as(rows[0], one), read_as(rows[1], silent), *rest])
    assert neurons(root) == "1 neurons evaluate 1 of 8 assignments; 1 of them stand for exactly one"
    rewrite(root, NEURONS, [read_as(rows[0], one), read_as(rows[1], none), *rest])
    assert neurons(root) == "2 neurons evaluate 1 of 8 assignments; 1 of them stand for exactly one"


DEEP = "[" * 100_000
DAMAGED: dict[str, dict[str, str]] = {
    "settings of another kind": {"config.json": '{"settings": 7}'},
    "a seed that is none": {"config.json": '{"seed": "x"}'},
    "deep JSON": {"config.json": DEEP, "axioms/manifest.json": DEEP},
    "a manifest with names that no file has": {
        "axioms/manifest.json": json.dumps(
            {
                "stage": "axioms", "config": {}, "seed": 0, "code": "", "inputs": {}, "bulk": {},
                "tracked": {"\ud800": "", "a\0b": ""},
            }
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_run_has_a_notice_and_the_others_their_pages(
    root: Path, changes: dict[str, str]
) -> None:
    damaged = run_folder(root).with_name("damaged")
    shutil.copytree(run_folder(root), damaged)
    config = json.loads((damaged / "config.json").read_text("utf-8"))
    for name, text in changes.items():
        made = json.dumps({**config, **json.loads(text)}) if text.startswith('{"se') else text
        (damaged / name).write_text(made, "utf-8")
    (root / "results" / "two_sat" / "no\udcffname").mkdir()
    *_, index = build_pages(Workspace(root))
    text = index.read_text(encoding="utf-8")
    assert "run damaged is damaged and not shown (" in text or "missing or altered: axioms" in text
    assert 'href="two_sat/tiny/report/index.html"' in text
    assert 'class="notice"' not in (run_folder(root) / "report" / "index.html").read_text("utf-8")


def test_a_table_whose_numbers_make_no_page_is_told_on_the_page(root: Path) -> None:
    change_config(root, seed="none")
    text = page_of(root)
    assert "run tiny is damaged and not shown (ValueError: invalid literal" in text


def test_a_table_of_nan_takes_no_page_down(root: Path) -> None:
    rows = [replace(row, epsilon=float("nan")) for row in CELLS.read(run_folder(root) / "axioms")]
    rewrite(root, CELLS, rows)
    assert 'id="answer-weakest"' in page_of(root)
