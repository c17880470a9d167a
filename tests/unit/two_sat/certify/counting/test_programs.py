"""Exact errors and distances of programs are those of listing every formula."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from mechval.errors import MechvalError
from mechval.two_sat.certify.counting.programs import (
    program_distances,
    program_errors,
)
from mechval.two_sat.formulas.truth_tables import (
    is_satisfiable,
    reachable_tables,
    truth_tables,
    unpack_truth_tables,
)
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import TreeProgram
from mechval.two_sat.programs.trees import Branch, Leaf

PROBLEM = Problem(n_variables=3, n_clauses=4)
TABLES = reachable_tables(PROBLEM)
FORMULAS = np.array(list(product(range(PROBLEM.n_distinct_clauses), repeat=PROBLEM.n_clauses)))
WORDS = truth_tables(PROBLEM, FORMULAS)
SATISFIABLE = is_satisfiable(WORDS)
TRUTH = torch.from_numpy(unpack_truth_tables(WORDS, PROBLEM.n_variables))
WHOLE = DisjunctionProgram(torch.eye(8, dtype=torch.bool))
PARTIAL = DisjunctionProgram(torch.eye(8, dtype=torch.bool)[:5])

disjunctions = st.lists(
    st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=3
).map(lambda rows: DisjunctionProgram(torch.tensor(rows)))


@settings(max_examples=25)
@given(disjunctions)
def test_an_exact_error_is_that_of_listing_every_formula(program: DisjunctionProgram) -> None:
    wrong = program.bits(TRUTH).any(dim=1).numpy() != SATISFIABLE
    rows = {row.stratum: row for row in program_errors({"program": program}, TABLES)}
    members = {"satisfiable": SATISFIABLE, "unsatisfiable": ~SATISFIABLE, "all": SATISFIABLE >= 0}
    for name, chosen in members.items():
        assert (rows[name].errors, rows[name].formulas) == (
            wrong[chosen].sum(),
            chosen.sum(),
        )
    balanced = (wrong[SATISFIABLE].mean() + wrong[~SATISFIABLE].mean()) / 2
    assert rows["all"].balanced_rate == pytest.approx(balanced)


@settings(max_examples=25)
@given(disjunctions, disjunctions)
def test_an_exact_distance_is_that_of_listing_every_formula(
    one: DisjunctionProgram, other: DisjunctionProgram
) -> None:
    first, second = one.bits(TRUTH), other.bits(TRUTH)
    rows = {row.on: row for row in program_distances({"one": one, "other": other}, TABLES)}
    answers = int((first.any(dim=1) != second.any(dim=1)).sum())
    assert rows["answer"].differing == answers
    assert rows["answer"].equivalent == (answers == 0)
    if first.shape == second.shape:
        assert rows["bits"].differing == int((first != second).any(dim=1).sum())
    else:
        assert "bits" not in rows


def test_the_disjunction_of_all_assignments_is_satisfiability() -> None:
    assert [row.errors for row in program_errors({"whole": WHOLE}, TABLES)] == [0, 0, 0]


def test_differently_written_programs_of_one_function_are_equivalent() -> None:
    trees = TreeProgram(tuple(Branch(index, Leaf(False), Leaf(True)) for index in range(8)))
    programs = {"whole": WHOLE, "trees": trees, "partial": PARTIAL}
    rows = {
        (row.program, row.other): row.equivalent
        for row in program_distances(programs, TABLES)
        if row.on == "answer"
    }
    assert rows["whole", "trees"]
    assert not rows["whole", "partial"]


def test_an_exact_error_lies_in_the_sampled_interval() -> None:
    chosen = np.random.default_rng(0).integers(0, len(FORMULAS), size=4000)
    wrong = PARTIAL.bits(TRUTH[chosen]).any(dim=1).numpy() != SATISFIABLE[chosen]
    interval = binomtest(int(wrong.sum()), len(chosen)).proportion_ci(0.999)
    rate = program_errors({"partial": PARTIAL}, TABLES)[-1].rate
    assert interval.low <= rate <= interval.high


def test_programs_of_too_large_problems_are_refused_with_the_size() -> None:
    with pytest.raises(MechvalError, match=r"n_variables=8 has truth tables of 256 bits"):
        reachable_tables(Problem(n_variables=8, n_clauses=4))
