"""Trees laid out in arrays give the bits of the trees; fitted trees keep to their size."""

import numpy as np
import pytest
import torch
from torch import Tensor

from mechval.two_sat.programs.evaluate import TreeProgram, TruthTableCounts, fit_trees
from mechval.two_sat.programs.trees import Branch, Leaf, Tree, compile_trees

N_ASSIGNMENTS = 8
ALL_TABLES = torch.arange(2**N_ASSIGNMENTS)[:, None] >> torch.arange(N_ASSIGNMENTS) & 1 == 1


def random_tree(rng: np.random.Generator, depth: int) -> Tree:
    if depth == 0 or rng.random() < 0.2:
        return Leaf(bool(rng.integers(2)))
    branches = (random_tree(rng, depth - 1), random_tree(rng, depth - 1))
    return Branch(int(rng.integers(N_ASSIGNMENTS)), *branches)


def walk(tree: Tree, table: Tensor) -> bool:
    """One question after the other."""
    while isinstance(tree, Branch):
        tree = tree.if_true if table[tree.assignment] else tree.if_false
    return tree.bit


def n_leaves(tree: Tree) -> int:
    return 1 if isinstance(tree, Leaf) else n_leaves(tree.if_false) + n_leaves(tree.if_true)


def observed(n: int = 2_000) -> tuple[TruthTableCounts, Tensor]:
    """Truth tables, and two bits: a function of the table, and one that noise flips."""
    generator = torch.Generator().manual_seed(0)
    tables = torch.rand(n, N_ASSIGNMENTS, generator=generator) < 0.5
    parity = tables[:, :4].sum(dim=1) % 2 == 1
    flipped = torch.rand(n, generator=generator) < 0.1
    return TruthTableCounts.of(tables.numpy()), torch.stack([parity, parity ^ flipped], dim=1)


def fitted(tables: TruthTableCounts, bits: Tensor, max_leaves: int | None) -> TreeProgram:
    return fit_trees(tables, bits.numpy(), max_leaves=max_leaves, seed=0).program


@pytest.mark.parametrize("seed", range(5))
def test_compiled_trees_give_the_same_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trees = [random_tree(rng, depth) for depth in (0, 1, 3, 6)]
    expected = [[walk(tree, table) for tree in trees] for table in ALL_TABLES]
    assert compile_trees(trees).bits(ALL_TABLES).tolist() == expected


def test_a_program_of_leaves_alone_asks_nothing() -> None:
    compiled = compile_trees([Leaf(True), Leaf(False)])
    assert compiled.depth == 0
    assert compiled.bits(ALL_TABLES[:3]).tolist() == [[True, False]] * 3


@pytest.mark.parametrize("max_leaves", [2, 4, 16])
def test_refitted_trees_have_at_most_so_many_leaves(max_leaves: int) -> None:
    tables, bits = observed()
    program = fitted(tables, bits, max_leaves)
    assert max(n_leaves(tree) for tree in program.trees) <= max_leaves


def test_unlimited_trees_reach_the_majority_of_every_table() -> None:
    tables, bits = observed()
    program = fitted(tables, bits, None)
    found = program.bits(torch.from_numpy(tables.distinct))
    for neuron in range(2):
        share = np.bincount(tables.index, bits[:, neuron]) / np.bincount(tables.index)
        is_decided = share != 0.5
        assert (found[:, neuron].numpy() == (share > 0.5))[is_decided].all()


def test_two_leaves_are_not_enough_for_parity() -> None:
    tables, bits = observed()
    program = fitted(tables, bits[:, :1], 2)
    found = program.bits(torch.from_numpy(tables.distinct[tables.index]))
    assert float((found != bits[:, :1]).float().mean()) > 0.3
