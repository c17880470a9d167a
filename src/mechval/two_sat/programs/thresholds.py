"""k-of-n programs: a neuron is on where enough of its assignments satisfy the formula."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.programs.evaluate import TruthTableCounts

MOST_ASSIGNMENTS = 6


@dataclass(frozen=True)
class ThresholdProgram:
    """Each neuron's bit is a monotone formula: at least so many of its assignments satisfy.
    ``assignments``: of each neuron. ``at_least``: how many of them must satisfy."""

    assignments: Bool[Tensor, "neuron assignment"]
    at_least: Int[Tensor, " neuron"]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        counts = truth_tables.float() @ self.assignments.to(truth_tables.device).float().T
        return counts >= self.at_least.to(truth_tables.device)


def fit_thresholds(
    tables: TruthTableCounts,
    bits: Bool[np.ndarray, "formula neuron"],
    mean_activation: Float[Tensor, "neuron assignment"],
) -> ThresholdProgram:
    """Choose n and k for every neuron on the fitting split. A neuron's n assignments are those with
    the largest mean activation. Of all k ≤ n ≤ 6 the pair with the fewest wrong bits is taken, the
    smallest n and then k where several have as few."""
    n_tables, most = len(tables.distinct), min(MOST_ASSIGNMENTS, mean_activation.shape[1])
    order = mean_activation.argsort(dim=1, descending=True, stable=True)[:, :most].numpy()
    total = np.bincount(tables.index, minlength=n_tables)
    assignments = torch.zeros(mean_activation.shape, dtype=torch.bool)
    at_least = torch.zeros(len(order), dtype=torch.int64)
    for neuron, chosen in enumerate(order):
        n_on = np.bincount(tables.index[bits[:, neuron]], minlength=n_tables)
        n, k = _best(tables.distinct[:, chosen].cumsum(axis=1), total - 2 * n_on)
        assignments[neuron, chosen[:n]] = True
        at_least[neuron] = k
    return ThresholdProgram(assignments, at_least)


def _best(
    satisfied: Int[np.ndarray, "table n"], cost_of_on: Int[np.ndarray, " table"]
) -> tuple[int, int]:
    """The n and k whose wrong bits are fewest; being on costs what being off would not."""
    pairs = [(n, k) for n in range(1, satisfied.shape[1] + 1) for k in range(1, n + 1)]
    wrong = [int(cost_of_on[satisfied[:, n - 1] >= k].sum()) for n, k in pairs]
    return pairs[int(np.argmin(wrong))]
