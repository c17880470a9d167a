"""``python -m experiments.pages`` and what it says about how a run was made."""

import json
import shutil
from pathlib import Path

import pytest

from experiments.pages import build_all, run_words
from mechval.modular_addition.page import PAGE as ADDITION
from mechval.pipeline.manifest import hash_file
from mechval.reporting.page import PageContent, RunFolder
from mechval.two_sat.page import PAGE as TWO_SAT

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results"
SKETCH = ("data", "train", "circuit", "axioms")


def sketch(root: Path, run: str) -> RunFolder:
    """A committed run without its figures."""
    for stage in SKETCH:
        shutil.copytree(RESULTS / run / stage, root / "results" / run / stage)
    return RunFolder(root / "results" / run)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("two_sat/reference", ""),
        ("two_sat/published", "model=published model.path=<file>"),
        ("two_sat/cpu-f9eaa1ca-s1", "preset=cpu seed=1"),
        ("modular_addition/reference-c2a138a3-s2", "study=modular_addition seed=2"),
        ("modular_addition/reference-52bde4e7-s0", "study=modular_addition problem.p=97"),
    ],
)
def test_the_words_of_a_run_are_read_off_its_manifests(run: str, words: str) -> None:
    assert run_words(RunFolder(RESULTS / run)) == words


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
    sketch(tmp_path, "two_sat/cpu-f9eaa1ca-s1")
    page, index = build_all(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "28,782 of 80,000, sampled" in text
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
    path.write_text("".join([header, changed, *rest]), encoding="utf-8")
    manifest = folder.directory / "circuit" / "manifest.json"
    values = json.loads(manifest.read_text(encoding="utf-8"))
    values["tracked"]["neurons.csv"] = hash_file(path)
    manifest.write_text(json.dumps(values), encoding="utf-8")
    assert content.neurons(RunFolder(folder.directory)).verdict != before.verdict
