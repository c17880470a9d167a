"""The inner loop of the enumeration: every multiset of clauses that begins with given ones.

Multisets are lists of clauses in ascending order, visited in lexicographic order. What a prefix
adds up to is kept at every depth, so the last clause costs one addition per head and column.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from numba import njit

SATISFIABLE, UNSATISFIABLE, OTHER, UNDECIDED = 0, 1, 2, 3
N_ANSWERS = 4
N_KEPT = 20
"""How many wrong answers are kept for each number of distinct clauses and either class."""
N_REVISITED = 4096
"""How many undecided multisets of a chunk are kept to be decided in ball arithmetic."""
WORD_BITS = 64


class Network(NamedTuple):
    """An ``EnumerationPlan`` as arrays, with the clauses' truth tables."""

    base: np.ndarray  # [column]
    start: np.ndarray  # [head, column]
    terms: np.ndarray  # [clause, head, column]
    weights: np.ndarray  # [clause, head]
    gains: np.ndarray  # [margin, column]
    first_margin: int
    margin_error: float
    rival_error: float
    tables: np.ndarray  # [clause] uint64


class Bits(NamedTuple):
    """What the activation bits are compared with; no readings where they are not compared."""

    surely_on: np.ndarray  # [reading, bit] activation from which the bit is on beyond doubt
    maybe_on: np.ndarray  # [reading, bit] activation below which it is off beyond doubt
    first_table: np.ndarray  # [clause] index of the truth table of one clause alone
    next_table: np.ndarray  # [table, clause] index of the table with one more clause
    programs: np.ndarray  # [table, reading, version, word] uint64


class Tally(NamedTuple):
    """Counts of a chunk: of formulas, but for ``multisets``."""

    formulas: np.ndarray  # [n_satisfying, n_distinct, answer]
    multisets: np.ndarray  # [n_satisfying, n_distinct, answer]
    kept: np.ndarray  # [class, n_distinct, kept, position] uint8
    n_kept: np.ndarray  # [class, n_distinct]
    revisited: np.ndarray  # [revisited, position] uint8
    n_undecided: np.ndarray  # [1]
    bit_wrong: np.ndarray  # [reading, version, class, bit]
    bit_unsure: np.ndarray  # [reading, class, bit]
    any_wrong: np.ndarray  # [reading, version, class]
    any_unsure: np.ndarray  # [reading, version, class]


_compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"})


@_compiled
@no_type_check
def count_chunk(network, bits, prefix, n_clauses, orders, tally):
    """Add every multiset that begins with ``prefix`` to ``tally``.

    Args:
        orders: in how many orders distinct clauses can be written, ``n_clauses`` factorial.
    """
    base, terms, weights, gains = network.base, network.terms, network.weights, network.gains
    tables, errors = network.tables, np.array([network.margin_error, network.rival_error])
    first_table, next_table, programs = bits.first_table, bits.next_table, bits.programs
    surely_on, maybe_on = bits.surely_on, bits.maybe_on
    n_readings = surely_on.shape[0]
    bit_wrong, bit_unsure = tally.bit_wrong, tally.bit_unsure
    any_wrong, any_unsure = tally.any_wrong, tally.any_unsure
    formulas_by, multisets_by = tally.formulas, tally.multisets
    fixed, inner, n_distinct_clauses = prefix.shape[0], n_clauses - 1, tables.shape[0]

    # Level d holds what the first d clauses add up to.
    numerators = np.zeros((n_clauses, *network.start.shape))
    numerators[0] = network.start
    denominators = np.ones((n_clauses, weights.shape[1]))
    # Columns: how often the last clause occurs, product of the factorials of all occurrences,
    # number of distinct clauses, index of the truth table.
    numbers = np.zeros((n_clauses, 4), dtype=np.int64)
    numbers[0, _DIVISOR] = 1
    level_tables = np.full(n_clauses, ~np.uint64(0))

    chosen = np.full(n_clauses, prefix[fixed - 1])
    chosen[:fixed] = prefix
    activations = np.empty((n_distinct_clauses, base.shape[0]))
    margins = np.empty((n_distinct_clauses, 2))
    packed = np.zeros((2, programs.shape[3]), dtype=np.uint64)
    changed = 0
    while True:
        for depth in range(changed, inner):
            clause = chosen[depth]
            _push_sums(numerators, denominators, terms, weights, depth, clause)
            _push_numbers(numbers, level_tables, tables, chosen, depth)
            if n_readings > 0:
                index = numbers[depth, _TABLE]
                numbers[depth + 1, _TABLE] = (
                    next_table[index, clause] if depth > 0 else first_table[clause]
                )
        first = chosen[inner - 1]
        _activate(numerators, denominators, base, terms, weights, inner, first, activations)
        _find_margins(activations, gains, network.first_margin, first, margins)
        for last in range(first, n_distinct_clauses):
            repeats = last == first
            run = numbers[inner, _RUN] + 1 if repeats else 1
            formulas = orders // (numbers[inner, _DIVISOR] * run)
            n_distinct = numbers[inner, _DISTINCT] + (0 if repeats else 1)
            n_satisfying = _n_ones(level_tables[inner] & tables[last])
            answer = _answer(margins, last, errors)
            formulas_by[n_satisfying, n_distinct, answer] += formulas
            multisets_by[n_satisfying, n_distinct, answer] += 1
            is_satisfiable = 1 if n_satisfying > 0 else 0
            if answer == UNDECIDED:
                chosen[inner] = last
                _keep_undecided(chosen, tally)
            elif (answer == SATISFIABLE) != (is_satisfiable == 1):
                chosen[inner] = last
                _keep_wrong(chosen, is_satisfiable, n_distinct, tally)
            if n_readings > 0:
                table = next_table[numbers[inner, _TABLE], last]
                for reading in range(n_readings):
                    _pack(activations, last, surely_on, maybe_on, reading, packed)
                    _compare(packed, programs, table, reading, is_satisfiable, formulas,
                        bit_wrong, bit_unsure, any_wrong, any_unsure)
        changed = inner - 1
        while changed >= fixed and chosen[changed] == n_distinct_clauses - 1:
            changed -= 1
        if changed < fixed:
            return
        chosen[changed:inner] = chosen[changed] + 1


_RUN, _DIVISOR, _DISTINCT, _TABLE = range(4)


@_compiled
@no_type_check
def _push_sums(numerators, denominators, terms, weights, depth, clause):
    for head in range(numerators.shape[1]):
        denominators[depth + 1, head] = denominators[depth, head] + weights[clause, head]
        for column in range(numerators.shape[2]):
            numerators[depth + 1, head, column] = (
                numerators[depth, head, column] + terms[clause, head, column]
            )


@_compiled
@no_type_check
def _push_numbers(numbers, level_tables, tables, chosen, depth):
    repeats = depth > 0 and chosen[depth - 1] == chosen[depth]
    run = numbers[depth, _RUN] + 1 if repeats else 1
    numbers[depth + 1, _RUN] = run
    numbers[depth + 1, _DIVISOR] = numbers[depth, _DIVISOR] * run
    numbers[depth + 1, _DISTINCT] = numbers[depth, _DISTINCT] + (0 if repeats else 1)
    level_tables[depth + 1] = level_tables[depth] & tables[chosen[depth]]


@_compiled
@no_type_check
def _activate(numerators, denominators, base, terms, weights, inner, first, activations):
    """Every column with each clause from ``first`` on as the last one."""
    for last in range(first, activations.shape[0]):
        for column in range(base.shape[0]):
            activations[last, column] = base[column]
        for head in range(numerators.shape[1]):
            share = 1.0 / (denominators[inner, head] + weights[last, head])
            for column in range(base.shape[0]):
                activations[last, column] += share * (
                    numerators[inner, head, column] + terms[last, head, column]
                )


@_compiled
@no_type_check
def _find_margins(activations, gains, first_margin, first, margins):
    """The margin of ``s``, and the largest of those of the other tokens."""
    for last in range(first, activations.shape[0]):
        margins[last, 1] = -np.inf
        for row in range(gains.shape[0]):
            total = activations[last, first_margin + row]
            for column in range(activations.shape[1]):
                activation = activations[last, column]
                total += gains[row, column] * (activation if activation > 0.0 else 0.0)
            if row == 0:
                margins[last, 0] = total
            elif total > margins[last, 1]:
                margins[last, 1] = total


@_compiled
@no_type_check
def _answer(margins, last, errors):
    margin, rival = margins[last, 0], margins[last, 1]
    error, rival_error = errors[0], errors[1]
    both = error + rival_error
    if margin > error and margin - rival > both:
        return SATISFIABLE
    if margin < -error and rival < -rival_error:
        return UNSATISFIABLE
    if rival > rival_error and rival - margin > both:
        return OTHER
    return UNDECIDED


@_compiled
@no_type_check
def _pack(activations, last, surely_on, maybe_on, reading, packed):
    """Bits that are on beyond doubt, and bits in doubt, 64 to a word."""
    n_bits = surely_on.shape[1]
    for word in range(packed.shape[1]):
        first = word * WORD_BITS
        surely, maybe = np.uint64(0), np.uint64(0)
        for bit in range(first, min(first + WORD_BITS, n_bits)):
            one = np.uint64(1) << np.uint64(bit - first)
            activation = activations[last, bit]
            surely |= one if activation >= surely_on[reading, bit] else np.uint64(0)
            maybe |= one if activation >= maybe_on[reading, bit] else np.uint64(0)
        packed[0, word] = surely
        packed[1, word] = maybe ^ surely


@_compiled
@no_type_check
def _compare(
    packed, programs, table, reading, of_class, formulas, bit_wrong, bit_unsure, any_wrong,
    any_unsure,
):
    unsure = False
    for word in range(packed.shape[1]):
        ones, bit = packed[1, word], word * WORD_BITS
        unsure |= ones != 0
        while ones != 0:
            bit_unsure[reading, of_class, bit + _lowest(ones)] += formulas
            ones &= ones - np.uint64(1)
    for version in range(programs.shape[2]):
        wrong = False
        for word in range(packed.shape[1]):
            ones = (packed[0, word] ^ programs[table, reading, version, word]) & ~packed[1, word]
            bit = word * WORD_BITS
            wrong |= ones != 0
            while ones != 0:
                bit_wrong[reading, version, of_class, bit + _lowest(ones)] += formulas
                ones &= ones - np.uint64(1)
        if wrong:
            any_wrong[reading, version, of_class] += formulas
        elif unsure:
            any_unsure[reading, version, of_class] += formulas


@_compiled
@no_type_check
def _lowest(word):
    """Place of the lowest bit that is one."""
    return _n_ones((word & (~word + np.uint64(1))) - np.uint64(1))


@_compiled
@no_type_check
def _keep_undecided(chosen, tally):
    number = tally.n_undecided[0]
    tally.n_undecided[0] += 1
    if number < tally.revisited.shape[0]:
        for position in range(chosen.shape[0]):
            tally.revisited[number, position] = chosen[position]


@_compiled
@no_type_check
def _keep_wrong(chosen, is_satisfiable, n_distinct, tally):
    number = tally.n_kept[is_satisfiable, n_distinct]
    if number < tally.kept.shape[2]:
        tally.n_kept[is_satisfiable, n_distinct] += 1
        for position in range(chosen.shape[0]):
            tally.kept[is_satisfiable, n_distinct, number, position] = chosen[position]


@_compiled
@no_type_check
def _n_ones(word):
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    twos = np.uint64(0x3333333333333333)
    word = (word & twos) + ((word >> np.uint64(2)) & twos)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
