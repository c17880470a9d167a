"""``python -m experiments.instruments``: what it refuses, and that it resumes."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from experiments import instruments
from mechval.errors import MechvalError
from mechval.instruments import evading, matrix, trained
from mechval.instruments.mutants import MUTANTS
from mechval.instruments.organism import Organism
from mechval.instruments.toys import make_toys
from mechval.pipeline import Workspace

ROOT = Path(__file__).resolve().parents[3]


def test_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="run=none has no results of study=two_sat"):
        instruments.main(["--lookup", "none"], tmp_path)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--alphas", "a", "--null", "b"], "--null: not allowed with argument --alphas"),
        (["--alphas", "a", "--study", "two_sat"], "--study=two_sat is of --null alone"),
    ],
)
def test_what_would_be_left_aside_is_refused(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        instruments.main(words, tmp_path)
    assert leaving.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_matrix_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"predictions\.csv is missing"):
        instruments.measure_matrix(Workspace(tmp_path), tmp_path)


def test_rows_that_are_there_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toys = [toy for toy in make_toys() if toy.name in ("E5", "E6")]
    measured: list[str] = []
    found: dict[str, tuple] = {}

    def measure(organism: Organism, predictions: object, known: Iterable[str]) -> tuple:
        measured.append(organism.name)
        if organism.name not in found:
            found[organism.name] = matrix.measure(organism, [], known)
        return found[organism.name]

    class Remembering:
        def __getattr__(self, name: str) -> object:
            return measure if name == "measure" else getattr(matrix, name)

    matrix.PREDICTIONS.write([], tmp_path)
    monkeypatch.setattr(instruments, "matrix", Remembering())
    monkeypatch.setattr(instruments, "count_mutants", lambda problem, program: [])
    monkeypatch.setattr(instruments.waves, "count_wave_mutants", lambda explained: [])
    monkeypatch.setattr(instruments.waves, "lookups", lambda explained, sizes, seed: [])
    folder = Path(trained.FOLDER)
    for table in (trained.TRAINED, evading.ATTEMPTED):
        table.write([], tmp_path / folder)
    monkeypatch.setattr(instruments, "make_organisms", lambda workspace: toys[:1])
    instruments.measure_matrix(Workspace(ROOT), tmp_path)
    monkeypatch.setattr(instruments, "make_organisms", lambda workspace: toys)
    instruments.measure_matrix(Workspace(ROOT), tmp_path)
    assert measured == ["E5", "E6"]
    entries = matrix.ENTRIES.read(tmp_path)
    assert [*matrix.by_organism(entries)] == ["E5", "E6"]
    assert MUTANTS.read(tmp_path) == ()
    instruments.measure_matrix(Workspace(ROOT), tmp_path, again=["E5"])
    assert measured == ["E5", "E6", "E5"]
    assert [*matrix.by_organism(matrix.ENTRIES.read(tmp_path))] == ["E5", "E6"]
    with pytest.raises(MechvalError, match="--again 'E7' is no row; allowed: E5, E6"):
        instruments.measure_matrix(Workspace(ROOT), tmp_path, again=["E7"])
