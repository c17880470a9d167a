"""``python -m experiments.theorems``: theorems kept beside what a check of them needs."""

import json
import shutil
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from experiments import theorems
from mechval.errors import MechvalError
from mechval.two_sat.certify.theorem import theorem as files

ROOT = Path(__file__).parents[2]
PROVED = ROOT / "results" / "two_sat" / "proved"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with runs ``proved`` and ``reference``, and what is kept of the first."""
    root = tmp_path_factory.mktemp("theorems")
    (root / "pyproject.toml").touch()
    for name in ("proved", "reference"):
        for stage in ("train", "consolidate", "circuit"):
            if (source := PROVED.with_name(name) / stage).is_dir():
                shutil.copytree(source, root / "results" / "two_sat" / name / stage)
        source = PROVED.with_name(name) / "config.json"
        shutil.copy(source, root / "results" / "two_sat" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        with redirect_stderr(StringIO()) as told:
            theorems.main(["proved"])
    assert "proved: estimated time 2 s\n" in told.getvalue()
    return root


@pytest.fixture
def tree(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is kept, to spoil."""
    shutil.copytree(made / "results" / "theorems", tmp_path / "results" / "theorems")
    monkeypatch.chdir(tmp_path)
    return tmp_path / theorems.FOLDER


def test_a_network_is_told_with_its_start_and_its_numbers(made: Path) -> None:
    (row,) = theorems.TABLE.read(made / theorems.FOLDER)
    theorem = files.THEOREM.read(PROVED / "certify")
    assert (row.run, row.start, row.wrong_count) == ("proved", "reference", 0)
    assert row.status is theorem.status
    assert row.interpretations == len(theorem.interpretations)
    assert row.margin == pytest.approx(
        min(min(each.on or 0, -(each.off or 0)) for each in theorem.neurons)
    )
    text = (made / theorems.FOLDER / "README.md").read_text(encoding="utf-8")
    assert "| proved | reference | 5 | 10 | 1.0e+16 |" in text


def test_a_network_without_a_theorem_is_told_with_the_lemma_that_stopped_it(made: Path) -> None:
    row = theorems.ROW.read(made / theorems.FOLDER / "proved")
    theorem = files.THEOREM.read(PROVED.with_name("reference") / "certify")
    assert theorem.status is files.LemmaStatus.UNKNOWN
    told = theorems._with_theorem(replace(row, run="reference"), theorem)
    assert told.stopped_by == theorem.failing_lemma
    assert told.margin is told.interval is None
    assert f"| {theorem.failing_lemma} |" in theorems.render([told])


def test_a_start_that_is_not_there_or_is_damaged_is_none(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "results" / "two_sat", tmp_path / "results" / "two_sat")
    run = theorems.FinishedRun(theorems.Workspace(tmp_path), "two_sat", "proved")
    before = run.directory.with_name("reference")
    found = theorems.start_of(run)
    assert found is not None
    assert found.directory == before
    (before / "train" / "manifest.json").write_text("{", encoding="utf-8")
    assert theorems.start_of(run) is None
    shutil.rmtree(before)
    assert theorems.start_of(run) is None


def test_other_weights_are_refused(tree: Path) -> None:
    path = tree / "proved" / theorems.WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x10
    path.write_bytes(bytes(content))
    with pytest.raises(MechvalError, match="weights"):
        theorems.main(["--check"])


def test_a_table_that_says_more_than_its_theorem_is_refused(tree: Path) -> None:
    path = tree / "proved" / "facts.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(facts | {"interpretations": 8}), encoding="utf-8")
    with pytest.raises(MechvalError, match=r"facts\.json says other numbers"):
        theorems.main(["--check", "proved"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no run is named; allowed: names of runs, or --check"),
        (["--chek"], "--chek is no option; allowed: --check"),
        (["--check", "reference"], "reference holds no theorem; allowed: proved"),
        (["nowhere"], "run=nowhere has no results"),
    ],
)
def test_bad_words_are_told(tree: Path, words: list[str], message: str) -> None:
    with pytest.raises(MechvalError, match=message):
        theorems.main(words)


def test_a_run_without_consolidation_has_no_theorem_to_prove(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    with pytest.raises(MechvalError, match="lacks the stage consolidate"):
        theorems.main(["reference"])
    assert [path.name for path in (made / theorems.FOLDER).iterdir() if path.is_dir()] == ["proved"]
