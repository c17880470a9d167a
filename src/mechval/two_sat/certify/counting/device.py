"""The loop on a torch device: the multisets of a chunk in batches, in lexicographic order.

A multiset's numerators and denominators are one matrix product of how often each clause occurs
with what each clause adds, in float64. Rounding: a term is rounded when stored, then in the product
with its number of occurrences k unless k is 1, then in one addition for each distinct clause, of
which there are at most n_clauses - k + 1. That is no more than `plan` counts, which holds in any
order and with fused operations; shares, sums over heads and margins are as `plan` counts them.
"""

from dataclasses import dataclass
from math import comb, factorial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.certify.counting import arrays
from mechval.two_sat.certify.counting.arrays import OTHER, SATISFIABLE, UNDECIDED, UNSATISFIABLE
from mechval.two_sat.certify.counting.chunks import Prefix, chunk_multisets
from mechval.two_sat.certify.counting.plan import EnumerationPlan
from mechval.two_sat.problem import Problem

BATCH_VALUES = 2**26
"""Columns times heads times multisets of a batch; about 2 GB of memory."""


@dataclass(frozen=True)
class _Multisets:
    """Multisets of a batch, with what is known of each."""

    clauses: Int[Tensor, "multiset position"]
    formulas: Int[Tensor, " multiset"]
    n_satisfying: Int[Tensor, " multiset"]
    n_distinct: Int[Tensor, " multiset"]
    answers: Int[Tensor, " multiset"]

    @property
    def of_class(self) -> Int[Tensor, " multiset"]:
        """1 where satisfiable, else 0."""
        return (self.n_satisfying > 0).long()


class DeviceCounter:
    """Counts chunks as :func:`compiled.count_chunk` does; ``batch_values`` bound the memory."""

    def __init__(
        self,
        network: EnumerationPlan,
        bits: arrays.Bits,
        problem: Problem,
        device: torch.device,
        batch_values: int = BATCH_VALUES,
    ) -> None:
        self._problem, self._device, self._network = problem, device, network
        self._batch_size = max(1, batch_values // network.start.size)
        self._base, self._start = self._put(network.base), self._put(network.start)
        self._weights, self._gains = self._put(network.weights), self._put(network.gains)
        self._terms = self._put(network.terms.reshape(len(network.terms), -1))
        self._words = self._put(network.tables.view(np.int64))
        positions, clauses = range(problem.n_clauses + 1), range(problem.n_distinct_clauses)
        self._factorials = torch.tensor([factorial(k) for k in positions], device=device)
        self._from_clause = torch.tensor(
            [[comb(len(clauses) - c + n - 1, n) for c in clauses] for n in positions], device=device
        )
        self._assignments = torch.arange(problem.n_assignments, device=device)
        self._bits = _ProgramBits(bits, problem, device) if len(bits.surely_on) else None

    @torch.inference_mode()
    def __call__(self, prefix: Prefix, tally: arrays.Tally) -> None:
        """Add every multiset that begins with ``prefix`` to ``tally``, whose counts are zero."""
        counts = {name: self._put(array) for name, array in tally._asdict().items()}
        for first in range(0, total := chunk_multisets(self._problem, prefix), self._batch_size):
            ranks = torch.arange(first, min(total, first + self._batch_size), device=self._device)
            clauses = self._clauses(prefix, ranks)
            occurs = torch.zeros(len(ranks), len(self._words), device=self._device).double()
            occurs.scatter_add_(1, clauses, torch.ones_like(clauses).double())
            columns = self._columns(occurs)
            found = self._judge(clauses, occurs.long(), columns)
            sizes = found.n_satisfying * (self._problem.n_clauses + 1) + found.n_distinct
            groups = sizes * arrays.N_ANSWERS + found.answers
            counts["formulas"].view(-1).scatter_add_(0, groups, found.formulas)
            counts["multisets"].view(-1).scatter_add_(0, groups, torch.ones_like(groups))
            self._note(counts, found)
            if self._bits is not None:
                self._bits.add(counts, columns, found)
        for name, array in tally._asdict().items():
            array[...] = counts[name].cpu().numpy()

    def _clauses(
        self, prefix: Prefix, ranks: Int[Tensor, " multiset"]
    ) -> Int[Tensor, "multiset position"]:
        """The multisets of a chunk, by their rank in lexicographic order."""
        chosen = [torch.full_like(ranks, clause) for clause in prefix]
        for n_free in range(self._problem.n_clauses - len(prefix), 0, -1):
            # So many of n_free clauses begin at a clause or above: never more for a larger one.
            begin = self._from_clause[n_free]
            after = begin[chosen[-1]] - ranks
            clause = len(begin) - 1 - torch.searchsorted(begin.flip(0), after)
            ranks = begin[clause] - after
            chosen.append(clause)
        return torch.stack(chosen, dim=1)

    def _columns(
        self, occurs: Float[Tensor, "multiset clause"]
    ) -> Float[Tensor, "column multiset"]:
        shares = 1 / (1 + occurs @ self._weights)
        numerators = (occurs @ self._terms).unflatten(1, self._start.shape) + self._start
        columns = self._base.expand(len(occurs), -1)
        for head in range(len(self._start)):
            columns = torch.addcmul(columns, numerators[:, head], shares[:, head, None])
        return columns.T

    def _judge(
        self,
        clauses: Int[Tensor, "multiset position"],
        occurs: Int[Tensor, "multiset clause"],
        columns: Float[Tensor, "column multiset"],
    ) -> _Multisets:
        words = self._words[clauses[:, 0]]
        for position in clauses.T[1:]:
            words = words & self._words[position]
        return _Multisets(
            clauses=clauses,
            formulas=self._factorials[-1] // self._factorials[occurs].prod(dim=1),
            n_satisfying=((words[:, None] >> self._assignments) & 1).sum(dim=1),
            n_distinct=(occurs > 0).sum(dim=1),
            answers=self._answers(columns),
        )

    def _answers(self, columns: Float[Tensor, "column multiset"]) -> Int[Tensor, " multiset"]:
        first, n_margins = len(self._network.neurons), len(self._gains)
        margins = columns[first : first + n_margins] + self._gains @ columns.clamp(min=0)
        margin, rival = margins[0], margins[1:].amax(dim=0)
        error, rival_error = self._network.margin_error, self._network.rival_error
        both = error + rival_error
        answers = torch.full(margin.shape, UNDECIDED, device=self._device)
        answers[(rival > rival_error) & (rival - margin > both)] = OTHER
        answers[(margin < -error) & (rival < -rival_error)] = UNSATISFIABLE
        answers[(margin > error) & (margin - rival > both)] = SATISFIABLE
        return answers

    def _note(self, counts: dict[str, Tensor], found: _Multisets) -> None:
        """Keep the first wrong multisets of each class and size, and the first undecided ones."""
        undecided = found.answers == UNDECIDED
        wrong = ~undecided & ((found.answers == SATISFIABLE) != (found.n_satisfying > 0))
        before = int(counts["n_undecided"])
        members = found.clauses[undecided]
        kept = members[: max(0, arrays.N_REVISITED - before)]
        counts["revisited"][before : before + len(kept)] = kept.byte()
        counts["n_undecided"] += len(members)
        groups = torch.stack([found.of_class[wrong], found.n_distinct[wrong]])
        for of_class, n_distinct in groups.unique(dim=1).T.tolist():
            is_member = (groups[0] == of_class) & (groups[1] == n_distinct)
            before = int(counts["n_kept"][of_class, n_distinct])
            kept = found.clauses[wrong][is_member][: arrays.N_KEPT - before]
            counts["kept"][of_class, n_distinct, before : before + len(kept)] = kept.byte()
            counts["n_kept"][of_class, n_distinct] += len(kept)

    def _put(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(values, order="C")).to(self._device)


class _ProgramBits:
    """Activation bits held against their programs."""

    def __init__(self, bits: arrays.Bits, problem: Problem, device: torch.device) -> None:
        self._n_bits = bits.surely_on.shape[1]
        self._surely_on = torch.from_numpy(bits.surely_on).to(device)[..., None]
        self._maybe_on = torch.from_numpy(bits.maybe_on).to(device)[..., None]
        self._first_table = torch.from_numpy(bits.first_table).to(device).long()
        self._next_table = torch.from_numpy(bits.next_table).to(device).long()
        programs = np.ascontiguousarray(bits.programs.transpose(1, 2, 3, 0)).view(np.int64)
        self._programs = torch.from_numpy(programs).to(device)
        self._places = torch.arange(arrays.WORD_BITS, device=device)[:, None]
        # Half the traffic where every weight fits.
        fits = factorial(problem.n_clauses) < 2**31
        self._weight_type = torch.int32 if fits else torch.int64

    def add(
        self,
        counts: dict[str, Tensor],
        columns: Float[Tensor, "column multiset"],
        found: _Multisets,
    ) -> None:
        """Add the bits of a batch to the counts, in the shapes of a tally."""
        tables = self._first_table[found.clauses[:, 0]]
        for position in found.clauses.T[1:]:
            tables = self._next_table[tables, position]
        weights = torch.stack(
            [torch.where(found.of_class == of_class, found.formulas, 0) for of_class in (0, 1)]
        ).to(self._weight_type)
        for reading, programs in enumerate(self._programs):
            is_on = columns[: self._n_bits] >= self._surely_on[reading]
            unsure = (columns[: self._n_bits] >= self._maybe_on[reading]) ^ is_on
            any_unsure = unsure.any(dim=0)
            counts["bit_unsure"][reading] += _weigh(unsure, weights)
            for version, program in enumerate(programs):
                expected = torch.cat([(word[tables] >> self._places) & 1 for word in program])
                wrong = (is_on ^ expected[: self._n_bits].bool()) & ~unsure
                any_wrong = wrong.any(dim=0)
                only_unsure = any_unsure & ~any_wrong
                counts["bit_wrong"][reading, version] += _weigh(wrong, weights)
                counts["any_wrong"][reading, version] += _weigh(any_wrong[None], weights)[:, 0]
                counts["any_unsure"][reading, version] += _weigh(only_unsure[None], weights)[:, 0]


def _weigh(
    chosen: Bool[Tensor, "bit multiset"], weights: Int[Tensor, "2 multiset"]
) -> Int[Tensor, "2 bit"]:
    """Sum the weights of the chosen multisets, in integers."""
    return torch.stack(
        [torch.where(chosen, each, 0).sum(dim=1, dtype=torch.int64) for each in weights]
    )
