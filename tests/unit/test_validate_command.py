"""``python -m experiments.validate``: the folder of a claim of one's own."""

import json
from pathlib import Path

import pytest

from experiments import validate
from mechval import axioms as mv
from mechval.errors import MechvalError

QUESTION = "experiments.bring_your_own:question"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("claims"))
        return Path.cwd() / validate.main(QUESTION)


def test_the_folder_has_tables_figure_specs_and_page(folder: Path) -> None:
    assert folder.parts[-3:] == ("results", "claims", "reversal")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        *("partial.csv", "interchange.csv"),
        *("axioms.csv", "interpretations.csv", "shuffled.csv", "baselines.csv", "paired.csv"),
        *("controls.csv", "disagreements.safetensors", "result.json"),
        *("README.md", "cells.svg", "index.html", "manifest.json"),
        *(f"specs/reversal/interpretation.{kind}" for kind in ("json", "safetensors")),
    }


def test_the_manifest_has_every_files_digest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["config"]["question"] == QUESTION
    assert set(manifest["tracked"]) >= {"axioms.csv", "controls.csv", "cells.svg", "README.md"}


def test_the_tables_are_the_results(folder: Path) -> None:
    assert mv.load_result(folder).status("reversal") is mv.Status.HOLDS
    assert len(mv.CONTROLS.read(folder)) > 8


def test_the_page_has_a_verdict_and_every_section(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "reversal holds in all 8 cells" in page
    for place in ("cells", "shuffled-program", "baselines", "controls", "provenance"):
        assert f'<section id="{place}">' in page
    assert '<table class="cells" aria-label="reversal">' in page


def test_the_same_question_gives_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    again = validate.main(QUESTION)
    for path in folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes(), path.name


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_module:question", "names no question"),
        ("experiments.bring_your_own:nothing", "names no question"),
        ("experiments.bring_your_own", "names no question"),
        ("experiments.bring_your_own:Reverser", "gives a Reverser; allowed: a mechval.axioms"),
    ],
)
def test_what_is_no_question_is_refused(reference: str, message: str) -> None:
    with pytest.raises(MechvalError, match=message):
        validate.load_question(reference)
