"""Exact errors and distances of programs are those of listing every formula."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from mechval.errors import MechvalError
from mechval.two_sat.certify.counting.exact_noise import noisy_program_rows
from mechval.two_sat.certify.counting.exact_programs import (
    are_equivalent,
    exact_distance_rows,
    exact_program_rows,
    reachable_tables,
)
from mechval.two_sat.claim.variants.noise import NoisyParser, noise_replacements
from mechval.two_sat.configs import NOISE_KINDS, NoiseKind
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables, unpack_truth_tables
from mechval.two_sat.interpretation import any_bit, formula_evaluator
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.programs.evaluate import DisjunctionProgram, TreeProgram
from mechval.two_sat.programs.trees import Leaf, Split

PROBLEM = Problem(n_variables=3, n_clauses=4)
TABLES = reachable_tables(PROBLEM)
FORMULAS = np.array(list(product(range(PROBLEM.n_distinct_clauses), repeat=PROBLEM.n_clauses)))
WORDS = truth_tables(PROBLEM, FORMULAS)
SATISFIABLE = is_satisfiable(WORDS)
TRUTH = torch.from_numpy(unpack_truth_tables(WORDS, PROBLEM.n_variables))
WHOLE = DisjunctionProgram(torch.eye(8, dtype=torch.bool))
PARTIAL = DisjunctionProgram(torch.eye(8, dtype=torch.bool)[:5])
CPU = torch.device("cpu")

disjunctions = st.lists(
    st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=3
).map(lambda rows: DisjunctionProgram(torch.tensor(rows)))


@settings(max_examples=25)
@given(disjunctions)
def test_an_exact_error_is_that_of_listing_every_formula(program: DisjunctionProgram) -> None:
    wrong = program.bits(TRUTH).any(dim=1).numpy() != SATISFIABLE
    rows = {row["class"]: row for row in exact_program_rows({"program": program}, TABLES)}
    members = {"satisfiable": SATISFIABLE, "unsatisfiable": ~SATISFIABLE, "all": SATISFIABLE >= 0}
    for name, chosen in members.items():
        assert (rows[name]["errors"], rows[name]["formulas"]) == (
            wrong[chosen].sum(),
            chosen.sum(),
        )
    balanced = (wrong[SATISFIABLE].mean() + wrong[~SATISFIABLE].mean()) / 2
    assert rows["all"]["balanced_rate"] == pytest.approx(balanced)


@settings(max_examples=25)
@given(disjunctions, disjunctions)
def test_an_exact_distance_is_that_of_listing_every_formula(
    one: DisjunctionProgram, other: DisjunctionProgram
) -> None:
    first, second = one.bits(TRUTH), other.bits(TRUTH)
    rows = {row["on"]: row for row in exact_distance_rows({"one": one, "other": other}, TABLES)}
    answers = int((first.any(dim=1) != second.any(dim=1)).sum())
    assert rows["answer"]["differing"] == answers
    assert rows["answer"]["equivalent"] == (answers == 0) == are_equivalent(one, other, TABLES)
    if first.shape == second.shape:
        assert rows["bits"]["differing"] == int((first != second).any(dim=1).sum())
    else:
        assert "bits" not in rows


def test_the_disjunction_of_all_assignments_is_satisfiability() -> None:
    assert [row["errors"] for row in exact_program_rows({"whole": WHOLE}, TABLES)] == [0, 0, 0]


def test_differently_written_programs_of_one_function_are_equivalent() -> None:
    trees = TreeProgram(tuple(Split(index, Leaf(False), Leaf(True)) for index in range(8)))
    assert are_equivalent(WHOLE, trees, TABLES)
    assert not are_equivalent(WHOLE, PARTIAL, TABLES)


def test_an_exact_error_lies_in_the_sampled_interval() -> None:
    chosen = np.random.default_rng(0).integers(0, len(FORMULAS), size=4000)
    wrong = PARTIAL.bits(TRUTH[chosen]).any(dim=1).numpy() != SATISFIABLE[chosen]
    interval = binomtest(int(wrong.sum()), len(chosen)).proportion_ci(0.999)
    rate = exact_program_rows({"partial": PARTIAL}, TABLES)[-1]["rate"]
    assert interval.low <= rate <= interval.high


def test_programs_of_too_large_problems_are_refused_with_the_size() -> None:
    with pytest.raises(MechvalError, match=r"n_variables=8 has truth tables of 256 bits"):
        reachable_tables(Problem(n_variables=8, n_clauses=4))


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_without_noise_the_noisy_error_is_the_exact_one(kind: NoiseKind) -> None:
    rows = noisy_program_rows({"p": PARTIAL}, TABLES, noise_replacements(PROBLEM, kind), 0.0)
    assert rows[0]["error"] == pytest.approx(exact_program_rows({"p": PARTIAL}, TABLES)[-1]["rate"])


def test_if_all_clauses_are_replaced_the_answer_is_independent_of_the_formula() -> None:
    replacements = noise_replacements(PROBLEM, "clauses")
    (row,) = noisy_program_rows({"whole": WHOLE}, TABLES, replacements, 1.0)
    rate = SATISFIABLE.mean()
    assert row["error"] == pytest.approx(2 * rate * (1 - rate))
    assert row["false_satisfiable"] == pytest.approx(rate * (1 - rate))


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_a_noisy_error_lies_in_the_sampled_interval(kind: NoiseKind) -> None:
    replacements = noise_replacements(PROBLEM, kind)
    first, second = torch.as_tensor(clause_literals(PROBLEM)).T
    pairs = (first * PROBLEM.n_literals + second)[torch.as_tensor(FORMULAS)]
    parser = NoisyParser(lambda tokens: tokens, replacements, 0.3, seed=0)
    evaluate = formula_evaluator(PROBLEM, PARTIAL, CPU)
    wrong = any_bit(evaluate(parser.program(pairs))).numpy() != SATISFIABLE
    interval = binomtest(int(wrong.sum()), len(wrong)).proportion_ci(0.999)
    (row,) = noisy_program_rows({"p": PARTIAL}, TABLES, replacements, 0.3)
    assert interval.low <= row["error"] <= interval.high


def test_a_noise_probability_outside_its_range_is_refused() -> None:
    with pytest.raises(MechvalError, match=r"probability=1\.5 is not allowed"):
        noisy_program_rows({"p": PARTIAL}, TABLES, noise_replacements(PROBLEM, "clauses"), 1.5)
