"""How much of evaluate's disagreement a longer program buys: bits against ε, rung by rung."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval.axioms import EvidenceKind, clopper_pearson_upper
from mechval.reporting.tables import Row
from mechval.two_sat.circuit.extract import Reading
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.programs.evaluate import TruthTableCounts, fit_trees
from mechval.two_sat.programs.lengths import (
    count_reachable_truth_tables,
    lookup_bits,
    size_bits,
)
from mechval.two_sat.programs.lookup import fit_lookup
from mechval.two_sat.programs.mirrored import MirroredProgram
from mechval.two_sat.programs.thresholds import fit_thresholds
from mechval.two_sat.programs.voting import VotingProgram

TREE_LEAVES = (2, 4, 16, None)
"""Most leaves of the trees on the front; None for no limit."""
_BATCH = 4096

AnyVoting: TypeAlias = VotingProgram | MirroredProgram


@dataclass(frozen=True)
class ReadBits:
    """Formulas, and the bits that α_2 reads off the network for them."""

    split: Split
    bits: Bool[Tensor, "formula neuron"]


def front_rows(
    problem: Problem,
    reading: Reading,
    voting: Mapping[str, AnyVoting],
    fit: ReadBits,
    test: ReadBits,
    *,
    confidence: float,
    seed: int,
) -> list[Row]:
    """One row per program: columns ``program``, ``setting``, ``bits``, ``n``,
    ``disagreements``, ``epsilon``, ``kind``; ``bits`` is None for a lookup table too long to count.

    Trees, k-of-n programs and the lookup table are fitted on ``fit``; all are counted on
    ``test``: component equivalence of evaluate, given that parsing is right.
    """
    tables = {name: _truth(problem, read.split) for name, read in (("fit", fit), ("test", test))}
    counts = TruthTableCounts.of(tables["fit"])
    on = torch.from_numpy(tables["test"])
    found = reading.disjunctions.bits(on)
    length = size_bits(reading.disjunctions, problem)
    rows = [_row("disjunction", "", found, length, test, confidence)]
    for leaves in TREE_LEAVES:
        program = fit_trees(counts, fit.bits.numpy(), max_leaves=leaves, seed=seed).program
        setting, length = str(leaves or "unlimited"), size_bits(program, problem)
        rows.append(_row("trees", setting, program.bits(on), length, test, confidence))
    thresholds = fit_thresholds(counts, fit.bits.numpy(), reading.mean_activation)
    length = size_bits(thresholds, problem)
    rows.append(_row("k of n", "", thresholds.bits(on), length, test, confidence))
    n_tables = count_reachable_truth_tables(problem)
    found = fit_lookup(counts, fit.bits).bits(on)
    length = None if n_tables is None else lookup_bits(n_tables, fit.bits.shape[1])
    rows.append(_row("lookup table", "", found, length, test, confidence))
    pairs = written_pairs(problem, test.split)
    for name, voter in voting.items():
        found = in_batches(voter.bits, pairs)
        what = "voting" if isinstance(voter, VotingProgram) else "mirrored voting"
        rows.append(_row(what, name, found, size_bits(voter, problem), test, confidence))
    return rows


def written_pairs(problem: Problem, split: Split) -> Int[Tensor, "formula clause_position"]:
    """The literal pairs of formulas as they are written."""
    first, second = torch.as_tensor(clause_literals(problem)).T
    pairs = first * problem.n_literals + second
    return pairs[torch.from_numpy(split.clause_ids).long()]


def in_batches(
    program: Callable[[Tensor], Tensor], states: Int[Tensor, "formula clause_position"]
) -> Bool[Tensor, "formula neuron"]:
    """Run a program over many formulas without holding all its intermediate values."""
    return torch.cat([program(some) for some in states.split(_BATCH)])


def _row(
    program: str,
    setting: str,
    found: Bool[Tensor, "formula neuron"],
    length: int | None,
    test: ReadBits,
    confidence: float,
) -> Row:
    n, wrong = len(test.bits), int((found != test.bits).any(dim=1).sum())
    epsilon = clopper_pearson_upper(wrong, n, confidence)
    return {
        "program": program,
        "setting": setting,
        "bits": length,
        "n": n,
        "disagreements": wrong,
        "epsilon": epsilon,
        "kind": EvidenceKind.SAMPLED.value,
    }


def _truth(problem: Problem, split: Split) -> Bool[np.ndarray, "formula assignment"]:
    return unpack_truth_tables(truth_tables(problem, split.clause_ids), problem.n_variables)
