"""Small decision trees over truth tables, as programs that can be read, printed and evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval.errors import MechvalError

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier


@dataclass(frozen=True)
class Leaf:
    bit: bool


@dataclass(frozen=True)
class Branch:
    """A question: does this assignment satisfy the formula?"""

    assignment: int
    if_false: "Tree"
    if_true: "Tree"


Tree: TypeAlias = Leaf | Branch


def fit_tree(
    truth_tables: Bool[np.ndarray, "table assignment"],
    n_on: Int[np.ndarray, " table"],
    n_off: Int[np.ndarray, " table"],
    *,
    max_leaves: int,
    seed: int,
) -> Tree:
    """Fit a tree that predicts a neuron's bit from the truth table; redundant splits are kept.
    ``truth_tables``: distinct truth tables. ``n_on``: with how many formulas of each table the bit
    is on. ``n_off``: with how many it is off. ``max_leaves``: upper limit on the leaves before
    pruning (4 in the paper). ``seed``: decides between equally good splits."""
    # Loading it takes a second, and trees that are read back need none of it.
    from sklearn.tree import DecisionTreeClassifier

    seen_on, seen_off = n_on > 0, n_off > 0
    tables = np.concatenate([truth_tables[seen_on], truth_tables[seen_off]])
    weights = np.concatenate([n_on[seen_on], n_off[seen_off]])
    classifier = DecisionTreeClassifier(max_leaf_nodes=max_leaves, random_state=seed)
    classifier.fit(tables, np.arange(len(tables)) < seen_on.sum(), sample_weight=weights)
    return _read(classifier, 0)


def prune(tree: Tree) -> Tree:
    """Replace every split whose two branches are the same by that branch (paper section 4)."""
    if isinstance(tree, Leaf):
        return tree
    if_false, if_true = prune(tree.if_false), prune(tree.if_true)
    return if_false if if_false == if_true else Branch(tree.assignment, if_false, if_true)


def split_assignments(tree: Tree) -> set[int]:
    """All assignments the tree asks about."""
    if isinstance(tree, Leaf):
        return set()
    return {tree.assignment} | split_assignments(tree.if_false) | split_assignments(tree.if_true)


def describe_tree(tree: Tree) -> str:
    """The tree as a conditional expression over assignments.

    >>> describe_tree(Branch(3, Leaf(False), Branch(7, Leaf(True), Leaf(False))))
    '(φ3 ? (φ7 ? 0 : 1) : 0)'
    """
    if isinstance(tree, Leaf):
        return str(int(tree.bit))
    branches = f"{describe_tree(tree.if_true)} : {describe_tree(tree.if_false)}"
    return f"(φ{tree.assignment} ? {branches})"


def tree_to_json(tree: Tree) -> Any:
    """Plain values: a bit, or ``{"assignment", "if_false", "if_true"}``."""
    if isinstance(tree, Leaf):
        return int(tree.bit)
    return {
        "assignment": tree.assignment,
        "if_false": tree_to_json(tree.if_false),
        "if_true": tree_to_json(tree.if_true),
    }


def tree_from_json(value: Any, n_assignments: int) -> Tree:
    """Read what :func:`tree_to_json` wrote. Raises MechvalError for anything else, or an assignment
    that does not exist."""
    if value in (0, 1) and not isinstance(value, dict):
        return Leaf(bool(value))
    if not isinstance(value, dict) or value.keys() != {"assignment", "if_false", "if_true"}:
        raise MechvalError(
            f"tree node {value!r} is not allowed; "
            "allowed: 0, 1 or an object of assignment, if_false, if_true."
        )
    if value["assignment"] not in range(n_assignments):
        raise MechvalError(
            f"assignment={value['assignment']!r} in a tree is not allowed; "
            f"allowed: an integer from 0 to {n_assignments - 1}."
        )
    return Branch(
        value["assignment"],
        tree_from_json(value["if_false"], n_assignments),
        tree_from_json(value["if_true"], n_assignments),
    )


@dataclass(frozen=True)
class CompiledTrees:
    """Several trees, read by one lookup per level instead of one per question. ``assignment``: that
    each node asks about; any for a leaf. ``following``: node after the answers no and yes; a leaf
    follows itself. ``bit``: that a leaf decides. ``roots``: first node of each tree. ``depth``:
    questions on the longest path."""

    assignment: Int[Tensor, " node"]
    following: Int[Tensor, "node answer"]
    bit: Bool[Tensor, " node"]
    roots: Int[Tensor, " neuron"]
    depth: int

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        device = truth_tables.device
        assignment, following = self.assignment.to(device), self.following.to(device)
        node = self.roots.to(device).expand(len(truth_tables), -1)
        for _ in range(self.depth):
            answer = truth_tables.gather(1, assignment[node])
            node = following[node, answer.long()]
        return self.bit.to(device)[node]


def compile_trees(trees: Sequence[Tree]) -> CompiledTrees:
    nodes: list[tuple[int, int, int, bool]] = []
    roots = [_lay_out(tree, nodes) for tree in trees]
    return CompiledTrees(
        assignment=torch.tensor([node[0] for node in nodes]),
        following=torch.tensor([node[1:3] for node in nodes]),
        bit=torch.tensor([node[3] for node in nodes]),
        roots=torch.tensor(roots),
        depth=max(_depth(tree) for tree in trees),
    )


def _read(classifier: "DecisionTreeClassifier", node: int) -> Tree:
    fitted = classifier.tree_
    if fitted.children_left[node] < 0:
        return Leaf(bool(classifier.classes_[fitted.value[node][0].argmax()]))
    return Branch(
        int(fitted.feature[node]),
        _read(classifier, int(fitted.children_left[node])),
        _read(classifier, int(fitted.children_right[node])),
    )


def _lay_out(tree: Tree, nodes: list[tuple[int, int, int, bool]]) -> int:
    """Append a tree's nodes, the later ones first; returns its root."""
    if isinstance(tree, Leaf):
        nodes.append((0, len(nodes), len(nodes), tree.bit))
    else:
        if_false, if_true = _lay_out(tree.if_false, nodes), _lay_out(tree.if_true, nodes)
        nodes.append((tree.assignment, if_false, if_true, False))
    return len(nodes) - 1


def _depth(tree: Tree) -> int:
    branches: Sequence[Tree] = () if isinstance(tree, Leaf) else (tree.if_false, tree.if_true)
    return max((1 + _depth(branch) for branch in branches), default=0)
