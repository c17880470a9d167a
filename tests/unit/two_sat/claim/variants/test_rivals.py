"""Rival programs against what they stand for, counted by hand or decided by a truth table."""

import pytest
import torch
from torch import Tensor

from mechval.two_sat.claim.variants.rivals import (
    ImplicationGraph,
    fit_literal_counts,
    implication_graph,
    literal_counts,
)
from mechval.two_sat.formulas.truth_tables import literal_pair_truth
from mechval.two_sat.network.components import AnswerState
from mechval.two_sat.problem import Problem
from tests.networks import CPU

PROBLEM = Problem(n_variables=5, n_clauses=10)
N_LITERALS = PROBLEM.n_literals


def random_pairs(n: int, problem: Problem = PROBLEM) -> Tensor:
    """Ordered literal pairs of every kind, degenerate ones included."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(problem.n_literals**2, (n, problem.n_clauses), generator=generator)


def test_literals_are_counted_on_both_sides_of_a_clause() -> None:
    pairs = torch.tensor([[0 * N_LITERALS + 3, 3 * N_LITERALS + 9, 3 * N_LITERALS + 3]])
    assert literal_counts(pairs, N_LITERALS).tolist() == [[1, 0, 0, 4, 0, 0, 0, 0, 0, 1]]


def test_a_threshold_on_the_counts_is_found() -> None:
    pairs = random_pairs(3_000)
    counts = literal_counts(pairs, N_LITERALS)
    bits = torch.stack([counts[:, 0] > counts[:, 5], counts[:, 2] >= 3], dim=1)
    program = fit_literal_counts(pairs[:1_500], bits[:1_500], N_LITERALS).program
    assert float((program(pairs[1_500:]) != bits[1_500:]).float().mean()) < 0.01


def test_what_binds_literals_into_clauses_is_out_of_reach_of_counts() -> None:
    pairs = random_pairs(3_000)
    bits = (pairs == 17).any(dim=1, keepdim=True)
    program = fit_literal_counts(pairs[:1_500], bits[:1_500], N_LITERALS).program
    wrong = float((program(pairs[1_500:]) != bits[1_500:]).float().mean())
    assert wrong > 0.5 * float(bits.float().mean())


@pytest.mark.parametrize("n_variables", [3, 5, 8])
def test_the_implication_graph_decides_satisfiability(n_variables: int) -> None:
    problem = Problem(n_variables=n_variables, n_clauses=2 * n_variables)
    pairs = random_pairs(3_000, problem)
    expected = literal_pair_truth(problem)[pairs].all(dim=1).any(dim=1)
    assert 0.05 < float(expected.float().mean()) < 0.95
    assert make_graph(problem).program(pairs)[:, 0].equal(expected)


HIDDEN = torch.tensor([[0.0, 9.0, 0.0], [2.0, 0.0, 0.0], [4.0, 0.0, 6.0]])
RESID = torch.tensor([[1.0], [2.0], [4.0]])


def make_graph(problem: Problem = PROBLEM, hidden: Tensor = HIDDEN) -> ImplicationGraph:
    states = AnswerState(hidden, RESID)
    return implication_graph(problem, torch.tensor([0, 2]), torch.tensor([1.0, 5.0]), states, CPU)


def test_its_bit_is_on_where_any_evaluating_neuron_is() -> None:
    found = make_graph().alpha(AnswerState(HIDDEN, RESID))
    assert found.tolist() == [[False], [True], [True]]


def test_it_writes_the_mean_state_of_the_formulas_with_that_bit() -> None:
    written = make_graph().gamma(torch.tensor([[True], [False]]))
    assert written.hidden.tolist() == [[3.0, 0.0, 3.0], [0.0, 9.0, 0.0]]
    assert written.resid_mid.tolist() == [[3.0], [1.0]]


def test_a_bit_that_never_occurs_is_written_as_the_mean_of_all() -> None:
    graph = make_graph(hidden=HIDDEN + 10)
    assert graph.gamma(torch.tensor([[False]])).resid_mid.item() == pytest.approx(7 / 3)


def test_its_equivalence_compares_the_one_bit() -> None:
    distance = make_graph().equivalence().distance
    assert distance(torch.tensor([[True], [False]]), torch.tensor([[True], [True]])).tolist() == [
        False,
        True,
    ]
