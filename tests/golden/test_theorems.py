"""The committed theorems of other sizes: the table is theirs, the smallest is derived anew."""

from pathlib import Path

import pytest

from experiments import theorems
from mechval.two_sat.certify.theorem.theorem import LemmaStatus
from mechval.two_sat.problem import Problem

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_table_is_made_of_the_kept_theorems() -> None:
    rows = [theorems.ROW.read(folder) for folder in theorems.kept_folders()]
    assert rows
    assert theorems.TABLE.read(theorems.FOLDER) == tuple(rows)
    assert theorems.render(rows) == (theorems.FOLDER / "README.md").read_text(encoding="utf-8")


def test_a_theorem_counts_every_formula_and_contradicts_no_sample() -> None:
    for row in theorems.TABLE.read(theorems.FOLDER):
        problem = Problem(n_variables=row.n_variables, n_clauses=row.n_clauses)
        assert row.formulas == str(problem.n_formulas)
        assert row.wrong_count == 0 or row.status is LemmaStatus.UNKNOWN
        assert row.stopped_by is None or row.status is LemmaStatus.UNKNOWN


def test_the_smallest_is_derived_anew_from_its_weights() -> None:
    theorems.check(theorems.kept_folders()[0])
