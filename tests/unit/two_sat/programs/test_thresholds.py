import numpy as np
import torch

from mechval.two_sat.programs.evaluate import ThresholdProgram, TruthTableCounts, fit_thresholds
from mechval.two_sat.programs.lengths import Kind, program_bits, size_bits, threshold_formula_bits
from tests.networks import SMALL_PROBLEM

MEANS = torch.tensor([[0.1, 0.9, 0.8, 0.7, 0, 0, 0, 0]])


def tables() -> np.ndarray:
    return np.random.default_rng(0).random((400, 8)) < 0.5


def fitted(bits: np.ndarray) -> tuple[list[int], int]:
    program = fit_thresholds(TruthTableCounts.of(tables()), bits[:, None], MEANS)
    return program.assignments[0].nonzero().flatten().tolist(), int(program.at_least[0])


def test_two_of_three_is_found() -> None:
    assert fitted(tables()[:, [1, 2, 3]].sum(axis=1) >= 2) == ([1, 2, 3], 2)


def test_a_single_assignment_is_the_shortest_program() -> None:
    assert fitted(tables()[:, 1]) == ([1], 1)


def test_its_bits_are_those_of_the_formula() -> None:
    chosen = torch.zeros(1, 8, dtype=torch.bool)
    chosen[0, [1, 2, 3]] = True
    program = ThresholdProgram(chosen, torch.tensor([2]))
    expected = torch.from_numpy(tables()[:, [1, 2, 3]].sum(axis=1) >= 2)
    assert program.bits(torch.from_numpy(tables()))[:, 0].equal(expected)


def test_it_is_as_long_as_its_formulas() -> None:
    chosen = torch.eye(8, dtype=torch.bool)[:2]
    program = ThresholdProgram(chosen, torch.tensor([1, 1]))
    formula = threshold_formula_bits([1, *[0] * 7], 1)
    assert size_bits(program, SMALL_PROBLEM) == program_bits(Kind.THRESHOLDS, [formula] * 2)
