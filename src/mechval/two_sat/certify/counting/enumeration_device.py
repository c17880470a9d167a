"""The counting of the kernel on a torch device: chunks in batches of prefixes times suffixes.

A multiset is its prefix, some of its smallest clauses beginning with the chunk's, and its suffix,
the rest. All suffixes of a chunk are added up once; prefixes with the same last clause go with the
same suffixes, those that begin no lower, which are the last ones in lexicographic order.

Rounding: every column is base + Σ_heads share · (prefix numerator + suffix numerator). A term is
rounded when stored, in at most n_clauses additions within its half and of the two halves, in its
product with the share and in one addition per head; the denominator likewise, then its reciprocal.
That is no more than `enumeration_plan` counts, which holds in any order and with fused operations,
so also for the margins, which are matrix products in float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, factorial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.certify.counting.enumeration_chunks import Prefix
from mechval.two_sat.certify.counting.enumeration_kernel import (
    N_ANSWERS,
    N_KEPT,
    N_REVISITED,
    OTHER,
    SATISFIABLE,
    UNDECIDED,
    UNSATISFIABLE,
    WORD_BITS,
    Bits,
    Network,
    Tally,
)
from mechval.two_sat.certify.counting.enumeration_parts import (
    Clauses,
    Parts,
    ascending_lists,
    count_ones,
    ones_of_pieces,
)
from mechval.two_sat.problem import Problem

BATCH_VALUES = 2**26
"""Columns times heads times multisets of a batch; about 2 GB of memory."""

_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class _Batch:
    """Prefixes with one last clause, and the suffixes that go with each of them.

    Attributes:
        ranks: of the prefixes among all of the chunk, in lexicographic order.
        first_suffix: rank of the first suffix.
    """

    prefixes: Parts
    suffixes: Parts
    ranks: Int[Tensor, " prefix"]
    first_suffix: int


@dataclass(frozen=True)
class _Cases:
    """The multisets of a batch, in lexicographic order, with what is known of each."""

    formulas: Int[Tensor, " multiset"]
    n_satisfying: Int[Tensor, " multiset"]
    n_distinct: Int[Tensor, " multiset"]
    answers: Int[Tensor, " multiset"]

    @property
    def of_class(self) -> Int[Tensor, " multiset"]:
        """1 where satisfiable, else 0."""
        return (self.n_satisfying > 0).long()

    @property
    def is_wrong(self) -> Bool[Tensor, " multiset"]:
        """Where the answer is decided and is not whether the formula is satisfiable."""
        decided = self.answers != UNDECIDED
        return decided & ((self.answers == SATISFIABLE) != (self.n_satisfying > 0))


class DeviceCounter:
    """Counts chunks as :func:`count_chunk` does, in float64 on one device.

    Args:
        batch_values: bounds the memory: columns times heads times multisets of a batch.
    """

    def __init__(
        self,
        network: Network,
        bits: Bits,
        problem: Problem,
        device: torch.device,
        batch_values: int = BATCH_VALUES,
    ) -> None:
        self._problem, self._device = problem, device
        n_margins = len(network.gains)
        n_columns = network.first_margin + n_margins
        n_heads = len(network.start)
        self._batch_size = max(1, batch_values // (n_columns * n_heads))
        self._errors = network.margin_error, network.rival_error
        self._first_margin = network.first_margin
        self._base = self._put(network.base[:n_columns])
        self._start = self._put(network.start[:, :n_columns, None])
        self._gains = self._put(network.gains[:, : network.first_margin])
        self._clauses = Clauses(
            terms=self._put(network.terms[:, :, :n_columns].transpose(1, 2, 0)),
            weights=self._put(network.weights.T),
            words=self._put(network.tables.view(np.int64)),
        )
        self._ones = ones_of_pieces(device)
        positions = range(problem.n_clauses + 1)
        choices = [[comb(of, some) for some in positions] for of in positions]
        self._choices = torch.tensor(choices, device=device)
        self._bits = _DeviceBits(bits, problem, device) if len(bits.surely_on) else None
        self._suffixes: tuple[int, Parts] | None = None

    def __call__(self, prefix: Prefix, tally: Tally) -> None:
        """Add every multiset that begins with ``prefix`` to ``tally``, whose counts are zero."""
        with torch.inference_mode():
            self._count(prefix, tally)

    def _count(self, prefix: Prefix, tally: Tally) -> None:
        suffixes = self._suffixes_from(prefix[1])
        prefixes = self._prefixes(prefix, len(suffixes.clauses))
        answers = _AnswerCounts(tally, self._device)
        noted = _Noted(self._problem.n_clauses, self._device)
        if self._bits is not None:
            self._bits.reset()
        for batch in self._batches(prefixes, suffixes):
            columns = self._columns(batch)
            cases = self._judge(columns, batch)
            answers.add(cases)
            ranks = batch.ranks[:, None] * suffixes.clauses.shape[1] + batch.first_suffix
            ranks = ranks + torch.arange(batch.suffixes.clauses.shape[1], device=self._device)
            noted.add(cases, ranks.flatten())
            if self._bits is not None:
                self._bits.add(columns, cases, batch)
        answers.read_out(tally)
        noted.read_out(tally, prefixes.clauses, suffixes.clauses)
        if self._bits is not None:
            self._bits.read_out(tally)

    def _suffixes_from(self, lowest: int) -> Parts:
        """All suffixes of the clauses from ``lowest`` on, as long as fit in a batch."""
        if self._suffixes is None or self._suffixes[0] != lowest:
            self._suffixes = None
            n_clauses = self._problem.n_distinct_clauses
            length = 1
            while length < self._problem.n_clauses - 2 and (
                comb(n_clauses - lowest + length, length + 1) <= self._batch_size
            ):
                length += 1
            lists = ascending_lists((), lowest, n_clauses, length, self._device)
            zeros = torch.zeros_like(self._start)
            self._suffixes = lowest, self._clauses.add_up(lists, zeros, zeros[:, 0])
        return self._suffixes[1]

    def _prefixes(self, prefix: Prefix, n_suffix: int) -> Parts:
        problem = self._problem
        length = problem.n_clauses - n_suffix
        lists = ascending_lists(prefix, prefix[1], problem.n_distinct_clauses, length, self._device)
        ones = torch.ones_like(self._start[:, 0])
        return self._clauses.add_up(lists, self._start, ones)

    def _batches(self, prefixes: Parts, suffixes: Parts) -> Iterator[_Batch]:
        last, begins = prefixes.clauses[-1], suffixes.clauses[0]
        for clause in last.unique().tolist():
            ranks = (last == clause).nonzero()[:, 0]
            first = int((begins < clause).sum())
            n_suffixes = len(begins) - first
            for chosen in ranks.split(max(1, self._batch_size // n_suffixes)):
                yield _Batch(
                    prefixes=prefixes.part(chosen),
                    suffixes=suffixes.part(slice(first, None)),
                    ranks=chosen,
                    first_suffix=first,
                )

    def _columns(self, batch: _Batch) -> Float[Tensor, "column multiset"]:
        first, second = batch.prefixes, batch.suffixes
        shares = 1 / (first.denominators[:, :, None] + second.denominators[:, None])
        columns = self._base[:, None, None]
        for head, share in enumerate(shares):
            joined = first.numerators[head][:, :, None] + second.numerators[head][:, None]
            columns = torch.addcmul(columns, joined, share)
        return columns.flatten(1)

    def _judge(self, columns: Float[Tensor, "column multiset"], batch: _Batch) -> _Cases:
        first, second = batch.prefixes, batch.suffixes
        words = first.words[:, None] & second.words
        # A clause on both sides has one run: it counts once, and its factorials become that of all.
        joins = second.clauses[0] == first.clauses[-1, 0]
        joined_run = second.first_run * joins
        run = first.last_run[:, None]
        divisors = first.divisors[:, None] * second.divisors * self._choices[run + joined_run, run]
        n_satisfying = count_ones(words, self._problem.n_assignments, self._ones)
        n_distinct = first.n_distinct[:, None] + second.n_distinct - joins.long()
        return _Cases(
            formulas=(factorial(self._problem.n_clauses) // divisors).flatten(),
            n_satisfying=n_satisfying.flatten(),
            n_distinct=n_distinct.flatten(),
            answers=self._answers(columns),
        )

    def _answers(self, columns: Float[Tensor, "column multiset"]) -> Int[Tensor, " multiset"]:
        active = columns[: self._first_margin].clamp(min=0)
        margins = torch.addmm(columns[self._first_margin :], self._gains, active)
        margin, rival = margins[0], margins[1:].amax(dim=0)
        error, rival_error = self._errors
        both = error + rival_error
        answers = torch.full(margin.shape, UNDECIDED, device=self._device)
        answers[(rival > rival_error) & (rival - margin > both)] = OTHER
        answers[(margin < -error) & (rival < -rival_error)] = UNSATISFIABLE
        answers[(margin > error) & (margin - rival > both)] = SATISFIABLE
        return answers

    def _put(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)


class _AnswerCounts:
    """Formulas and multisets by satisfying assignments, distinct clauses and answer."""

    def __init__(self, tally: Tally, device: torch.device) -> None:
        n_groups = tally.formulas.size
        self._formulas = torch.zeros(n_groups, dtype=torch.int64, device=device)
        self._multisets = torch.zeros_like(self._formulas)
        self._n_sizes = tally.formulas.shape[1]

    def add(self, cases: _Cases) -> None:
        """Count a batch, in integers: in any order the same."""
        size = cases.n_satisfying * self._n_sizes + cases.n_distinct
        group = size * N_ANSWERS + cases.answers
        self._formulas.scatter_add_(0, group, cases.formulas)
        self._multisets.scatter_add_(0, group, torch.ones_like(group))

    def read_out(self, tally: Tally) -> None:
        """Add all that was counted to the tally."""
        shape = tally.formulas.shape
        tally.formulas[...] += self._formulas.reshape(shape).cpu().numpy()
        tally.multisets[...] += self._multisets.reshape(shape).cpu().numpy()
        tally.n_undecided[0] += tally.multisets[..., UNDECIDED].sum()


class _Noted:
    """The first wrong multisets of each class and size, and the first undecided ones.

    Batches do not come in lexicographic order, so each group keeps its lowest ranks so far.
    """

    def __init__(self, n_clauses: int, device: torch.device) -> None:
        self._n_sizes = n_clauses + 1
        # The last two groups: undecided, and those that nobody keeps.
        self._undecided = 2 * self._n_sizes
        room = [*[N_KEPT] * self._undecided, N_REVISITED, 0]
        self._room = torch.tensor(room, device=device)
        self._bounds = torch.full((len(room),), _INT64_MAX, device=device)
        self._bounds[-1] = -1
        self._groups = torch.zeros(0, dtype=torch.int64, device=device)
        self._ranks = torch.zeros_like(self._groups)

    def add(self, cases: _Cases, ranks: Int[Tensor, " multiset"]) -> None:
        """Keep what belongs to the first ones of its group."""
        groups = cases.of_class * self._n_sizes + cases.n_distinct
        groups = torch.where(cases.is_wrong, groups, self._undecided + 1)
        groups = torch.where(cases.answers == UNDECIDED, self._undecided, groups)
        found = (ranks < self._bounds[groups]).nonzero()[:, 0]
        if len(found) == 0:
            return
        ranks, order = torch.cat([self._ranks, ranks[found]]).sort()
        groups, by_group = torch.cat([self._groups, groups[found]])[order].sort(stable=True)
        place = torch.arange(len(groups), device=groups.device)
        place -= torch.searchsorted(groups, groups)
        fits = place < self._room[groups]
        self._groups, self._ranks = groups[fits], ranks[by_group][fits]
        last = place[fits] == self._room[self._groups] - 1
        self._bounds[self._groups[last]] = self._ranks[last]

    def read_out(
        self,
        tally: Tally,
        prefixes: Int[Tensor, "prefix_position prefix"],
        suffixes: Int[Tensor, "suffix_position suffix"],
    ) -> None:
        """Write the multisets that were kept into the tally."""
        n_suffixes = suffixes.shape[1]
        first = prefixes[:, self._ranks // n_suffixes]
        second = suffixes[:, self._ranks % n_suffixes]
        clauses = torch.cat([first, second]).T.cpu().numpy()
        groups = self._groups.cpu().numpy()
        for group in np.unique(groups).tolist():
            members = clauses[groups == group]
            if group == self._undecided:
                tally.revisited[: len(members)] = members
            else:
                of_class, n_distinct = divmod(group, self._n_sizes)
                tally.kept[of_class, n_distinct, : len(members)] = members
                tally.n_kept[of_class, n_distinct] = len(members)


class _DeviceBits:
    """Activation bits compared with their programs, summed over the batches of a chunk."""

    def __init__(self, bits: Bits, problem: Problem, device: torch.device) -> None:
        self._n_bits = bits.surely_on.shape[1]
        self._surely_on = torch.from_numpy(bits.surely_on).to(device)[..., None]
        self._maybe_on = torch.from_numpy(bits.maybe_on).to(device)[..., None]
        self._first_table = torch.from_numpy(bits.first_table).to(device).long()
        self._next_table = torch.from_numpy(bits.next_table).to(device).long()
        programs = np.ascontiguousarray(bits.programs.transpose(1, 2, 3, 0)).view(np.int64)
        self._programs = torch.from_numpy(programs).to(device)
        self._places = torch.arange(WORD_BITS, device=device)[:, None]
        # Half the traffic where every weight fits.
        fits = factorial(problem.n_clauses) < 2**31
        self._weight_type = torch.int32 if fits else torch.int64
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        n_readings, n_versions = self._programs.shape[:2]
        shape = (n_readings, n_versions, 2)
        counts = {"dtype": torch.int64, "device": self._programs.device}
        self._bit_wrong = torch.zeros(*shape, self._n_bits, **counts)
        self._bit_unsure = torch.zeros(n_readings, 2, self._n_bits, **counts)
        self._any_wrong = torch.zeros(shape, **counts)
        self._any_unsure = torch.zeros(shape, **counts)

    def add(self, columns: Float[Tensor, "column multiset"], cases: _Cases, batch: _Batch) -> None:
        """Count the bits of a batch."""
        tables, activations = self._tables(batch), columns[: self._n_bits]
        weights = torch.stack(
            [torch.where(cases.of_class == of_class, cases.formulas, 0) for of_class in (0, 1)]
        ).to(self._weight_type)
        for reading, programs in enumerate(self._programs):
            is_on = activations >= self._surely_on[reading]
            unsure = (activations >= self._maybe_on[reading]) ^ is_on
            any_unsure = unsure.any(dim=0)
            self._bit_unsure[reading] += _weigh(unsure, weights)
            for version, program in enumerate(programs):
                wrong = (is_on ^ self._expected(program, tables)) & ~unsure
                any_wrong = wrong.any(dim=0)
                only_unsure = any_unsure & ~any_wrong
                self._bit_wrong[reading, version] += _weigh(wrong, weights)
                self._any_wrong[reading, version] += _weigh(any_wrong[None], weights)[:, 0]
                self._any_unsure[reading, version] += _weigh(only_unsure[None], weights)[:, 0]

    def read_out(self, tally: Tally) -> None:
        """Add all that was counted to the tally."""
        tally.bit_wrong[...] += self._bit_wrong.cpu().numpy()
        tally.bit_unsure[...] += self._bit_unsure.cpu().numpy()
        tally.any_wrong[...] += self._any_wrong.cpu().numpy()
        tally.any_unsure[...] += self._any_unsure.cpu().numpy()

    def _tables(self, batch: _Batch) -> Int[Tensor, " multiset"]:
        """Index of every multiset's truth table."""
        first, *others = batch.prefixes.clauses
        tables = self._first_table[first]
        for clauses in others:
            tables = self._next_table[tables, clauses]
        tables = tables[:, None]
        for clauses in batch.suffixes.clauses:
            tables = self._next_table[tables, clauses]
        return tables.flatten()

    def _expected(
        self, program: Int[Tensor, "word table"], tables: Int[Tensor, " multiset"]
    ) -> Bool[Tensor, "bit multiset"]:
        bits = [(word[tables] >> self._places) & 1 for word in program]
        return torch.cat(bits)[: self._n_bits].bool()


def _weigh(
    chosen: Bool[Tensor, "bit multiset"], weights: Int[Tensor, "2 multiset"]
) -> Int[Tensor, "2 bit"]:
    """Sum the weights of the chosen multisets, in integers."""
    return torch.stack(
        [torch.where(chosen, each, 0).sum(dim=1, dtype=torch.int64) for each in weights]
    )
