"""Decision trees laid out in arrays, so that all trees of a program are evaluated at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval.two_sat.programs.trees import Leaf, Tree


@dataclass(frozen=True)
class CompiledTrees:
    """Several trees, read by one lookup per level instead of one per question.

    Attributes:
        assignment: that each node asks about; any for a leaf.
        following: node after the answers no and yes; a leaf follows itself.
        bit: that a leaf decides.
        roots: first node of each tree.
        depth: questions on the longest path.
    """

    assignment: Int[Tensor, " node"]
    following: Int[Tensor, "node answer"]
    bit: Bool[Tensor, " node"]
    roots: Int[Tensor, " neuron"]
    depth: int

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        """One bit per evaluating neuron."""
        device = truth_tables.device
        assignment, following = self.assignment.to(device), self.following.to(device)
        node = self.roots.to(device).expand(len(truth_tables), -1)
        for _ in range(self.depth):
            answer = truth_tables.gather(1, assignment[node])
            node = following[node, answer.long()]
        return self.bit.to(device)[node]


def compile_trees(trees: Sequence[Tree]) -> CompiledTrees:
    """Lay the nodes of all trees out in arrays."""
    nodes: list[tuple[int, int, int, bool]] = []
    roots = [_lay_out(tree, nodes) for tree in trees]
    return CompiledTrees(
        assignment=torch.tensor([node[0] for node in nodes]),
        following=torch.tensor([node[1:3] for node in nodes]),
        bit=torch.tensor([node[3] for node in nodes]),
        roots=torch.tensor(roots),
        depth=max(_depth(tree) for tree in trees),
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
