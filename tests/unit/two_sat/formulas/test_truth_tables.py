import numpy as np
import pytest

from mechval.two_sat.formulas.truth_tables import (
    clause_truth_tables,
    is_satisfiable,
    literal_pair_truth,
    truth_tables,
    unpack_truth_tables,
)
from mechval.two_sat.problem import Problem, clause_literals
from tests.formulas import DRAWABLE_FORMULAS, NAMED_FORMULAS

PROBLEMS = [Problem(n_variables=n, n_clauses=4) for n in range(3, 9)]


def _holds(problem: Problem, literal: int, assignment: int) -> bool:
    """Evaluate a literal by the definition, one bit at a time."""
    variable = literal % problem.n_variables
    return bool(assignment >> variable & 1) != (literal >= problem.n_variables)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_a_clause_is_true_where_one_of_its_literals_is(problem):
    expected = [
        [_holds(problem, l, a) or _holds(problem, r, a) for a in range(problem.n_assignments)]
        for l, r in clause_literals(problem).tolist()  # noqa: E741 (l and r as in the paper)
    ]
    unpacked = unpack_truth_tables(clause_truth_tables(problem), problem.n_variables)
    assert unpacked.tolist() == expected


@pytest.mark.parametrize(("n_variables", "n_words"), [(3, 1), (5, 1), (6, 1), (7, 2), (8, 4)])
def test_a_truth_table_takes_as_many_words_as_it_needs(n_variables, n_words):
    problem = Problem(n_variables=n_variables, n_clauses=4)
    assert clause_truth_tables(problem).shape[1] == n_words


@pytest.mark.parametrize("problem", PROBLEMS[:3], ids=str)
def test_bits_beyond_the_assignments_are_zero(problem):
    assert (clause_truth_tables(problem) >> np.uint64(problem.n_assignments) == 0).all()


@pytest.mark.parametrize("formula", DRAWABLE_FORMULAS, ids=lambda formula: formula.name)
def test_the_truth_table_decides_a_named_formula(formula):
    words = truth_tables(formula.problem, formula.clause_ids[None])
    assert is_satisfiable(words).tolist() == [formula.satisfiable]


def test_a_bit_in_the_last_word_alone_makes_a_formula_satisfiable():
    words = np.zeros((1, 4), dtype=np.uint64)
    words[0, 3] = np.uint64(2**63)
    assert is_satisfiable(words).tolist() == [True]


def test_the_last_bit_is_the_last_assignment():
    words = np.zeros((1, 4), dtype=np.uint64)
    words[0, 3] = np.uint64(2**63)
    assert unpack_truth_tables(words, 8).nonzero()[1].tolist() == [255]


@pytest.mark.parametrize("formula", NAMED_FORMULAS, ids=lambda formula: formula.name)
def test_literal_pairs_decide_a_named_formula(formula):
    first, second = formula.literal_pairs.T
    pairs = literal_pair_truth(formula.problem)[first * formula.problem.n_literals + second]
    assert bool(pairs.all(dim=0).any()) == formula.satisfiable


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_order_within_a_pair_does_not_matter(problem):
    n, assignments = problem.n_literals, problem.n_assignments
    pairs = literal_pair_truth(problem).view(n, n, assignments)
    assert pairs.equal(pairs.transpose(0, 1))


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_a_literal_paired_with_its_negation_is_always_true(problem):
    n = problem.n_variables
    tautologies = [v * problem.n_literals + n + v for v in range(n)]
    assert literal_pair_truth(problem)[tautologies].all()


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_literal_pairs_agree_with_the_clauses(problem):
    first, second = clause_literals(problem).T
    pairs = literal_pair_truth(problem).numpy()[first * problem.n_literals + second]
    clauses = unpack_truth_tables(clause_truth_tables(problem), problem.n_variables)
    assert (pairs == clauses).all()
