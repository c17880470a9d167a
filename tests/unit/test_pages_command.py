"""``python -m experiments.pages`` and what it says about how a run was made."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.pages import STUDIES, build_all, run_words
from mechval.modular_addition.report.page import PAGE as ADDITION
from mechval.pipeline.manifest import hash_file
from mechval.reporting.page import PageContent, RunFolder
from mechval.two_sat.circuit.evidence.neuron_rows import NEURONS
from mechval.two_sat.report.page import PAGE as TWO_SAT

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
SKETCH = ("data", "train", "circuit", "axioms")


def sketch(root: Path, run: str) -> RunFolder:
    """A committed run without its figures."""
    for stage in SKETCH:
        shutil.copytree(RESULTS / run / stage, root / "results" / run / stage)
    return RunFolder(root / "results" / run)


def test_the_words_of_a_run_are_those_that_made_it(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "two_sat" / "mine"
    folder.mkdir(parents=True)
    assert run_words(RunFolder(folder)) == ""
    (folder / "config.json").write_text('{"words": ["preset=cpu", "seed=1"]}', encoding="utf-8")
    assert run_words(RunFolder(folder)) == "preset=cpu seed=1"


@pytest.mark.parametrize("study", STUDIES)
def test_the_committed_reference_needs_no_words_but_the_study(study: str) -> None:
    words = run_words(RunFolder(RESULTS / study / "reference"))
    assert words == ("" if study == "two_sat" else f"study={study}")


@pytest.mark.parametrize("content", [TWO_SAT, ADDITION], ids=lambda content: content.study)
def test_every_committed_figure_has_its_caption(content: PageContent) -> None:
    folder = RunFolder(RESULTS / content.study / "reference")
    captioned = {
        name for note in content.figures for name in folder.matching(f"{note.pattern}.svg")
    }
    drawn = {name for stage in folder.stages for name in folder.matching(f"{stage}/figures/*.svg")}
    # The front is drawn as a chart.
    assert drawn - captioned <= {"report/figures/front.svg"}
    assert all(note.caption.endswith(".") for note in content.figures)


def test_a_run_without_figures_and_deviations_still_has_a_page(tmp_path: Path) -> None:
    sketch(tmp_path, "two_sat/reference")
    page, index = build_all(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert 'id="answer-weakest"' in text
    assert 'id="chart-axioms"' in text
    assert "Stage report has no result in this run." in text
    assert "DEVIATIONS.md is missing" in text
    assert "No results yet. Run: " in index.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [TWO_SAT, ADDITION], ids=lambda content: content.study)
def test_the_neurons_answer_follows_the_circuit(content: PageContent, tmp_path: Path) -> None:
    folder = sketch(tmp_path, f"{content.study}/reference")
    before = content.neurons(folder)
    assert "N = " in before.sentences[0]
    path = folder.directory / "circuit" / "neurons.csv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = first.replace("True", "False")
    if changed == first:
        number, frequency, _, variance = first.split(",")
        explained = "0.1" if float(first.split(",")[2]) > 0.5 else "0.9"
        changed = f"{number},{frequency},{explained},{variance}"
    write_neurons(folder, "".join([header, changed, *rest]))
    assert content.neurons(RunFolder(folder.directory)).verdict != before.verdict


def write_neurons(folder: RunFolder, text: str) -> None:
    """Put another table of neurons into a run, as if its circuit stage had written it."""
    path = folder.directory / "circuit" / "neurons.csv"
    path.write_text(text, encoding="utf-8")
    manifest = folder.directory / "circuit" / "manifest.json"
    values = json.loads(manifest.read_text(encoding="utf-8"))
    values["tracked"]["neurons.csv"] = hash_file(path)
    manifest.write_text(json.dumps(values), encoding="utf-8")


def test_a_neuron_that_never_fires_stands_for_no_assignment(tmp_path: Path) -> None:
    folder = sketch(tmp_path, "two_sat/reference")
    path = folder.directory / "circuit" / "neurons.csv"
    read = [replace(row.reading["calibrated"], assignments=()) for row in NEURONS.read(path.parent)]
    rows = zip(NEURONS.read(path.parent), read, strict=True)
    NEURONS.write([replace(row, reading={"calibrated": one}) for row, one in rows], path.parent)
    write_neurons(folder, path.read_text(encoding="utf-8"))
    answer = TWO_SAT.neurons(RunFolder(folder.directory))
    assert "evaluate 0 of 32 assignments; 0 of them" in answer.verdict
