"""The two programs of evaluate, and what they are fitted on."""

import json

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from mechval.two_sat.programs.disjunctions import (
    DisjunctionProgram,
)
from mechval.two_sat.programs.evaluate import (
    FittedTrees,
    Fitting,
    TreeProgram,
    TruthTableCounts,
    fit_trees,
)
from mechval.two_sat.programs.trees import Branch, Leaf

TABLES = numpy_st.arrays(np.bool_, st.tuples(st.integers(1, 30), st.just(8)))
CHOSEN = numpy_st.arrays(np.bool_, st.tuples(st.integers(1, 5), st.just(8)))
TREES = TreeProgram((Branch(2, Leaf(False), Leaf(True)), Branch(5, Leaf(True), Leaf(False))))


@given(tables=TABLES, chosen=CHOSEN)
def test_a_disjunction_is_on_where_one_of_its_assignments_satisfies(
    tables: np.ndarray, chosen: np.ndarray
) -> None:
    program = DisjunctionProgram(torch.from_numpy(chosen))
    expected = [[bool((table & row).any()) for row in chosen] for table in tables]
    assert program.bits(torch.from_numpy(tables)).tolist() == expected


@given(TABLES)
def test_a_tree_program_has_one_column_per_tree(tables: np.ndarray) -> None:
    bits = TREES.bits(torch.from_numpy(tables))
    assert bits.tolist() == [[bool(table[2]), not table[5]] for table in tables]


@given(CHOSEN)
def test_a_disjunction_survives_json(chosen: np.ndarray) -> None:
    program = DisjunctionProgram(torch.from_numpy(chosen))
    values = json.loads(json.dumps(program.to_json()))
    assert DisjunctionProgram.from_json(values, 8).assignments.equal(program.assignments)


def test_a_tree_program_survives_json() -> None:
    fitted = FittedTrees.of(TREES.trees)
    assert FittedTrees.from_json(json.loads(json.dumps(fitted.to_json())), 8) == fitted


def test_coverage_is_what_some_neuron_asks_about() -> None:
    chosen = torch.zeros(2, 8, dtype=torch.bool)
    chosen[0, [1, 4]] = chosen[1, [4, 7]] = True
    assert TREES.covered() == {2, 5}
    assert DisjunctionProgram(chosen).covered() == {1, 4, 7}


@given(TABLES)
def test_grouped_truth_tables_give_every_formula_its_own_back(tables: np.ndarray) -> None:
    grouped = TruthTableCounts.of(tables)
    assert np.array_equal(grouped.distinct[grouped.index], tables)
    assert len(np.unique(grouped.distinct, axis=0)) == len(grouped.distinct)


def random_bits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    tables = rng.random((400, 8)) < 0.5
    noise = rng.random((400, 2)) < 0.05
    return tables, np.stack([tables[:, 1] & ~tables[:, 6], tables[:, 3]], axis=1) ^ noise


def test_one_tree_is_fitted_to_each_bit_despite_noise() -> None:
    tables, bits = random_bits(0)
    fitted = fit_trees(TruthTableCounts.of(tables), bits, max_leaves=4, seed=0)
    clean = np.stack([tables[:, 1] & ~tables[:, 6], tables[:, 3]], axis=1)
    found = fitted.program.bits(torch.from_numpy(tables)).numpy()
    assert (found != clean).mean() < 0.02


def test_the_program_is_the_pruned_trees_and_says_the_same() -> None:
    tables, bits = random_bits(1)
    fitted = fit_trees(TruthTableCounts.of(tables), bits, max_leaves=4, seed=0)
    inputs = torch.from_numpy(tables)
    assert fitted.program.bits(inputs).equal(fitted.unpruned.bits(inputs))
    assert fitted.program.covered() <= fitted.unpruned.covered()


def test_trees_do_not_depend_on_the_order_of_formulas() -> None:
    tables, bits = random_bits(2)
    order = np.random.default_rng(0).permutation(len(tables))
    fitted = fit_trees(TruthTableCounts.of(tables), bits, max_leaves=4, seed=0)
    shuffled = fit_trees(TruthTableCounts.of(tables[order]), bits[order], max_leaves=4, seed=0)
    assert shuffled == fitted


def test_a_neuron_stands_for_the_assignments_that_activate_it_above_its_cut() -> None:
    mean_activation = torch.tensor([[0.2, 0.6, 0.5], [2.0, 0.6, 3.0]])
    bits, tables = torch.ones(1, 2, dtype=torch.bool), TruthTableCounts.of(np.eye(3, dtype=bool))
    to = Fitting(tables, bits, mean_activation, torch.tensor([0.5, 1.0]), None, 0)
    program = DisjunctionProgram.fit(to)
    assert program.to_json() == [[1], [0, 2]]


def test_fitting_is_exact_where_the_bit_is_a_small_tree() -> None:
    tables, _ = random_bits(3)
    bits = TREES.bits(torch.from_numpy(tables)).numpy()[:, :1]
    fitted = fit_trees(TruthTableCounts.of(tables), bits, max_leaves=4, seed=0)
    assert fitted.program.trees == (TREES.trees[0],)
