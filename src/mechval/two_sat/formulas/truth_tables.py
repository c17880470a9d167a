"""Truth tables of clauses, formulas and literal pairs.

Assignment ``a`` gives variable ``v`` the bit ``(a >> v) & 1``. A packed truth table has one bit
per assignment in 64-bit words, lowest bit first: one word up to 6 variables, four at 8.
"""

import numpy as np
import torch
from jaxtyping import Bool, Integer, UInt64
from torch import Tensor

from mechval.two_sat.problem import Problem, clause_literals

_WORD_BITS = 64


def clause_truth_tables(problem: Problem) -> UInt64[np.ndarray, "clause word"]:
    """Pack the truth table of every distinct clause."""
    literals = _literal_truth(problem)
    first, second = clause_literals(problem).T
    bits = np.packbits(literals[first] | literals[second], axis=1, bitorder="little")
    n_words = -(-problem.n_assignments // _WORD_BITS)
    words = np.zeros((len(bits), 8 * n_words), dtype=np.uint8)
    words[:, : bits.shape[1]] = bits
    return words.view("<u8").astype(np.uint64)


def truth_tables(
    problem: Problem, clause_ids: Integer[np.ndarray, "formula clause_position"]
) -> UInt64[np.ndarray, "formula word"]:
    """Pack the truth table of every formula: the AND of its clauses' tables.

    >>> problem = Problem(n_variables=3, n_clauses=4)
    >>> truth_tables(problem, np.array([[0, 1, 2, 3], [0, 0, 0, 0]])).tolist()
    [[0], [238]]
    """
    clauses = clause_truth_tables(problem)
    # One clause position at a time: the memory is that of the result, not ten times as much.
    words = clauses[clause_ids[:, 0]]
    for position in range(1, problem.n_clauses):
        words &= clauses[clause_ids[:, position]]
    return words


def is_satisfiable(words: UInt64[np.ndarray, "formula word"]) -> Bool[np.ndarray, " formula"]:
    """Tell which truth tables have a true entry."""
    return np.bitwise_or.reduce(words, axis=1) != 0


def unpack_truth_tables(
    words: UInt64[np.ndarray, "formula word"], n_variables: int
) -> Bool[np.ndarray, "formula assignment"]:
    """Unpack truth tables into one truth value per assignment."""
    octets = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little", count=2**n_variables).astype(bool)


def literal_pair_truth(problem: Problem) -> Bool[Tensor, "pair assignment"]:
    """Evaluate every ordered pair of literals as a clause. Pair ``l * n_literals + r`` reads ``l or
    r``. Unlike the clauses of a formula, a pair may repeat a literal or be a tautology: a parse of
    a network's state may yield any pair."""
    literals = torch.as_tensor(_literal_truth(problem))
    return (literals[:, None] | literals[None, :]).flatten(0, 1)


def _literal_truth(problem: Problem) -> Bool[np.ndarray, "literal assignment"]:
    assignments = np.arange(problem.n_assignments)
    variables = np.arange(problem.n_variables)
    positive = (assignments >> variables[:, None] & 1).astype(bool)
    return np.concatenate([positive, ~positive])
