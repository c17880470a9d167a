"""The arrays that both loops count with: what is read, and what is counted into.

Both :mod:`compiled` and :mod:`device` take them with an ``EnumerationPlan``, and fill an empty
tally with the same integers.

======== ============ ======================================== =========================
tuple    array        shape                                    holds
======== ============ ======================================== =========================
Bits     surely_on    reading, bit                             on beyond doubt from here
..       maybe_on     reading, bit                             off beyond doubt below
..       first_table  clause                                   index of a truth table
..       next_table   table, clause                            index with one clause more
..       programs     table, reading, version, word            expected bits, uint64
Tally    formulas     n_satisfying, n_distinct, answer         formulas
..       multisets    n_satisfying, n_distinct, answer         multisets
..       kept         class, n_distinct, N_KEPT, position      first wrong multisets, uint8
..       n_kept       class, n_distinct                        how many are kept
..       revisited    N_REVISITED, position                    undecided multisets, uint8
..       n_undecided  1                                        how many there are
..       bit_wrong    reading, version, class, bit             formulas
..       bit_unsure   reading, class, bit                      formulas
..       any_wrong    reading, version, class                  formulas
..       any_unsure   reading, version, class                  formulas
======== ============ ======================================== =========================

``class``: 0 unsatisfiable, 1 satisfiable. Where no bits are compared there are no readings.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from mechval.two_sat.certify.counting import programs
from mechval.two_sat.certify.counting.plan import EnumerationPlan
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.truth_tables import ReachableTables
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.versions import CLAIMED

SATISFIABLE, UNSATISFIABLE, OTHER, UNDECIDED = 0, 1, 2, 3
N_ANSWERS = 4
N_KEPT = 20
"""How many wrong answers are kept for each number of distinct clauses and either class."""
N_REVISITED = 4096
"""How many undecided multisets of a chunk are kept to be decided in ball arithmetic."""
WORD_BITS = 64


class Bits(NamedTuple):
    """What the activation bits are compared with."""

    surely_on: np.ndarray
    maybe_on: np.ndarray
    first_table: np.ndarray
    next_table: np.ndarray
    programs: np.ndarray


class Tally(NamedTuple):
    """Counts of a chunk."""

    formulas: np.ndarray
    multisets: np.ndarray
    kept: np.ndarray
    n_kept: np.ndarray
    revisited: np.ndarray
    n_undecided: np.ndarray
    bit_wrong: np.ndarray
    bit_unsure: np.ndarray
    any_wrong: np.ndarray
    any_unsure: np.ndarray


def make_bits(
    plan: EnumerationPlan,
    circuit: Circuit,
    columns: Mapping[ReadingName, Int[np.ndarray, " bit"]],
    tables: ReachableTables | None,
) -> Bits:
    """Cuts and programs of all readings, side by side on the columns that any of them reads."""
    if tables is None:
        cuts, packed = np.zeros((0, 0)), np.zeros((0, 0, 0, 0), dtype=np.uint64)
        return Bits(cuts, cuts, np.zeros(0, np.int32), np.zeros((0, 0), np.int32), packed)
    n_readings, n_words = len(columns), -(-plan.n_bits // WORD_BITS)
    cuts = np.full((n_readings, plan.n_bits), np.inf)
    shape = (len(tables.words), n_readings, len(CLAIMED), n_words * WORD_BITS)
    expected = np.zeros(shape, dtype=bool)
    for index, (name, found) in enumerate(columns.items()):
        reading = circuit.readings[name]
        # The activation is a positive part: it reaches a cut of zero or less always.
        cut = reading.levels.cut.double().numpy()
        cuts[index, found] = np.where(cut > 0, cut, -np.inf)
        for version, program in enumerate(map(reading.programs.__getitem__, CLAIMED)):
            expected[:, index, version, found] = programs.program_bits(program, tables)
    error = plan.column_error[: plan.n_bits]
    packed = np.packbits(expected, axis=-1, bitorder="little")
    return Bits(
        surely_on=np.nextafter(cuts + error, np.inf),
        maybe_on=np.nextafter(cuts - error, -np.inf),
        first_table=tables.first_table(),
        next_table=tables.next_table(),
        programs=np.ascontiguousarray(packed).view("<u8").astype(np.uint64),
    )


def empty_tally(problem: Problem, bits: Bits) -> Tally:
    n_positions = problem.n_clauses
    groups = (problem.n_assignments + 1, n_positions + 1, N_ANSWERS)
    (n_readings, n_bits), n_versions = bits.surely_on.shape, bits.programs.shape[2]
    shapes = {
        "formulas": groups,
        "multisets": groups,
        "n_kept": (2, n_positions + 1),
        "n_undecided": (1,),
        "bit_wrong": (n_readings, n_versions, 2, n_bits),
        "bit_unsure": (n_readings, 2, n_bits),
        "any_wrong": (n_readings, n_versions, 2),
        "any_unsure": (n_readings, n_versions, 2),
    }
    return Tally(
        kept=np.zeros((2, n_positions + 1, N_KEPT, n_positions), dtype=np.uint8),
        revisited=np.zeros((N_REVISITED, n_positions), dtype=np.uint8),
        **{name: np.zeros(shape, dtype=np.int64) for name, shape in shapes.items()},
    )
