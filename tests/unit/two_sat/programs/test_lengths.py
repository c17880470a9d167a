"""Sizes are lengths of prefix codes: Kraft's inequality, known lengths, refusals."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mechval.axioms.program_size import (
    choice_bits,
    integer_bits,
    natural_bits,
    positive_bits,
    subset_bits,
)
from mechval.errors import MechvalError
from mechval.two_sat.formulas.truth_tables import reachable_tables
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import TreeProgram
from mechval.two_sat.programs.lengths import (
    Kind,
    constant_bits,
    count_reachable_truth_tables,
    lookup_bits,
    program_bits,
    size_bits,
    threshold_formula_bits,
)
from mechval.two_sat.programs.trees import Branch, Leaf, Tree
from tests.networks import PUBLISHED_PROBLEM, SMALL_PROBLEM

N = SMALL_PROBLEM.n_assignments


def kraft(lengths: list[int]) -> Fraction:
    return sum((Fraction(1, 2**length) for length in lengths), Fraction(0))


@pytest.mark.parametrize("first", range(12))
def test_the_integer_codes_reach_but_never_exceed_kraft(first: int) -> None:
    n = 2**first
    gap = Fraction(1, n)
    assert kraft([positive_bits(value) for value in range(1, n)]) == 1 - gap
    assert kraft([natural_bits(value) for value in range(n - 1)]) == 1 - gap
    centred = range(-(n // 2) + 1, n // 2) if n > 1 else range(0)
    assert kraft([integer_bits(value) for value in centred]) == 1 - gap


@given(st.integers(1, 300))
def test_choices_are_written_in_the_shortest_fixed_width(n: int) -> None:
    assert 2 ** choice_bits(n) >= n > 2 ** (choice_bits(n) - 1) - (n == 1)


@pytest.mark.parametrize("n_elements", range(9))
def test_sets_satisfy_kraft(n_elements: int) -> None:
    sizes = [
        subset_bits(size, n_elements)
        for size in range(n_elements + 1)
        for _ in combinations(range(n_elements), size)
    ]
    assert len(sizes) == 2**n_elements
    assert kraft(sizes) <= 1


def trees(depth: int, assignments: range) -> list[Tree]:
    leaves: list[Tree] = [Leaf(False), Leaf(True)]
    if depth == 0:
        return leaves
    below = trees(depth - 1, assignments)
    return leaves + [Branch(*parts) for parts in product(assignments, below, below)]


def formula_bits(bits: int, kind: int) -> int:
    """Length of the only formula of a program, whose own length this is."""
    return bits - program_bits(kind, [0])


def test_trees_satisfy_kraft() -> None:
    sizes = [size_bits(TreeProgram((tree,)), SMALL_PROBLEM) for tree in trees(2, range(4))]
    assert len(sizes) == 2 + 4 * (2 + 4 * 4) ** 2
    assert Fraction(1, 2) < kraft([formula_bits(size, TreeProgram.kind) for size in sizes]) <= 1


def test_disjunctions_satisfy_kraft() -> None:
    every = torch.tensor(list(product([False, True], repeat=N)))
    sizes = [size_bits(DisjunctionProgram(row[None]), SMALL_PROBLEM) for row in every]
    assert (
        Fraction(1, 4) < kraft([formula_bits(size, DisjunctionProgram.kind) for size in sizes]) <= 1
    )


def test_threshold_formulas_satisfy_kraft() -> None:
    sizes = [
        threshold_formula_bits(weights, at_least)
        for weights in product(range(-3, 4), repeat=3)
        for at_least in range(-9, 10)
    ]
    assert Fraction(1, 4) < kraft(sizes) <= 1


def test_whole_programs_of_all_kinds_together_satisfy_kraft() -> None:
    small_trees = trees(1, range(N))
    rows = torch.tensor(list(product([False, True], repeat=N)))
    thresholds = [
        threshold_formula_bits(weights, at_least)
        for weights in product(range(3), repeat=2)
        for at_least in range(3)
    ]
    n_tables = 3
    sizes = [constant_bits()] * 2
    for n_neurons in (0, 1, 2):
        sizes += [
            size_bits(TreeProgram(chosen), SMALL_PROBLEM)
            for chosen in product(small_trees, repeat=n_neurons)
        ]
        sizes += [lookup_bits(n_tables, n_neurons)] * 2 ** (n_tables * n_neurons)
        sizes += [
            program_bits(Kind.THRESHOLDS, chosen)
            for chosen in product(thresholds, repeat=n_neurons)
        ]
    sizes += [size_bits(DisjunctionProgram(row[None]), SMALL_PROBLEM) for row in rows]
    assert Fraction(1, 2) < kraft(sizes) <= 1


def test_a_code_without_lengths_would_break_kraft() -> None:
    naive = [size * choice_bits(N) for size in range(N + 1) for _ in combinations(range(N), size)]
    assert kraft(naive) > 1


def test_a_tree_has_the_length_that_its_words_add_up_to() -> None:
    tree = Branch(3, Leaf(False), Branch(7, Leaf(True), Leaf(False)))
    kind, one_neuron, split, leaf = 3, 3, 1 + 5, 2
    expected = kind + one_neuron + 2 * split + 3 * leaf
    assert size_bits(TreeProgram((tree,)), PUBLISHED_PROBLEM) == expected


def test_a_disjunction_has_the_length_that_its_words_add_up_to() -> None:
    assignments = torch.zeros(2, 32, dtype=torch.bool)
    assignments[0, [1, 4, 9]] = True
    kind, two_neurons = 3, 3
    three_of_32, none_of_32 = 5 + 13, 1  # comb(32, 3) = 4 960 needs 13 bits
    size = size_bits(DisjunctionProgram(assignments), PUBLISHED_PROBLEM)
    assert size == kind + two_neurons + three_of_32 + none_of_32


def test_k_of_n_costs_less_than_the_same_with_other_weights() -> None:
    k_of_n = threshold_formula_bits([1, 1, 0, 1], 2)
    assert k_of_n == integer_bits(2) + subset_bits(3, 4) + 1
    assert threshold_formula_bits([2, 1, 0, 1], 2) == k_of_n + (1 + 3) + 2 * (1 + 1)


def test_a_redundant_split_costs_bits() -> None:
    plain, redundant = Leaf(True), Branch(0, Leaf(True), Leaf(True))
    sizes = [size_bits(TreeProgram((tree,)), SMALL_PROBLEM) for tree in (plain, redundant)]
    assert sizes[1] - sizes[0] == 1 + 3 + 2


def test_a_program_of_an_unknown_kind_is_refused_and_can_be_registered() -> None:
    class Guess:
        """A program no code knows."""

    with pytest.raises(MechvalError, match="program of type Guess has no code"):
        size_bits(Guess(), SMALL_PROBLEM)
    size_bits.register(Guess, lambda program, problem: problem.n_variables)
    assert size_bits(Guess(), SMALL_PROBLEM) == 3


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: positive_bits(0), "value=0 has no gamma code; allowed: at least 1."),
        (lambda: choice_bits(0), "n_choices=0 is not allowed; allowed: at least 1."),
        (lambda: subset_bits(4, 3), "size=4 is not allowed; allowed: 0 to 3."),
    ],
)
def test_what_no_code_can_write_is_refused(call: Callable[[], int], sentence: str) -> None:
    with pytest.raises(MechvalError) as refusal:
        call()
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("n_clauses", [4, 6])
@pytest.mark.parametrize("n_variables", [3, 4])
def test_reachable_truth_tables_are_those_that_some_formula_has(
    n_variables: int, n_clauses: int
) -> None:
    problem = Problem(n_variables=n_variables, n_clauses=n_clauses)
    assert count_reachable_truth_tables(problem) == len(reachable_tables(problem).words)


def test_tables_beyond_one_word_are_not_counted() -> None:
    assert count_reachable_truth_tables(Problem(n_variables=7, n_clauses=4)) is None
