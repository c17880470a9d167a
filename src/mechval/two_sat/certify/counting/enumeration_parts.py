"""Ascending lists of clauses with what each adds up to: the halves of which multisets are made."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

PIECE_BITS = 16


@dataclass(frozen=True)
class Parts:
    """Ascending lists of clauses of one length, and their sums over their clauses.

    Attributes:
        clauses: the lists.
        numerators: sums of the clauses' terms.
        denominators: sums of their weights.
        words: conjunctions of their truth tables, a bit pattern each.
        divisors: products of the factorials of how often each clause occurs.
        n_distinct: numbers of distinct clauses.
        first_run: how often each list's first clause occurs.
        last_run: how often its last one does.
    """

    clauses: Int[Tensor, "position list"]
    numerators: Float[Tensor, "head_index column list"]
    denominators: Float[Tensor, "head_index list"]
    words: Int[Tensor, " list"]
    divisors: Int[Tensor, " list"]
    n_distinct: Int[Tensor, " list"]
    first_run: Int[Tensor, " list"]
    last_run: Int[Tensor, " list"]

    def part(self, chosen: slice | Int[Tensor, " chosen"]) -> "Parts":
        """Some of the lists."""
        chosen_of_each = {
            field.name: getattr(self, field.name)[..., chosen] for field in fields(self)
        }
        return Parts(**chosen_of_each)


@dataclass(frozen=True)
class Clauses:
    """What one clause adds to a sum.

    Attributes:
        terms: to the numerators.
        weights: to the denominators.
        words: truth tables, a bit pattern each.
    """

    terms: Float[Tensor, "head_index column clause"]
    weights: Float[Tensor, "head_index clause"]
    words: Int[Tensor, " clause"]

    def add_up(
        self,
        lists: Int[Tensor, "position list"],
        numerators: Float[Tensor, "head_index column 1"],
        denominators: Float[Tensor, "head_index 1"],
    ) -> Parts:
        """Add each list's clauses, one after the other, to what the sums start at."""
        n_lists = lists.shape[1]
        ones = torch.ones(n_lists, dtype=torch.int64, device=lists.device)
        run, divisors, n_distinct, words = 0 * ones, ones, 0 * ones, ~(0 * ones)
        for position, clauses in enumerate(lists):
            numerators = numerators + self.terms.index_select(2, clauses)
            denominators = denominators + self.weights.index_select(1, clauses)
            words = words & self.words[clauses]
            repeats = (clauses == lists[position - 1]).long() if position else 0 * ones
            run = run * repeats + 1
            divisors = divisors * run
            n_distinct = n_distinct + 1 - repeats
        return Parts(
            clauses=lists,
            numerators=numerators,
            denominators=denominators,
            words=words,
            divisors=divisors,
            n_distinct=n_distinct,
            first_run=(lists == lists[0]).sum(dim=0),
            last_run=run,
        )


def ascending_lists(
    beginning: Sequence[int],
    lowest: int,
    n_distinct_clauses: int,
    length: int,
    device: torch.device,
) -> Int[Tensor, "position list"]:
    """All ascending lists of ``length`` clauses that go on after ``beginning``, in their order.

    Args:
        lowest: the smallest clause that may come next.
    """
    lists = torch.tensor([*beginning], dtype=torch.int64, device=device)[:, None]
    last = torch.full((1,), lowest, device=device)
    for _ in range(length - len(beginning)):
        n_next = n_distinct_clauses - last
        row = torch.repeat_interleave(n_next)
        before = n_next.cumsum(0) - n_next
        last = last[row] + torch.arange(len(row), device=device) - before[row]
        lists = torch.cat([lists[:, row], last[None]])
    return lists


def ones_of_pieces(device: torch.device) -> Int[Tensor, "65536"]:
    """How many bits of every 16-bit number are one."""
    numbers = torch.arange(1 << PIECE_BITS, device=device)
    return ((numbers[:, None] >> torch.arange(PIECE_BITS, device=device)) & 1).sum(dim=1)


def count_ones(
    words: Int[Tensor, "*shape"], n_bits: int, ones: Int[Tensor, "65536"]
) -> Int[Tensor, "*shape"]:
    """How many of each word's lowest ``n_bits`` are one.

    By looking up 16 bits at a time: sums of bit patterns could overflow a signed word.
    """
    counts = torch.zeros_like(words)
    for first in range(0, n_bits, PIECE_BITS):
        counts += ones[(words >> first) & ((1 << PIECE_BITS) - 1)]
    return counts
