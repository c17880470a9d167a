"""Lookup tables: for every truth table the bits most often seen with it, the longest programs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from mechval.two_sat.programs.evaluate import TruthTableCounts


@dataclass(frozen=True)
class LookupProgram:
    """For each truth table the bits most often seen with it; none for a table never seen. No
    program of the truth table alone agrees with the fitting formulas more often. ``rows``: packed
    truth table to its row. ``states``: the bits of each row."""

    rows: Mapping[bytes, int]
    states: Bool[Tensor, "table neuron"]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
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
    """On how many of these formulas every program of the truth table disagrees, at the least. It is
    fitted on the formulas it is counted on, so it bounds programs from below and is no ε."""
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
