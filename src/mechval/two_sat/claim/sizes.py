"""How long the programs of a circuit are beside the network's weights (axiom 6).

Source: paper section 3 (the program must be simpler than the network).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.claim.improved.front import FrontRow
from mechval.two_sat.claim.parts import network_parts
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.interpretation import EVALUATE
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs import lengths

WEIGHT_BITS = 32
_HELD = ("disjunction", "trees", "lookup table")
"""Programs of the front that are those of the circuit, or need no fitting."""


@dataclass(frozen=True, kw_only=True)
class SizeRow:
    """How long one program is.

    Attributes:
        what: the program, or the weights.
        setting: of a program that was fitted elsewhere, in words.
        neurons: that it has a formula for.
        bits: None for a lookup table of too many entries.
        share_of_weights: of the bits of all weights.
        share_of_evaluate_weights: of the bits of the weights that evaluate is made of.
    """

    what: str = tables.told()
    setting: str | None = tables.told(default=None)
    reading: ReadingName | None = tables.told(default=None)
    neurons: int | None = tables.told(default=None)
    bits: int | None = tables.told("length", unit="bits")
    share_of_weights: float | None = tables.number("share of all weights", unit="%")
    share_of_evaluate_weights: float | None = tables.number("share of evaluate's", unit="%")


SIZES = tables.Table("axioms/sizes.csv", SizeRow)


def size_rows(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    front: Sequence[FrontRow],
    front_reading: ReadingName,
) -> list[SizeRow]:
    """One row per program of the circuit, per rival that needs no fitting, per program of the
    front that the circuit does not hold, and for the weights.

    Args:
        front_reading: the reading that the front's programs were fitted to.
    """
    n_weights = {part.component: part.n_weights(model) for part in network_parts(model)}
    whole, evaluate = WEIGHT_BITS * sum(n_weights.values()), WEIGHT_BITS * n_weights[EVALUATE]

    def row(bits: int | None, what: str, **of: str | int | None) -> SizeRow:
        shares = (None, None) if bits is None else (bits / whole, bits / evaluate)
        share_of_weights, share_of_evaluate = shares
        return SizeRow(
            what=what,
            bits=bits,
            share_of_weights=share_of_weights,
            share_of_evaluate_weights=share_of_evaluate,
            **of,  # pyright: ignore[reportArgumentType]
        )

    found = {name: len(reading.neurons) for name, reading in circuit.readings.items()}
    return [
        row(lengths.constant_bits(), "constant", neurons=0),
        *(
            row(bits, what, reading=reading, neurons=found[reading])
            for what, reading, bits in _held_sizes(problem, circuit)
        ),
        *(
            row(
                made.bits,
                made.program,
                setting=made.setting,
                reading=front_reading,
                neurons=found[front_reading],
            )
            for made in front
            if made.program not in _HELD
        ),
        row(evaluate, "weights of evaluate"),
        row(whole, "all weights"),
    ]


def _held_sizes(
    problem: Problem, circuit: Circuit
) -> Iterator[tuple[str, ReadingName, int | None]]:
    """What, reading and length of the circuit's programs and of its lookup tables."""
    n_tables = lengths.count_reachable_truth_tables(problem)
    for name, reading in circuit.readings.items():
        yield "disjunctions", name, lengths.size_bits(reading.disjunctions, problem)
        yield "trees", name, lengths.size_bits(reading.trees.program, problem)
        yield "trees before pruning", name, lengths.size_bits(reading.trees.unpruned, problem)
        n = len(reading.neurons)
        yield "lookup table", name, None if n_tables is None else lengths.lookup_bits(n_tables, n)
