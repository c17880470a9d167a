"""DIMACS files: what is written is read back, anything else is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.errors import MechvalError
from mechval.two_sat.formulas.text import dimacs_text, read_dimacs
from mechval.two_sat.problem import Problem

PROBLEM = Problem(n_variables=3, n_clauses=4)


@given(st.lists(st.integers(0, 11), min_size=4, max_size=4))
def test_a_written_formula_is_read_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int]
) -> None:
    path = tmp_path_factory.mktemp("dimacs") / "formula.cnf"
    path.write_text(dimacs_text(PROBLEM, np.array(ids), ["a comment"]), encoding="utf-8")
    assert read_dimacs(PROBLEM, path).tolist() == ids


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p cnf 3 1\n1 2 0\n",
        "p cnf 3 4\n1 2 0\n1 2 0\n1 2 0\n1 1 0\n",
        "p cnf 4 4\n1 2 0\n1 2 0\n1 2 0\n1 4 0\n",
        "p cnf 3 4\n1 2 0\n1 2 0\n1 2 0\none 3 0\n",
        "p cnf 3 4\n1 2 0\n1 2 0\n1 2 0\n1 0\n",
        "(x0 | x1) & (x0 | x1) & (x0 | x1) & (x0 | x1)\n",
    ],
    ids=[
        "empty",
        "too short",
        "repeats a variable",
        "other variable",
        "no number",
        "one literal",
        "infix",
    ],
)
def test_another_kind_of_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.cnf"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MechvalError, match=r"other\.cnf cannot be used .* allowed: a DIMACS file"):
        read_dimacs(PROBLEM, path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="FileNotFoundError"):
        read_dimacs(PROBLEM, tmp_path / "none.cnf")
