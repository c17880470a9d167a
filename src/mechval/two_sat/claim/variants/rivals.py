"""Rival programs: what else might explain the evaluating neurons, under the same axioms.

They bring the same parse; each says otherwise how the parsed clauses become bits.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mechval.two_sat.programs.evaluate import TruthTableCounts


@dataclass(frozen=True)
class LiteralCountProgram:
    """Each neuron is on where a weighted sum of how often the literals occur is above 0.

    This is as much as a network can do that does not bind literals into clauses.
    """

    weights: Float[Tensor, "literal neuron"]
    bias: Float[Tensor, " neuron"]

    def program(self, pairs: Int[Tensor, "batch clause_position"]) -> Bool[Tensor, "batch neuron"]:
        """Literal pairs to bits (h_2)."""
        counts = literal_counts(pairs, len(self.weights)).double()
        return counts @ self.weights.to(pairs.device) + self.bias.to(pairs.device) > 0


def literal_counts(
    pairs: Int[Tensor, "batch clause_position"], n_literals: int
) -> Int[Tensor, "batch literal"]:
    """How often each literal occurs among the literal pairs of a formula."""
    literals = torch.cat([pairs // n_literals, pairs % n_literals], dim=1)
    return torch.nn.functional.one_hot(literals, n_literals).sum(dim=1)


def fit_literal_counts(
    pairs: Int[Tensor, "formula clause_position"],
    bits: Bool[Tensor, "formula neuron"],
    n_literals: int,
) -> LiteralCountProgram:
    """Fit a logistic regression per neuron; every bit must change among the formulas."""
    counts = literal_counts(pairs, n_literals).numpy()
    fitted = [LogisticRegression().fit(counts, neuron.numpy()) for neuron in bits.T]
    return LiteralCountProgram(
        weights=torch.from_numpy(np.stack([model.coef_[0] for model in fitted], axis=1)).double(),
        bias=torch.from_numpy(np.concatenate([model.intercept_ for model in fitted])).double(),
    )


@dataclass(frozen=True)
class LookupProgram:
    """For each truth table the bits most often seen with it; none for a table never seen.

    No program of the truth table alone agrees with the fitting formulas more often.

    Attributes:
        rows: packed truth table to its row.
        states: the bits of each row.
    """

    rows: dict[bytes, int]
    states: Bool[Tensor, "table neuron"]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        """One bit per evaluating neuron."""
        packed = np.packbits(truth_tables.cpu().numpy(), axis=1)
        unseen = torch.zeros_like(self.states[:1])
        found = [self.rows.get(row.tobytes(), len(self.states)) for row in packed]
        return torch.cat([self.states, unseen])[found].to(truth_tables.device)


def fit_lookup(tables: TruthTableCounts, bits: Bool[Tensor, "formula neuron"]) -> LookupProgram:
    """Find the most frequent state of the neurons for each truth table; ties go to fewer bits."""
    states, count, table = _states_by_table(tables, bits)
    order = np.lexsort((states.sum(axis=1), -count, table))
    _, first = np.unique(table[order], return_index=True)
    packed = np.packbits(tables.distinct, axis=1)
    return LookupProgram(
        rows={row.tobytes(): number for number, row in enumerate(packed)},
        states=torch.from_numpy(states[order[first]]),
    )


def truth_table_floor(tables: TruthTableCounts, bits: Bool[Tensor, "formula neuron"]) -> int:
    """On how many of these formulas every program of the truth table disagrees, at the least.

    It is fitted on the formulas it is counted on, so it bounds programs from below and is no ε.
    """
    _, count, table = _states_by_table(tables, bits)
    most = np.zeros(len(tables.distinct), dtype=np.int64)
    np.maximum.at(most, table, count)
    return len(bits) - int(most.sum())


def _states_by_table(
    tables: TruthTableCounts, bits: Bool[Tensor, "formula neuron"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct pairs of truth table and state: state, how often, index of the table."""
    rows = np.column_stack([tables.index, np.packbits(bits.numpy(), axis=1)])
    distinct, count = np.unique(rows, axis=0, return_counts=True)
    packed = distinct[:, 1:].astype(np.uint8)
    return np.unpackbits(packed, axis=1, count=bits.shape[1]).astype(bool), count, distinct[:, 0]
