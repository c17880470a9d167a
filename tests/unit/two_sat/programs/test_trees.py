"""Trees: what is fitted, pruned, evaluated, written and read is one and the same function."""

import itertools
import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from mechval.errors import MechvalError
from mechval.two_sat.programs.evaluate import TreeProgram
from mechval.two_sat.programs.trees import (
    Branch,
    Leaf,
    Tree,
    fit_tree,
    prune,
    split_assignments,
    tree_from_json,
    tree_to_json,
)

N_ASSIGNMENTS = 5
ALL_TABLES = np.array(list(itertools.product([False, True], repeat=N_ASSIGNMENTS)))
KNOWN = Branch(3, Leaf(False), Branch(1, Leaf(True), Branch(4, Leaf(False), Leaf(True))))

TREES: st.SearchStrategy[Tree] = st.recursive(
    st.builds(Leaf, st.booleans()),
    lambda branch: st.builds(Branch, st.integers(0, N_ASSIGNMENTS - 1), branch, branch),
    max_leaves=12,
)


def plain_bit(tree: Tree, table: np.ndarray) -> bool:
    while isinstance(tree, Branch):
        tree = tree.if_true if table[tree.assignment] else tree.if_false
    return tree.bit


def bits(tree: Tree) -> list[bool]:
    return TreeProgram((tree,)).bits(torch.from_numpy(ALL_TABLES))[:, 0].tolist()


def fit(on: np.ndarray, off: np.ndarray, max_leaves: int = 4) -> Tree:
    return fit_tree(ALL_TABLES, on, off, max_leaves=max_leaves, seed=0)


@given(TREES)
def test_a_tree_is_evaluated_question_by_question(tree: Tree) -> None:
    assert bits(tree) == [plain_bit(tree, table) for table in ALL_TABLES]


def test_fitting_recovers_the_function_of_a_known_tree_with_its_number_of_leaves() -> None:
    is_on = np.array(bits(KNOWN))
    tree = fit(100 * is_on, 100 * ~is_on)
    assert bits(tree) == bits(KNOWN)
    assert n_leaves(tree) == n_leaves(KNOWN)


def test_the_first_question_is_the_one_that_tells_most() -> None:
    is_on = np.array(bits(KNOWN))
    tree = fit(100 * is_on, 100 * ~is_on)
    assert isinstance(tree, Branch)
    assert tree.assignment == KNOWN.assignment


def test_a_fitted_tree_has_at_most_the_leaves_asked_for() -> None:
    is_on = ALL_TABLES.sum(axis=1) % 2 == 0
    tree = fit(1 * is_on, 1 * ~is_on, max_leaves=3)
    assert n_leaves(tree) <= 3


def n_leaves(tree: Tree) -> int:
    return 1 if isinstance(tree, Leaf) else n_leaves(tree.if_false) + n_leaves(tree.if_true)


@given(seed=st.integers(0, 1000), max_leaves=st.integers(2, 8))
def test_a_fitted_tree_predicts_what_sklearn_predicts_on_every_formula(
    seed: int, max_leaves: int
) -> None:
    rng = np.random.default_rng(seed)
    on, off = rng.integers(0, 9, size=(2, len(ALL_TABLES)))
    on[0], off[-1] = 1, 1
    tree = fit_tree(ALL_TABLES, on, off, max_leaves=max_leaves, seed=seed)
    tables = np.concatenate([np.repeat(ALL_TABLES, on, axis=0), np.repeat(ALL_TABLES, off, axis=0)])
    labels = np.arange(len(tables)) < on.sum()
    sklearn_tree = DecisionTreeClassifier(max_leaf_nodes=max_leaves, random_state=seed)
    sklearn_tree.fit(tables, labels)
    shares = np.asarray(sklearn_tree.predict_proba(ALL_TABLES))[:, 1]
    # A leaf with as many on as off may be told either way.
    decided = shares != 0.5
    assert np.array_equal(np.array(bits(tree))[decided], shares[decided] > 0.5)


def test_the_same_seed_fits_the_same_tree() -> None:
    on, off = np.random.default_rng(0).integers(0, 9, size=(2, len(ALL_TABLES)))
    assert fit(on, off) == fit(on, off)


def test_a_bit_that_is_always_on_is_one_leaf() -> None:
    on = np.ones(len(ALL_TABLES), dtype=int)
    assert fit(on, 0 * on) == Leaf(True)


def test_a_table_never_seen_has_no_weight() -> None:
    on, off = np.zeros((2, len(ALL_TABLES)), dtype=int)
    on[7], off[3] = 2, 5
    tree = fit(on, off)
    assert (plain_bit(tree, ALL_TABLES[7]), plain_bit(tree, ALL_TABLES[3])) == (True, False)


@given(TREES)
def test_pruning_keeps_every_bit(tree: Tree) -> None:
    assert bits(prune(tree)) == bits(tree)


def has_redundant_split(tree: Tree) -> bool:
    if isinstance(tree, Leaf):
        return False
    branches = (tree.if_false, tree.if_true)
    return branches[0] == branches[1] or any(map(has_redundant_split, branches))


@given(TREES)
def test_pruning_leaves_no_redundant_split(tree: Tree) -> None:
    assert not has_redundant_split(prune(tree))


def test_pruning_works_from_the_leaves_up() -> None:
    same = Branch(2, Leaf(True), Leaf(True))
    assert prune(Branch(0, same, Branch(1, Leaf(True), same))) == Leaf(True)


@given(TREES)
def test_a_tree_survives_json(tree: Tree) -> None:
    assert tree_from_json(json.loads(json.dumps(tree_to_json(tree))), N_ASSIGNMENTS) == tree


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (2, "tree node 2 is not allowed"),
        ("1", "tree node '1' is not allowed"),
        (None, "tree node None is not allowed"),
        ([0, 1], "tree node [0, 1] is not allowed"),
        ({"assignment": 1, "if_true": 1}, "allowed: 0, 1 or an object of assignment, if_false"),
        (
            {"assignment": 5, "if_false": 0, "if_true": 1},
            "assignment=5 in a tree is not allowed; allowed: an integer from 0 to 4.",
        ),
        (
            {"assignment": "3", "if_false": 0, "if_true": 1},
            "assignment='3' in a tree is not allowed",
        ),
        (
            {
                "assignment": 0,
                "if_false": 0,
                "if_true": {"assignment": -1, "if_false": 0, "if_true": 1},
            },
            "assignment=-1 in a tree is not allowed",
        ),
    ],
)
def test_json_that_is_no_tree_is_refused(value: Any, sentence: str) -> None:
    with pytest.raises(MechvalError) as refusal:
        tree_from_json(value, N_ASSIGNMENTS)
    assert sentence in str(refusal.value)


def test_all_questions_of_a_tree_are_listed() -> None:
    assert split_assignments(KNOWN) == {1, 3, 4}
