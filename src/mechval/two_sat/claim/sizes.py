"""How long the programs of a circuit are beside the network's weights (axiom 6).

Source: paper section 3 (the program must be simpler than the network).
"""

from collections.abc import Mapping

from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.claim.parts import network_parts
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.lengths import (
    constant_bits,
    count_reachable_truth_tables,
    lookup_bits,
    size_bits,
)

WEIGHT_BITS = 32


def size_rows(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    fitted: Mapping[tuple[str, ReadingName], int],
) -> list[Row]:
    """One row per program of the circuit, per rival that needs no fitting, per program fitted
    elsewhere, and for the weights.

    Args:
        fitted: length of each further program, by what it is and the reading it was fitted to.

    Columns: ``what``, ``reading``, ``neurons``, ``bits``, ``share_of_weights`` (of all weights'
    bits), ``share_of_evaluate_weights``. ``bits`` is None for a lookup table of too many entries.
    """
    n_weights = {part.component: part.n_weights(model) for part in network_parts(model)}
    whole, evaluate = WEIGHT_BITS * sum(n_weights.values()), WEIGHT_BITS * n_weights["evaluate"]
    n_tables = count_reachable_truth_tables(problem)
    sizes: list[tuple[str, str | None, int | None, int | None]] = [
        ("constant", None, 0, constant_bits())
    ]
    for name, reading in circuit.readings.items():
        n = len(reading.neurons)
        sizes += [
            ("disjunctions", name, n, size_bits(reading.disjunctions, problem)),
            ("trees", name, n, size_bits(reading.trees.program, problem)),
            ("trees before pruning", name, n, size_bits(reading.trees.unpruned, problem)),
            ("lookup table", name, n, None if n_tables is None else lookup_bits(n_tables, n)),
        ]
    sizes += [
        (what, reading, len(circuit.readings[reading].neurons), bits)
        for (what, reading), bits in fitted.items()
    ]
    sizes += [("weights of evaluate", None, None, evaluate), ("all weights", None, None, whole)]
    return [
        {
            "what": what,
            "reading": reading,
            "neurons": neurons,
            "bits": bits,
            "share_of_weights": None if bits is None else bits / whole,
            "share_of_evaluate_weights": None if bits is None else bits / evaluate,
        }
        for what, reading, neurons, bits in sizes
    ]
