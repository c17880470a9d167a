"""Shrinking keeps a formula failing and leaves no clause that could go."""

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.counterexamples import distinct_clauses, shrink

PROBLEM = Problem(n_variables=3, n_clauses=6)
FORMULAS = st.lists(st.integers(0, 11), min_size=6, max_size=6).map(np.array)


def holding_all(wanted: set[int]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda formulas: np.array([wanted <= set(row.tolist()) for row in formulas])


def unsatisfiable(formulas: np.ndarray) -> np.ndarray:
    return ~is_satisfiable(truth_tables(PROBLEM, formulas))


def test_exactly_the_clauses_that_matter_remain() -> None:
    shrunk = shrink(np.array([5, 1, 9, 2, 5, 7]), holding_all({2, 9}))
    assert set(shrunk.tolist()) == {2, 9}


def test_a_formula_that_always_fails_shrinks_to_one_clause() -> None:
    shrunk = shrink(np.array([5, 1, 9, 2, 5, 7]), holding_all(set()))
    assert len(set(shrunk.tolist())) == 1


def test_clauses_are_tried_in_order_of_first_appearance() -> None:
    # 5 goes first, replaced by 1; then 1, replaced by 9; …; the last clause remains.
    assert shrink(np.array([5, 1, 9, 2, 5, 7]), holding_all(set())).tolist() == [7] * 6


@given(FORMULAS)
def test_an_unsatisfiable_formula_shrinks_to_an_unsatisfiable_one_without_a_spare_clause(
    formula: np.ndarray,
) -> None:
    if not unsatisfiable(formula[None])[0]:
        return
    shrunk = shrink(formula, unsatisfiable)
    assert unsatisfiable(shrunk[None])[0]
    assert set(shrunk.tolist()) <= set(formula.tolist())
    for clause in distinct_clauses(shrunk):
        for other in set(distinct_clauses(shrunk)) - {clause}:
            assert not unsatisfiable(np.where(shrunk == clause, other, shrunk)[None])[0]
