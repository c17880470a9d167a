"""Laws that every formula of every allowed size obeys."""

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pysat.solvers import Cadical153

from mechval.two_sat.formulas.generation import generate_corpora
from mechval.two_sat.formulas.solver import SatOracle
from mechval.two_sat.formulas.tokens import FormulaLayout, encode_formulas
from mechval.two_sat.formulas.truth_tables import (
    clause_truth_tables,
    is_satisfiable,
    truth_tables,
    unpack_truth_tables,
)
from mechval.two_sat.problem import Problem, clause_ids_of_literal_pairs, clause_literals
from tests.settings import TWO_SAT, changed

PROBLEMS = st.builds(
    Problem,
    n_variables=st.integers(min_value=3, max_value=8),
    n_clauses=st.integers(min_value=4, max_value=20),
)


@st.composite
def formulas(draw: Any) -> tuple[Problem, np.ndarray]:
    """A problem and one to eight formulas of its size."""
    problem = draw(PROBLEMS)
    clause = st.integers(min_value=0, max_value=problem.n_distinct_clauses - 1)
    formula = st.lists(clause, min_size=problem.n_clauses, max_size=problem.n_clauses)
    rows = draw(st.lists(formula, min_size=1, max_size=8))
    return problem, np.array(rows, dtype=np.uint8)


@given(formulas())
def test_the_truth_table_and_a_fresh_solver_agree(case):
    problem, clause_ids = case
    labels = [_is_satisfiable_to_cadical(problem, formula) for formula in clause_ids]
    assert is_satisfiable(truth_tables(problem, clause_ids)).tolist() == labels


def _is_satisfiable_to_cadical(problem: Problem, formula: np.ndarray) -> bool:
    """Ask another solver, which shares neither state nor encoding with the oracle."""
    n = problem.n_variables
    clauses = [
        [literal + 1 if literal < n else -(literal - n + 1) for literal in clause]
        for clause in clause_literals(problem)[formula].tolist()
    ]
    with Cadical153(bootstrap_with=clauses) as solver:
        return bool(solver.solve())


@given(formulas())
def test_the_oracle_labels_as_the_truth_table_says(case):
    problem, clause_ids = case
    with SatOracle(problem) as oracle:
        labels = oracle.label(clause_ids)
    assert np.array_equal(labels, is_satisfiable(truth_tables(problem, clause_ids)))


@given(formulas())
def test_the_clauses_can_be_read_off_their_tokens(case):
    problem, clause_ids = case
    tokens, layout = encode_formulas(problem, torch.tensor(clause_ids)), FormulaLayout(problem)
    first = tokens[:, list(layout.first_literal_positions)].numpy()
    second = tokens[:, list(layout.second_literal_positions)].numpy()
    assert np.array_equal(clause_ids_of_literal_pairs(problem)[first, second], clause_ids)


@given(formulas(), st.randoms(use_true_random=False))
def test_the_order_of_the_clauses_does_not_change_the_truth_table(case, random):
    problem, clause_ids = case
    order = random.sample(range(problem.n_clauses), problem.n_clauses)
    reordered = truth_tables(problem, clause_ids[:, order])
    assert np.array_equal(reordered, truth_tables(problem, clause_ids))


@given(formulas())
def test_a_formula_is_true_where_all_its_clauses_are(case):
    problem, clause_ids = case
    clauses = unpack_truth_tables(clause_truth_tables(problem), problem.n_variables)
    unpacked = unpack_truth_tables(truth_tables(problem, clause_ids), problem.n_variables)
    assert np.array_equal(unpacked, clauses[clause_ids].all(axis=1))


@given(formulas())
def test_a_core_is_a_subset_of_the_clauses_that_is_unsatisfiable(case):
    problem, clause_ids = case
    with SatOracle(problem) as oracle:
        unsatisfiable = clause_ids[~oracle.label(clause_ids)]
        cores = [np.resize(oracle.core(formula), problem.n_clauses) for formula in unsatisfiable]
    clauses = clause_truth_tables(problem)
    assert all(not np.bitwise_and.reduce(clauses[core]).any() for core in cores)


@settings(max_examples=20)
@given(
    st.integers(min_value=3, max_value=8), st.integers(min_value=6, max_value=20), st.integers(0)
)
def test_corpora_hold_no_formula_twice(n_variables, n_clauses, seed):
    problem = Problem(n_variables=n_variables, n_clauses=n_clauses)
    config = changed(TWO_SAT.data, training_formulas=40, analysis_formulas=10)
    splits = generate_corpora(problem, config, seed).splits.values()
    rows = np.concatenate([split.clause_ids for split in splits])
    assert len(np.unique(rows, axis=0)) == len(rows)
