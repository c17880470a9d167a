"""The loop of the listing: every multiset of clauses that begins with given ones, in float32.

As in `compiled_loop` of the counts, multisets are ascending lists of clauses and what a prefix
adds up to is kept at every depth. Here only extremes are kept, so a neuron costs one fused
multiplication and addition per head, and three comparisons.
"""

from typing import no_type_check

import numpy as np

from mechval.two_sat.certify.counting.compiled_loop import advance, compiled, push_sums

FAR = np.float32(1e30)
"""What an extreme is as long as there is nothing to take it of."""


@compiled
@no_type_check
def list_chunk(tables, falsifies, prefix, n_clauses, heads, extremes):
    """Lower and raise ``extremes`` by every multiset that begins with ``prefix``.

    ``tables`` are as of `listing.Tables`; ``falsifies`` is 1 where a clause falsifies a neuron's
    assignment and 0 elsewhere. Rows of ``extremes``: least where the assignment satisfies the
    multiset, largest where it does not, largest anywhere. ``heads`` is a tuple of one entry per
    head, whose length is part of its type.
    """
    base, start, terms, constants, weights = tables
    n_heads, n_columns = len(heads), base.shape[0]
    fixed, inner, n_distinct = prefix.shape[0], n_clauses - 1, terms.shape[0]
    numerators = np.zeros((n_clauses, n_heads, n_columns), dtype=np.float32)
    denominators = np.zeros((n_clauses, n_heads), dtype=np.float32)
    falsified = np.zeros((n_clauses, n_columns), dtype=np.float32)
    numerators[0], denominators[0] = start, constants
    chosen = np.full(n_clauses, prefix[fixed - 1])
    chosen[:fixed] = prefix
    shares = np.empty(n_heads, dtype=np.float32)
    on = np.full(n_columns, FAR, dtype=np.float32)
    off = np.full(n_columns, -FAR, dtype=np.float32)
    highest = np.full(n_columns, -FAR, dtype=np.float32)
    changed = 0
    while changed >= 0:
        for depth in range(changed, inner):
            clause = chosen[depth]
            push_sums(numerators, denominators, terms, weights, depth, clause)
            _push_falsified(falsified, falsifies, depth, clause)
        for last in range(chosen[inner - 1], n_distinct):
            for head in range(n_heads):
                shares[head] = np.float32(1) / (denominators[inner, head] + weights[last, head])
            for column in range(n_columns):
                total = base[column]
                for head in range(len(heads)):
                    total += shares[head] * (
                        numerators[inner, head, column] + terms[last, head, column]
                    )
                is_false = max(falsified[inner, column], falsifies[last, column]) > 0
                on[column] = min(on[column], FAR if is_false else total)
                off[column] = max(off[column], total if is_false else -FAR)
                highest[column] = max(highest[column], total)
        changed = advance(chosen, fixed, n_distinct)
    extremes[0] = np.minimum(extremes[0], on)
    extremes[1] = np.maximum(extremes[1], off)
    extremes[2] = np.maximum(extremes[2], highest)


@compiled
@no_type_check
def _push_falsified(falsified, falsifies, depth, clause):
    for column in range(falsified.shape[1]):
        falsified[depth + 1, column] = max(falsified[depth, column], falsifies[clause, column])
