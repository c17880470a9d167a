"""DIMACS: what is written is read back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mechval.two_sat.formulas.text import dimacs_text, read_formula
from mechval.two_sat.problem import Problem

PROBLEM = Problem(n_variables=3, n_clauses=4)


@given(st.lists(st.integers(0, 11), min_size=4, max_size=4))
def test_a_written_formula_is_read_back_in_order(ids: list[int]) -> None:
    text = dimacs_text(PROBLEM, np.array(ids), ["a comment"])
    assert read_formula(PROBLEM, text).clause_ids == tuple(ids)
