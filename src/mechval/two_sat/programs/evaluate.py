"""The abstract programs: one bit per evaluating neuron as a function of the truth table.

Trees and disjunctions are the circuit's; k-of-n programs and lookup tables, the longest programs,
stand beside them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms.program_size import choice_bits
from mechval.progress import track
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs import trees as tree_code
from mechval.two_sat.programs.trees import CompiledTrees, Tree


@dataclass(frozen=True)
class TruthTableCounts:
    """Which truth tables occur in a split: distinct ones, and each formula's index among them."""

    distinct: Bool[np.ndarray, "table assignment"]
    index: Int[np.ndarray, " formula"]

    @classmethod
    def of(cls, truth_tables: Bool[np.ndarray, "formula assignment"]) -> "TruthTableCounts":
        packed = np.packbits(truth_tables, axis=1)
        _, first, index = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        return cls(truth_tables[first], index.reshape(-1))


@dataclass(frozen=True)
class Fitting:
    """What a program is fitted to, of the fitting split alone. ``bits``: of the neurons that are
    read. ``mean_activation``: over the formulas each assignment satisfies. ``cut``: the activation
    from which on a bit is 1. ``max_leaves``: of a tree; None for no limit."""

    tables: TruthTableCounts
    bits: Bool[Tensor, "formula neuron"]
    mean_activation: Float[Tensor, "neuron assignment"]
    cut: Float[Tensor, " neuron"]
    max_leaves: int | None
    seed: int


@runtime_checkable
class EvaluateProgram(Protocol):
    """The program of the evaluate component (h_2)."""

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        """One bit per evaluating neuron."""
        ...


@runtime_checkable
class CodedProgram(EvaluateProgram, Protocol):
    """A program that has a length (:mod:`.lengths`). ``kind``: a number that no other kind has."""

    kind: ClassVar[int]

    def formula_bits(self, problem: Problem) -> list[int]:
        """Length of each neuron's formula, in bits of a prefix code."""
        ...


@runtime_checkable
class Claimed(Protocol):
    """A program of all neurons as it was fitted: what may be claimed of evaluate.

    Attributes:
        version: value of the tag ``version``, and of the setting ``axioms.versions``.
        words: what reports call it.
        kept_as: its key in ``programs.json``, and its name among the lengths.
    """

    version: ClassVar[str]
    words: ClassVar[str]
    kept_as: ClassVar[str]

    @property
    def program(self) -> CodedProgram:
        """What is claimed; it may be the object itself."""
        ...

    @classmethod
    def fit(cls, to: Fitting) -> "Claimed": ...

    def to_json(self) -> Sequence[Any]:
        """Plain values, one per neuron."""
        ...

    @classmethod
    def from_json(cls, values: Sequence[Any], n_assignments: int) -> "Claimed":
        """Read what :meth:`to_json` wrote; raises MechvalError for anything else."""
        ...


@dataclass(frozen=True)
class TreeProgram:
    """Each neuron's bit is a small decision tree on the truth table (paper: decision trees)."""

    kind: ClassVar[int] = 3
    trees: tuple[Tree, ...]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        return self._compiled.bits(truth_tables)

    @cached_property
    def _compiled(self) -> CompiledTrees:
        return tree_code.compile_trees(self.trees)

    def covered(self) -> set[int]:
        """Assignments that some tree asks about."""
        return set().union(*(tree_code.split_assignments(tree) for tree in self.trees))

    def formula_bits(self, problem: Problem) -> list[int]:
        """Nodes, first the root, then ``if_false``, then ``if_true``. A leaf is a 0 and its bit; a
        split is a 1 and its assignment, one of 2**n_variables, in n_variables bits."""
        return [_tree_bits(tree, problem) for tree in self.trees]


def _tree_bits(tree: Tree, problem: Problem) -> int:
    if isinstance(tree, tree_code.Leaf):
        return 2
    branches = _tree_bits(tree.if_false, problem) + _tree_bits(tree.if_true, problem)
    return 1 + choice_bits(problem.n_assignments) + branches


@dataclass(frozen=True)
class FittedTrees:
    """Trees before and after redundant splits are pruned; the program is the pruned one. The
    authors count covered assignments on the splits before pruning (deviation D3). Kept are those
    before pruning, from which the pruned ones follow."""

    version: ClassVar[str] = "trees"
    words: ClassVar[str] = "decision trees"
    kept_as: ClassVar[str] = "trees"
    unpruned: TreeProgram
    program: TreeProgram

    @classmethod
    def of(cls, unpruned: Iterable[Tree]) -> "FittedTrees":
        """Prune trees as they were fitted."""
        trees = tuple(unpruned)
        return cls(TreeProgram(trees), TreeProgram(tuple(map(tree_code.prune, trees))))

    @classmethod
    def fit(cls, to: Fitting) -> "FittedTrees":
        return fit_trees(to.tables, to.bits.numpy(), max_leaves=to.max_leaves, seed=to.seed)

    def to_json(self) -> Sequence[Any]:
        return [tree_code.tree_to_json(tree) for tree in self.unpruned.trees]

    @classmethod
    def from_json(cls, values: Sequence[Any], n_assignments: int) -> "FittedTrees":
        return cls.of(tree_code.tree_from_json(value, n_assignments) for value in values)


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
    return FittedTrees.of(fitted)


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
