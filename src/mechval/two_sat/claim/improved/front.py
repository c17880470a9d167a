"""How much of evaluate's disagreement a longer program buys: bits against ε, program by program."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import Estimate
from mechval.two_sat.claim.bench import Bench, written_pairs
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.programs import lengths
from mechval.two_sat.programs.evaluate import EvaluateProgram
from mechval.two_sat.programs.lookup import fit_lookup
from mechval.two_sat.programs.mirrored import AnyVoting
from mechval.two_sat.programs.thresholds import fit_thresholds
from mechval.two_sat.programs.voting import VotingProgram

TREE_LEAVES = (2, 4, 16, None)
"""Most leaves of the trees on the front; None for no limit."""
_BATCH = 4096


@dataclass(frozen=True, kw_only=True)
class FrontRow(Estimate):
    """Length and ε of one program of evaluate: a row of front.csv.

    Attributes:
        setting: of the program, in words; None for a kind that has none.
        bits: None for a lookup table too long to count.
    """

    program: str = tables.told()
    setting: str | None = tables.told()
    bits: int | None = tables.told("length", unit="bits")


FRONT = tables.Table("axioms/front.csv", FrontRow)


def front_rows(
    bench: Bench, reading: ReadingName, voting: Mapping[str, AnyVoting]
) -> list[FrontRow]:
    """One row per program.

    Trees, k-of-n programs and the lookup table are fitted on the fitting split; all are counted on
    the test split: component equivalence of evaluate, given that parsing is right.
    """
    read = bench.bits(reading, bench.testing)
    on = torch.from_numpy(bench.testing.tables.distinct)
    rows = []
    for name, setting, program, length in _programs_of_tables(bench, reading):
        found = program.bits(on)[torch.from_numpy(bench.testing.tables.index)]
        rows.append(_row(name, setting, length, found, read, bench.confidence))
    pairs = written_pairs(bench.problem, bench.testing.split)
    for setting, voter in voting.items():
        name = "voting" if isinstance(voter, VotingProgram) else "mirrored voting"
        length = lengths.size_bits(voter, bench.problem)
        found = in_batches(voter.bits, pairs)
        rows.append(_row(name, setting, length, found, read, bench.confidence))
    return rows


def _programs_of_tables(
    bench: Bench, reading: ReadingName
) -> Iterator[tuple[str, str | None, EvaluateProgram, int | None]]:
    """Name, setting and length of each program of the truth table."""
    problem, seen, chosen = bench.problem, bench.fitting.tables, bench.circuit.readings[reading]
    bits = bench.bits(reading, bench.fitting)
    found = chosen.disjunctions
    yield "disjunction", None, found, lengths.size_bits(found, problem)
    for leaves in TREE_LEAVES:
        found = bench.trees(bits, leaves)
        yield "trees", str(leaves or "unlimited"), found, lengths.size_bits(found, problem)
    found = fit_thresholds(seen, bits.numpy(), chosen.mean_activation)
    yield "k of n", None, found, lengths.size_bits(found, problem)
    n_tables = lengths.count_reachable_truth_tables(problem)
    length = None if n_tables is None else lengths.lookup_bits(n_tables, bits.shape[1])
    yield "lookup table", None, fit_lookup(seen, bits), length


def in_batches(
    program: Callable[[Tensor], Tensor], states: Int[Tensor, "formula clause_position"]
) -> Bool[Tensor, "formula neuron"]:
    """Run a program over many formulas without holding all its intermediate values."""
    return torch.cat([program(some) for some in states.split(_BATCH)])


def _row(
    program: str,
    setting: str | None,
    length: int | None,
    found: Bool[Tensor, "formula neuron"],
    read: Bool[Tensor, "formula neuron"],
    confidence: float,
) -> FrontRow:
    estimate = Estimate.of(int((found != read).any(dim=1).sum()), len(read), confidence)
    return FrontRow(**vars(estimate), program=program, setting=setting, bits=length)
