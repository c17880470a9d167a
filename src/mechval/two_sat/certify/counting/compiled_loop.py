"""The loop on the CPU: every multiset of clauses that begins with given ones.

Multisets are lists of clauses in ascending order, visited in lexicographic order. What a prefix
adds up to is kept at every depth, so the last clause costs one addition per head and column.
"""

from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
from numba import njit

from mechval.two_sat.certify.counting.arrays import (
    OTHER,
    SATISFIABLE,
    UNDECIDED,
    UNSATISFIABLE,
    WORD_BITS,
)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when it is first called; kept for the next process where a folder can be written."""
    how = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
    try:
        return njit(cache=True, **how)(function)
    except RuntimeError:
        return njit(**how)(function)


# Columns of what is known of a prefix: how often its last clause occurs, the product of the
# factorials of all occurrences, the number of distinct clauses, the index of the truth table.
_RUN, _DIVISOR, _DISTINCT, _TABLE = range(4)
# Columns of what is known of a multiset.
_FORMULAS, _N_SATISFYING, _N_DISTINCT, _ANSWER = range(4)


# Taking an array out of a tuple, or a part out of one, costs an atomic count of references: no
# function does so inside its loops.
@compiled
@no_type_check
def count_chunk(network, bits, prefix, n_clauses, orders, heads, tally):
    """Add every multiset that begins with ``prefix`` to ``tally``.

    ``orders``, in which distinct clauses can be written, is ``n_clauses`` factorial. ``heads`` is a
    tuple with one entry per head of block 1: its length is part of its type, so that the sum over
    heads is unrolled.
    """
    n_heads = len(heads)
    base, terms, weights, tables = network.base, network.terms, network.weights, network.tables
    errors = np.array([network.margin_error, network.rival_error])
    first_table, next_table, compares = bits.first_table, bits.next_table, len(bits.surely_on) > 0
    fixed, inner, n_distinct_clauses = prefix.shape[0], n_clauses - 1, tables.shape[0]

    # Level d holds what the first d clauses add up to.
    numerators = np.zeros((n_clauses, n_heads, base.shape[0]))
    numerators[0] = network.start
    denominators = np.ones((n_clauses, n_heads))
    numbers = np.zeros((n_clauses, 4), dtype=np.int64)
    numbers[0, _DIVISOR] = 1
    level_tables = np.full(n_clauses, ~np.uint64(0))
    chosen = np.full(n_clauses, prefix[fixed - 1])
    chosen[:fixed] = prefix

    shares = np.empty(n_heads)
    activations = np.empty((n_distinct_clauses, base.shape[0]))
    margins = np.empty((n_distinct_clauses, 2))
    judged = np.empty((n_distinct_clauses, 4), dtype=np.int64)
    packed = np.zeros((2, bits.programs.shape[3]), dtype=np.uint64)
    powers = np.uint64(1) << np.arange(WORD_BITS, dtype=np.uint64)
    changed = 0
    while changed >= 0:
        for depth in range(changed, inner):
            push_sums(numerators, denominators, terms, weights, depth, chosen[depth])
            _push_numbers(numbers, level_tables, tables, chosen, depth)
            if compares:
                _push_table(numbers, first_table, next_table, chosen, depth)
        first = chosen[inner - 1]
        _activate(numerators, denominators, network, first, shares, heads, activations)
        _find_margins(activations, network, first, margins)
        if _judge(margins, errors, numbers, level_tables, tables, orders, first, judged):
            _keep(judged, chosen, first, tally)
        _tally_answers(judged, first, tally)
        if compares:
            table = numbers[inner, _TABLE]
            _tally_bits(activations, bits, table, judged, first, powers, packed, tally)
        changed = advance(chosen, fixed, n_distinct_clauses)


@compiled
@no_type_check
def advance(chosen, fixed, n_distinct_clauses):
    """Go on to the next prefix: all but the last of ``chosen``. Where it changed; -1 at the end."""
    inner, changed = chosen.shape[0] - 1, chosen.shape[0] - 2
    while changed >= fixed and chosen[changed] == n_distinct_clauses - 1:
        changed -= 1
    if changed < fixed:
        return -1
    chosen[changed:inner] = chosen[changed] + 1
    return changed


@compiled
@no_type_check
def push_sums(numerators, denominators, terms, weights, depth, clause):
    """Add a clause to what the first ``depth`` of them add up to."""
    for head in range(numerators.shape[1]):
        denominators[depth + 1, head] = denominators[depth, head] + weights[clause, head]
        for column in range(numerators.shape[2]):
            numerators[depth + 1, head, column] = (
                numerators[depth, head, column] + terms[clause, head, column]
            )


@compiled
@no_type_check
def _push_numbers(numbers, level_tables, tables, chosen, depth):
    repeats = depth > 0 and chosen[depth - 1] == chosen[depth]
    run = numbers[depth, _RUN] + 1 if repeats else 1
    numbers[depth + 1, _RUN] = run
    numbers[depth + 1, _DIVISOR] = numbers[depth, _DIVISOR] * run
    numbers[depth + 1, _DISTINCT] = numbers[depth, _DISTINCT] + (0 if repeats else 1)
    level_tables[depth + 1] = level_tables[depth] & tables[chosen[depth]]


@compiled
@no_type_check
def _push_table(numbers, first_table, next_table, chosen, depth):
    clause = chosen[depth]
    numbers[depth + 1, _TABLE] = (
        next_table[numbers[depth, _TABLE], clause] if depth > 0 else first_table[clause]
    )


@compiled
@no_type_check
def _activate(numerators, denominators, network, first, shares, heads, activations):
    """Every column with each clause from ``first`` on as the last one."""
    base, terms, weights = network.base, network.terms, network.weights
    inner = numerators.shape[0] - 1
    for last in range(first, activations.shape[0]):
        for head in range(len(heads)):
            shares[head] = 1.0 / (denominators[inner, head] + weights[last, head])
        for column in range(base.shape[0]):
            total = base[column]
            for head in range(len(heads)):
                total += shares[head] * (
                    numerators[inner, head, column] + terms[last, head, column]
                )
            activations[last, column] = total


@compiled
@no_type_check
def _find_margins(activations, network, first, margins):
    """The margin of ``s``, and the largest of those of the other tokens."""
    gains, first_margin = network.gains, network.neurons.shape[0]
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


@compiled
@no_type_check
def _judge(margins, errors, numbers, level_tables, tables, orders, first, judged):
    """Find each multiset's answer and weight; tell whether an answer is wrong or undecided."""
    inner, notable = numbers.shape[0] - 1, False
    divisor, n_distinct = numbers[inner, _DIVISOR], numbers[inner, _DISTINCT]
    formulas = orders // divisor
    for last in range(first, margins.shape[0]):
        n_satisfying = _n_ones(level_tables[inner] & tables[last])
        answer = _answer(margins[last, 0], margins[last, 1], errors[0], errors[1])
        judged[last, _FORMULAS] = formulas
        judged[last, _N_SATISFYING] = n_satisfying
        judged[last, _N_DISTINCT] = n_distinct + 1
        judged[last, _ANSWER] = answer
        notable |= answer == UNDECIDED or (answer == SATISFIABLE) != (n_satisfying > 0)
    judged[first, _FORMULAS] = orders // (divisor * (numbers[inner, _RUN] + 1))
    judged[first, _N_DISTINCT] = n_distinct
    return notable


@compiled
@no_type_check
def _answer(margin, rival, error, rival_error):
    both = error + rival_error
    if margin > error and margin - rival > both:
        return SATISFIABLE
    if margin < -error and rival < -rival_error:
        return UNSATISFIABLE
    if rival > rival_error and rival - margin > both:
        return OTHER
    return UNDECIDED


@compiled
@no_type_check
def _tally_answers(judged, first, tally):
    formulas, multisets = tally.formulas, tally.multisets
    for last in range(first, judged.shape[0]):
        n_satisfying, n_distinct = judged[last, _N_SATISFYING], judged[last, _N_DISTINCT]
        answer = judged[last, _ANSWER]
        formulas[n_satisfying, n_distinct, answer] += judged[last, _FORMULAS]
        multisets[n_satisfying, n_distinct, answer] += 1


@compiled
@no_type_check
def _keep(judged, chosen, first, tally):
    """Note down wrong and undecided multisets while there is room."""
    kept, n_kept = tally.kept, tally.n_kept
    revisited, n_undecided = tally.revisited, tally.n_undecided
    inner = chosen.shape[0] - 1
    for last in range(first, judged.shape[0]):
        chosen[inner] = last
        answer, n_distinct = judged[last, _ANSWER], judged[last, _N_DISTINCT]
        of_class = 1 if judged[last, _N_SATISFYING] > 0 else 0
        if answer == UNDECIDED:
            if n_undecided[0] < revisited.shape[0]:
                revisited[n_undecided[0]] = chosen
            n_undecided[0] += 1
        elif (answer == SATISFIABLE) != (of_class == 1):
            number = n_kept[of_class, n_distinct]
            if number < kept.shape[2]:
                kept[of_class, n_distinct, number] = chosen
                n_kept[of_class, n_distinct] += 1


@compiled
@no_type_check
def _tally_bits(  # noqa: C901  (loops moved into functions of their own cost half as much again)
    activations, bits, prefix_table, judged, first, powers, packed, tally
):
    surely_on, maybe_on = bits.surely_on, bits.maybe_on
    programs, next_table = bits.programs, bits.next_table
    bit_wrong, bit_unsure = tally.bit_wrong, tally.bit_unsure
    any_wrong, any_unsure = tally.any_wrong, tally.any_unsure
    for last in range(first, judged.shape[0]):
        formulas, table = judged[last, _FORMULAS], next_table[prefix_table, last]
        of_class = 1 if judged[last, _N_SATISFYING] > 0 else 0
        for reading in range(surely_on.shape[0]):
            _pack(activations, last, surely_on, maybe_on, reading, powers, packed)
            unsure = False
            for word in range(packed.shape[1]):
                ones = packed[1, word]
                unsure |= ones != 0
                while ones != 0:
                    bit = word * WORD_BITS + _lowest(ones)
                    bit_unsure[reading, of_class, bit] += formulas
                    ones &= ones - np.uint64(1)
            for version in range(programs.shape[2]):
                wrong = False
                for word in range(packed.shape[1]):
                    ones = packed[0, word] ^ programs[table, reading, version, word]
                    ones &= ~packed[1, word]
                    wrong |= ones != 0
                    while ones != 0:
                        bit = word * WORD_BITS + _lowest(ones)
                        bit_wrong[reading, version, of_class, bit] += formulas
                        ones &= ones - np.uint64(1)
                if wrong:
                    any_wrong[reading, version, of_class] += formulas
                elif unsure:
                    any_unsure[reading, version, of_class] += formulas


@compiled
@no_type_check
def _pack(activations, last, surely_on, maybe_on, reading, powers, packed):
    """Bits that are on beyond doubt, and bits in doubt, 64 to a word."""
    n_bits = surely_on.shape[1]
    for word in range(packed.shape[1]):
        first = word * WORD_BITS
        surely, maybe = np.uint64(0), np.uint64(0)
        for place in range(min(WORD_BITS, n_bits - first)):
            activation = activations[last, first + place]
            is_on = activation >= surely_on[reading, first + place]
            surely |= powers[place] if is_on else np.uint64(0)
            is_on = activation >= maybe_on[reading, first + place]
            maybe |= powers[place] if is_on else np.uint64(0)
        packed[0, word] = surely
        packed[1, word] = maybe ^ surely


@compiled
@no_type_check
def _lowest(word):
    """Place of the lowest bit that is one."""
    return _n_ones((word & (~word + np.uint64(1))) - np.uint64(1))


@compiled
@no_type_check
def _n_ones(word):
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    twos = np.uint64(0x3333333333333333)
    word = (word & twos) + ((word >> np.uint64(2)) & twos)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
