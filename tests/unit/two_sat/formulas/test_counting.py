from collections import Counter
from itertools import product

import numpy as np
import pytest

from mechval.errors import MechvalError
from mechval.two_sat.formulas.truth_tables import (
    class_sizes,
    is_countable,
    reachable_tables,
    truth_tables,
)
from mechval.two_sat.problem import Problem

SMALL = Problem(n_variables=3, n_clauses=4)


def test_counts_agree_with_listing_every_formula():
    formulas = np.array(list(product(range(12), repeat=4)), dtype=np.uint8)
    listed = Counter(truth_tables(SMALL, formulas)[:, 0].tolist())
    counts = reachable_tables(SMALL)
    assert dict(zip(counts.words.tolist(), counts.formulas.tolist(), strict=True)) == listed


@pytest.mark.parametrize(
    ("n_variables", "unsatisfiable"),
    # Four clauses are unsatisfiable where their falsified quarters partition the assignments:
    # n (n - 1) / 2 pairs of variables and n (n - 1) (n - 2) branchings, in 4! orders.
    [(3, (3 + 6) * 24), (4, (6 + 24) * 24), (5, (10 + 60) * 24)],
)
def test_four_clauses_are_unsatisfiable_as_often_as_the_closed_form_says(
    n_variables, unsatisfiable
):
    problem = Problem(n_variables=n_variables, n_clauses=4)
    assert class_sizes(problem)["unsatisfiable"] == unsatisfiable


@pytest.mark.parametrize(("n_variables", "n_clauses"), [(3, 4), (4, 13), (4, 14), (3, 20), (4, 20)])
def test_both_classes_together_are_all_formulas(n_variables, n_clauses):
    problem = Problem(n_variables=n_variables, n_clauses=n_clauses)
    assert sum(map(int, reachable_tables(problem).formulas)) == problem.n_formulas


@pytest.mark.parametrize(("n_clauses", "is_exact_in_int64"), [(13, True), (14, False)])
def test_counts_are_integers_of_any_size(n_clauses, is_exact_in_int64):
    counts = reachable_tables(Problem(n_variables=4, n_clauses=n_clauses))
    assert (counts.formulas.dtype == np.int64) == is_exact_in_int64


def test_truth_tables_beyond_one_word_are_refused():
    with pytest.raises(MechvalError, match="n_variables=7 has truth tables of 128 bits"):
        reachable_tables(Problem(n_variables=7, n_clauses=4))


def test_too_many_tables_are_refused_with_their_number(monkeypatch):
    monkeypatch.setattr("mechval.two_sat.formulas.truth_tables._LARGEST_STEP", 1000)
    with pytest.raises(MechvalError, match=r"truth tables after 2 clauses and .* allowed: up to"):
        reachable_tables(Problem(n_variables=4, n_clauses=29))


@pytest.mark.parametrize("n_clauses", range(4, 21))
def test_up_to_four_variables_are_countable(n_clauses):
    assert all(is_countable(Problem(n_variables=n, n_clauses=n_clauses)) for n in (3, 4))


@pytest.mark.parametrize(("n_variables", "n_clauses"), [(5, 10), (7, 4), (8, 20)])
def test_a_problem_with_too_many_tables_is_not_countable(n_variables, n_clauses):
    assert not is_countable(Problem(n_variables=n_variables, n_clauses=n_clauses))


@pytest.mark.slow
def test_the_paper_size_has_the_known_counts():
    problem = Problem(n_variables=5, n_clauses=10)
    counts = reachable_tables(problem)
    unsatisfiable = int(counts.formulas[counts.words == 0].sum())
    measured = (len(counts.words), int(counts.formulas.sum()), unsatisfiable)
    assert measured == (224_715, 40**10, 2_740_080_193_342_800)
