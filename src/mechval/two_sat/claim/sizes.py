"""How long programs are: against their ε, and beside the network's weights (axiom 6).

Source: paper section 3 (the program must be simpler than the network).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import Estimate
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.claim.bench import Bench, written_pairs
from mechval.two_sat.claim.derivability import network_parts
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.interpretation import EVALUATE
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs import lengths
from mechval.two_sat.programs.evaluate import (
    CodedProgram,
    EvaluateProgram,
    FittedTrees,
    fit_lookup,
    fit_thresholds,
)
from mechval.two_sat.programs.mirrored import AnyVoting
from mechval.two_sat.programs.versions import CLAIMED
from mechval.two_sat.programs.voting import VotingProgram

TREE_LEAVES = (2, 4, 16, None)
"""Most leaves of the trees on the front; None for no limit."""
WEIGHT_BITS = 32
_BATCH = 4096


@dataclass(frozen=True, kw_only=True)
class FrontRow(Estimate):
    """Length and ε of one program of evaluate. The setting is None for a kind that has none, the
    length for a lookup table too long to count."""

    program: str = tables.told()
    setting: str | None = tables.told()
    bits: int | None = tables.told("length", unit="bits")


@dataclass(frozen=True, kw_only=True)
class SizeRow:
    """How long one program is, or the weights; shares are of the bits of weights. The setting is
    that of a program fitted elsewhere; ``bits`` are None for a lookup table of too many entries."""

    what: str = tables.told("program")
    setting: str | None = tables.told(default=None)
    reading: ReadingName | None = tables.told(default=None)
    neurons: int | None = tables.told(default=None)
    bits: int | None = tables.told("length", unit="bits")
    share_of_weights: float | None = tables.number("share of all weights", unit="%")
    share_of_evaluate_weights: float | None = tables.number("share of evaluate's", unit="%")


FRONT = tables.Table("axioms/front.csv", FrontRow)
SIZES = tables.Table("axioms/sizes.csv", SizeRow)


def front_rows(
    bench: Bench, reading: ReadingName, voting: Mapping[str, AnyVoting]
) -> list[FrontRow]:
    """How much of evaluate's disagreement a longer program buys, one row per program. Trees, k-of-n
    programs and the lookup table are fitted on the fitting split; all are counted on the test
    split: component equivalence of evaluate, given that parsing is right."""
    read, seen = bench.bits(reading, bench.testing), bench.testing.tables
    distinct, table = torch.from_numpy(seen.distinct), torch.from_numpy(seen.index)
    pairs = written_pairs(bench.components.problem, bench.testing.split)
    found: list[tuple[str, str | None, int | None, Tensor]] = [
        (name, setting, length, program.bits(distinct)[table])
        for name, setting, length, program in _programs_of_tables(bench, reading)
    ]
    for setting, voter in voting.items():
        name = "voting" if isinstance(voter, VotingProgram) else "mirrored voting"
        length = lengths.size_bits(voter, bench.components.problem)
        found.append((name, setting, length, in_batches(voter.bits, pairs)))
    return [
        FrontRow(
            **vars(Estimate.of(int((bits != read).any(dim=1).sum()), len(read), bench.confidence)),
            program=name,
            setting=setting,
            bits=length,
        )
        for name, setting, length, bits in found
    ]


def _programs_of_tables(
    bench: Bench, reading: ReadingName
) -> Iterator[tuple[str, str | None, int | None, EvaluateProgram]]:
    """Name, setting, length and the program itself, of each that reads the truth table."""
    problem, seen = bench.components.problem, bench.fitting.tables
    chosen = bench.circuit.readings[reading]
    bits = bench.bits(reading, bench.fitting)
    for version, found in _without_leaves(chosen).items():
        yield version, None, lengths.size_bits(found, problem), found
    for leaves in TREE_LEAVES:
        found = bench.trees(bits, leaves)
        yield "trees", str(leaves or "unlimited"), lengths.size_bits(found, problem), found
    found = fit_thresholds(seen, bits.numpy(), chosen.mean_activation)
    yield "k of n", None, lengths.size_bits(found, problem), found
    yield "lookup table", None, _lookup_bits(problem, bits.shape[1]), fit_lookup(seen, bits)


def _without_leaves(reading: Reading) -> dict[str, CodedProgram]:
    """The programs of a reading that have one length, whatever leaves trees are allowed."""
    return {
        version: program
        for version, program in reading.programs.items()
        if version != FittedTrees.version
    }


def _lookup_bits(problem: Problem, n_neurons: int) -> int | None:
    n_tables = lengths.count_reachable_truth_tables(problem)
    return None if n_tables is None else lengths.lookup_bits(n_tables, n_neurons)


def in_batches(
    program: Callable[[Tensor], Tensor], states: Int[Tensor, "formula clause_position"]
) -> Bool[Tensor, "formula neuron"]:
    """Run a program over many formulas without holding all its intermediate values."""
    return torch.cat([program(some) for some in states.split(_BATCH)])


def size_rows(
    components: Components, circuit: Circuit, front: Sequence[FrontRow], front_reading: ReadingName
) -> list[SizeRow]:
    """One row per program of the circuit, per rival that needs no fitting, per program of the front
    (fitted to ``front_reading``) that the circuit does not hold, and for the weights."""
    model, problem = components.model, components.problem
    n_weights = {part.component: part.n_weights(model) for part in network_parts(model)}
    whole, evaluate = WEIGHT_BITS * sum(n_weights.values()), WEIGHT_BITS * n_weights[EVALUATE]
    found = {name: len(reading.neurons) for name, reading in circuit.readings.items()}

    def row(
        bits: int | None,
        what: str,
        reading: ReadingName | None = None,
        setting: str | None = None,
        neurons: int | None = None,
    ) -> SizeRow:
        return SizeRow(
            what=what,
            setting=setting,
            reading=reading,
            neurons=found[reading] if reading else neurons,
            bits=bits,
            share_of_weights=None if bits is None else bits / whole,
            share_of_evaluate_weights=None if bits is None else bits / evaluate,
        )

    held = (*CLAIMED, "lookup table")
    fitted = [made for made in front if made.program not in held]
    return [
        row(lengths.constant_bits(), "constant", neurons=0),
        *(row(bits, what, reading) for what, reading, bits in _held_sizes(problem, circuit)),
        *(row(made.bits, made.program, front_reading, made.setting) for made in fitted),
        row(evaluate, "weights of evaluate"),
        row(whole, "all weights"),
    ]


def _held_sizes(
    problem: Problem, circuit: Circuit
) -> Iterator[tuple[str, ReadingName, int | None]]:
    """What, reading and length of the circuit's programs and of its lookup tables."""
    for name, reading in circuit.readings.items():
        for version, program in _without_leaves(reading).items():
            yield CLAIMED[version].kept_as, name, lengths.size_bits(program, problem)
        yield "trees", name, lengths.size_bits(reading.trees.program, problem)
        yield "trees before pruning", name, lengths.size_bits(reading.trees.unpruned, problem)
        yield "lookup table", name, _lookup_bits(problem, len(reading.neurons))
