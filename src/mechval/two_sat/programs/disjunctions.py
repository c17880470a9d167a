"""Disjunction only: a neuron's bit is the OR of the assignments whose formulas activate it.

Source: paper section 4 (interpretation with disjunctions only).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.errors import MechvalError


@dataclass(frozen=True)
class DisjunctionProgram:
    """Each neuron's bit is the OR of the assignments it stands for (paper: disjunction only)."""

    assignments: Bool[Tensor, "neuron assignment"]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        counts = truth_tables.float() @ self.assignments.to(truth_tables.device).float().T
        return counts > 0

    def covered(self) -> set[int]:
        """Assignments that some neuron stands for."""
        return set(self.assignments.any(dim=0).nonzero().flatten().tolist())

    def to_json(self) -> Any:
        return [row.nonzero().flatten().tolist() for row in self.assignments]

    @classmethod
    def from_json(cls, values: Sequence[Sequence[int]], n_assignments: int) -> "DisjunctionProgram":
        """Read what :meth:`to_json` wrote; raises MechvalError for other assignments."""
        assignments = torch.zeros(len(values), n_assignments, dtype=torch.bool)
        for neuron, chosen in enumerate(values):
            if not set(chosen) <= set(range(n_assignments)):
                raise MechvalError(
                    f"assignments {chosen!r} of a disjunction are not allowed; "
                    f"allowed: integers from 0 to {n_assignments - 1}."
                )
            assignments[neuron, list(chosen)] = True
        return cls(assignments)


def fit_disjunctions(
    mean_activation: Float[Tensor, "neuron assignment"], cut: Float[Tensor, " neuron"]
) -> DisjunctionProgram:
    """A neuron stands for the assignments whose formulas activate it above its cut on average."""
    return DisjunctionProgram(mean_activation > cut[:, None])
