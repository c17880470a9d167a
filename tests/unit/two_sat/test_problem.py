import numpy as np
import pytest
from pydantic import ValidationError

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.two_sat.problem import Problem, clause_ids_of_literal_pairs, clause_literals


@pytest.mark.parametrize("value", [0, 1, 2, 11, 64, -3, "five", "5", 4.5, 5.0, True, None])
def test_a_wrong_number_of_variables_is_refused_in_one_sentence(value):
    with pytest.raises(MechvalError) as error:
        parse_config(Problem, {"n_variables": value, "n_clauses": 10}, prefix="problem")
    assert str(error.value) == (
        f"problem.n_variables={value!r} is not allowed; allowed: an integer from 3 to 10."
    )


@pytest.mark.parametrize("value", [0, 3, 31, "ten", 10.0, False])
def test_a_wrong_number_of_clauses_is_refused_in_one_sentence(value):
    with pytest.raises(MechvalError) as error:
        parse_config(Problem, {"n_variables": 5, "n_clauses": value}, prefix="problem")
    assert str(error.value) == (
        f"problem.n_clauses={value!r} is not allowed; allowed: an integer from 4 to 30."
    )


@pytest.mark.parametrize(("n_variables", "n_clauses"), [(3, 4), (3, 30), (10, 4), (10, 30)])
def test_the_corners_of_the_range_are_allowed(n_variables, n_clauses):
    values = {"n_variables": n_variables, "n_clauses": n_clauses}
    assert parse_config(Problem, values).model_dump() == values


def test_a_problem_cannot_be_changed():
    problem = Problem(n_variables=3, n_clauses=4)
    with pytest.raises(ValidationError):
        setattr(problem, "n_clauses", 5)  # noqa: B010 (pyright refuses the plain assignment)


def test_the_paper_has_forty_distinct_clauses():
    assert Problem(n_variables=5, n_clauses=10).n_distinct_clauses == 40


@pytest.mark.parametrize("n_variables", range(3, 9))
def test_every_pair_of_different_variables_gives_four_clauses(n_variables):
    problem = Problem(n_variables=n_variables, n_clauses=4)
    assert len(clause_literals(problem)) == problem.n_distinct_clauses


@pytest.mark.parametrize("n_variables", range(3, 9))
def test_the_first_literal_has_the_smaller_variable(n_variables):
    variables = clause_literals(Problem(n_variables=n_variables, n_clauses=4)) % n_variables
    assert (variables[:, 0] < variables[:, 1]).all()


@pytest.mark.parametrize("n_variables", range(3, 9))
def test_no_clause_is_listed_twice(n_variables):
    literals = clause_literals(Problem(n_variables=n_variables, n_clauses=4))
    assert len(np.unique(literals, axis=0)) == len(literals)


def test_clauses_are_ordered_by_variables_then_signs():
    literals = clause_literals(Problem(n_variables=3, n_clauses=4))
    assert literals.tolist() == [
        [0, 1],
        [0, 4],
        [3, 1],
        [3, 4],
        [0, 2],
        [0, 5],
        [3, 2],
        [3, 5],
        [1, 2],
        [1, 5],
        [4, 2],
        [4, 5],
    ]


@pytest.mark.parametrize("n_variables", range(3, 9))
def test_a_clause_is_found_by_its_literals(n_variables):
    problem = Problem(n_variables=n_variables, n_clauses=4)
    first, second = clause_literals(problem).T
    found = clause_ids_of_literal_pairs(problem)[first, second]
    assert found.tolist() == list(range(problem.n_distinct_clauses))


@pytest.mark.parametrize("n_variables", range(3, 9))
def test_every_other_literal_pair_is_no_clause(n_variables):
    problem = Problem(n_variables=n_variables, n_clauses=4)
    n_without = (clause_ids_of_literal_pairs(problem) == -1).sum()
    assert n_without == problem.n_literals**2 - problem.n_distinct_clauses
