"""The abstract programs: one bit per evaluating neuron as a function of the truth table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.two_sat.programs import trees as tree_code
from mechval.two_sat.programs.trees import CompiledTrees, Tree


@runtime_checkable
class EvaluateProgram(Protocol):
    """The program of the evaluate component (h_2)."""

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        """One bit per evaluating neuron."""
        ...


@dataclass(frozen=True)
class TreeProgram:
    """Each neuron's bit is a small decision tree on the truth table (paper: decision trees)."""

    trees: tuple[Tree, ...]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        return self._compiled.bits(truth_tables)

    @cached_property
    def _compiled(self) -> CompiledTrees:
        return tree_code.compile_trees(self.trees)

    def covered(self) -> set[int]:
        """Assignments that some tree asks about."""
        return set().union(*(tree_code.split_assignments(tree) for tree in self.trees))

    def to_json(self) -> Any:
        return [tree_code.tree_to_json(tree) for tree in self.trees]

    @classmethod
    def from_json(cls, values: Sequence[Any], n_assignments: int) -> "TreeProgram":
        """Read what :meth:`to_json` wrote; raises MechvalError for anything else."""
        return cls(tuple(tree_code.tree_from_json(value, n_assignments) for value in values))


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
        """Plain values: the assignments of each neuron."""
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


@dataclass(frozen=True)
class FittedTrees:
    """Trees before and after redundant splits are pruned; the program is the pruned one. The
    authors count covered assignments on the splits before pruning (deviation D3)."""

    unpruned: TreeProgram
    program: TreeProgram


@dataclass(frozen=True)
class TruthTableCounts:
    """Which truth tables occur in a split: distinct ones, and each formula's index among them."""

    distinct: Bool[np.ndarray, "table assignment"]
    index: Int[np.ndarray, " formula"]

    @classmethod
    def of(cls, truth_tables: Bool[np.ndarray, "formula assignment"]) -> "TruthTableCounts":
        """Group formulas by truth table."""
        packed = np.packbits(truth_tables, axis=1)
        _, first, index = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        return cls(truth_tables[first], index.reshape(-1))


def fit_trees(
    tables: TruthTableCounts,
    bits: Bool[np.ndarray, "formula neuron"],
    *,
    max_leaves: int | None,
    seed: int,
) -> FittedTrees:
    """Fit one tree per neuron on the fitting split (paper section 4). ``max_leaves``: None for no
    limit: no tree has more leaves than there are truth tables."""
    n_tables = len(tables.distinct)
    most = max(2, n_tables) if max_leaves is None else max_leaves
    total = np.bincount(tables.index, minlength=n_tables)
    fitted = []
    for neuron in track(range(bits.shape[1]), "decision trees"):
        n_on = np.bincount(tables.index[bits[:, neuron]], minlength=n_tables)
        tree = tree_code.fit_tree(tables.distinct, n_on, total - n_on, max_leaves=most, seed=seed)
        fitted.append(tree)
    pruned = tuple(map(tree_code.prune, fitted))
    return FittedTrees(TreeProgram(tuple(fitted)), TreeProgram(pruned))


def mean_activation_by_assignment(
    hidden: Float[Tensor, "formula neuron"], truth_tables: Bool[Tensor, "formula assignment"]
) -> Float[Tensor, "neuron assignment"]:
    """Mean activation of each neuron over the formulas that each assignment satisfies."""
    weights = truth_tables.double()
    totals = hidden.double().T @ weights
    return (totals / weights.sum(dim=0).clamp(min=1)).float()


def fit_disjunctions(
    mean_activation: Float[Tensor, "neuron assignment"], cut: Float[Tensor, " neuron"]
) -> DisjunctionProgram:
    """A neuron stands for the assignments whose formulas activate it above its cut on average."""
    return DisjunctionProgram(mean_activation > cut[:, None])
