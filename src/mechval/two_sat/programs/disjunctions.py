"""Disjunction only: a neuron's bit is the OR of the assignments whose formulas activate it.

Source: paper section 4 (interpretation with disjunctions only).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor

from mechval.axioms.program_size import subset_bits
from mechval.errors import MechvalError
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import Fitting


@dataclass(frozen=True)
class DisjunctionProgram:
    """Each neuron's bit is the OR of the assignments it stands for (paper: disjunction only)."""

    version: ClassVar[str] = "disjunction"
    words: ClassVar[str] = "disjunction only"
    kept_as: ClassVar[str] = "disjunctions"
    kind: ClassVar[int] = 2
    assignments: Bool[Tensor, "neuron assignment"]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        counts = truth_tables.float() @ self.assignments.to(truth_tables.device).float().T
        return counts > 0

    def covered(self) -> set[int]:
        """Assignments that some neuron stands for."""
        return set(self.assignments.any(dim=0).nonzero().flatten().tolist())

    @property
    def program(self) -> "DisjunctionProgram":
        return self

    @classmethod
    def fit(cls, to: Fitting) -> "DisjunctionProgram":
        """A neuron stands for the assignments whose formulas activate it above its cut on
        average."""
        return cls(to.mean_activation > to.cut[:, None])

    def formula_bits(self, problem: Problem) -> list[int]:
        """The assignments as a set."""
        sizes = self.assignments.sum(dim=1).tolist()
        return [subset_bits(size, problem.n_assignments) for size in sizes]

    def to_json(self) -> Sequence[Any]:
        return [row.nonzero().flatten().tolist() for row in self.assignments]

    @classmethod
    def from_json(cls, values: Sequence[Any], n_assignments: int) -> "DisjunctionProgram":
        """Read what :meth:`to_json` wrote; raises MechvalError for other assignments."""
        assignments = torch.zeros(len(values), n_assignments, dtype=torch.bool)
        for neuron, chosen in enumerate(values):
            numbers = chosen if isinstance(chosen, list) else [None]
            if not all(type(each) is int and 0 <= each < n_assignments for each in numbers):
                raise MechvalError(
                    f"assignments {chosen!r} of a disjunction are not allowed; "
                    f"allowed: integers from 0 to {n_assignments - 1}."
                )
            assignments[neuron, numbers] = True
        return cls(assignments)
