"""The network after γ_1 on every formula, counted by multisets of clauses.

The statements are about real arithmetic on the stored weights, prototypes and means. A case that
float64 cannot decide is decided in ball arithmetic; what that leaves undecided, an exact tie, is
counted apart.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import factorial, prod
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8

from mechval.transformer import Transformer
from mechval.two_sat.certify.counting import arrays, chunks
from mechval.two_sat.certify.counting.arrays import OTHER, SATISFIABLE, UNDECIDED, UNSATISFIABLE
from mechval.two_sat.certify.counting.chunks import ChunkCounts, Formula, Prefix
from mechval.two_sat.certify.counting.compiled_loop import count_chunk
from mechval.two_sat.certify.counting.device import DeviceCounter
from mechval.two_sat.certify.counting.plan import EnumerationPlan, plan_enumeration
from mechval.two_sat.certify.counting.substituted_block import SubstitutedBlock, substitute
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.formulas.truth_tables import clause_truth_tables, reachable_tables
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.problem import Problem

CHUNK_FILE = "enumeration.jsonl"
_FORMAT = 1
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Enumeration:
    """Everything counted over all formulas of a problem.

    Attributes:
        chunks: in the order of :func:`chunks.chunk_prefixes`.
        readings: per reading whose bits were compared, its evaluating neurons.
        columns: of those neurons among the counts of all bits.
    """

    chunks: tuple[ChunkCounts, ...]
    readings: dict[ReadingName, tuple[int, ...]]
    columns: dict[ReadingName, Int[np.ndarray, " bit"]]

    @cached_property
    def answers(self) -> dict[tuple[int, int, int], tuple[int, int]]:
        """Formulas and multisets by satisfying assignments, distinct clauses and answer."""
        totals: dict[tuple[int, int, int], tuple[int, int]] = {}
        for chunk in self.chunks:
            for *key, formulas, multisets in chunk.answers:
                before = totals.get((key[0], key[1], key[2]), (0, 0))
                totals[key[0], key[1], key[2]] = (before[0] + formulas, before[1] + multisets)
        return totals


@dataclass(frozen=True)
class Enumerator:
    """A network after γ_1, in ball arithmetic and as a plan in float64, ready to be enumerated.

    ``readings`` and ``columns`` are as in :class:`Enumeration`; ``counter`` adds the multisets of a
    chunk to an empty tally.
    """

    problem: Problem
    block: SubstitutedBlock
    plan: EnumerationPlan
    bits: arrays.Bits
    columns: dict[ReadingName, Int[np.ndarray, " bit"]]
    readings: dict[ReadingName, tuple[int, ...]]
    counter: Callable[[Prefix, arrays.Tally], None]

    def count(self, prefix: Prefix) -> ChunkCounts:
        problem, tally = self.problem, arrays.empty_tally(self.problem, self.bits)
        self.counter(prefix, tally)
        wrong = self._revisit(tally)
        for of_class, n_distinct in np.argwhere(tally.n_kept):
            kept = tally.kept[of_class, n_distinct, : tally.n_kept[of_class, n_distinct]]
            wrong[of_class].extend(map(tuple, kept.tolist()))
        chunk = ChunkCounts(
            prefix=prefix,
            answers=tuple(
                (a, b, c, int(tally.formulas[a, b, c]), int(tally.multisets[a, b, c]))
                for a, b, c in np.argwhere(tally.multisets).tolist()
            ),
            smallest=(_smallest(wrong[0]), _smallest(wrong[1])),
            bit_wrong=tally.bit_wrong.tolist(),
            bit_unsure=tally.bit_unsure.tolist(),
            any_wrong=tally.any_wrong.tolist(),
            any_unsure=tally.any_unsure.tolist(),
        )
        found = (chunk.n_formulas, chunk.n_multisets)
        expected = chunks.chunk_formulas(problem, prefix), chunks.chunk_multisets(problem, prefix)
        assert found == expected, f"chunk {prefix} has {found} formulas and multisets, {expected}"
        return chunk

    def key(self) -> dict[str, str | int]:
        """What the counts depend on."""
        state = hashlib.sha256()
        for part in (*self.plan, *self.bits):
            state.update(np.ascontiguousarray(part).tobytes())
        return {"format": _FORMAT, "arrays": state.hexdigest()}

    def _revisit(self, tally: arrays.Tally) -> tuple[list[Formula], list[Formula]]:
        """Decide in ball arithmetic what float64 left undecided; give back the wrong answers."""
        tables = clause_truth_tables(self.problem)[:, 0]
        wrong: tuple[list[Formula], list[Formula]] = ([], [])
        for clauses in tally.revisited[: int(tally.n_undecided[0])]:
            answer = self._decide(clauses)
            if answer == UNDECIDED:
                continue
            n_satisfying = int(np.bitwise_and.reduce(tables[clauses])).bit_count()
            occurrences = np.unique(clauses, return_counts=True)[1].tolist()
            formulas = factorial(len(clauses)) // prod(map(factorial, occurrences))
            group = (n_satisfying, len(occurrences))
            for counts, amount in ((tally.formulas, formulas), (tally.multisets, 1)):
                counts[(*group, UNDECIDED)] -= amount
                counts[(*group, answer)] += amount
            if (answer == SATISFIABLE) != (n_satisfying > 0):
                wrong[int(n_satisfying > 0)].append(tuple(clauses.tolist()))
        return wrong

    def _decide(self, clauses: UInt8[np.ndarray, " clause_position"]) -> int:
        counts = np.bincount(clauses, minlength=self.problem.n_distinct_clauses)
        logits, vocabulary = self.block.logits(counts), Vocabulary(self.problem)
        answers = (vocabulary.satisfiable, vocabulary.unsatisfiable)
        yes, no = (logits[token] for token in answers)
        others = [logit for token, logit in enumerate(logits) if token not in answers]
        if yes > no and all(yes > other for other in others):
            return SATISFIABLE
        if no > yes and all(no > other for other in others):
            return UNSATISFIABLE
        if any(other > yes and other > no for other in others):
            return OTHER
        return UNDECIDED


def make_enumerator(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    *,
    bits: bool = True,
    device: torch.device = _CPU,
) -> Enumerator:
    """Make the network after the circuit's γ_1 ready to be enumerated on a device.

    The circuit's prototypes and means are γ_1's; its programs say what the activation bits should
    be, if ``bits`` are compared. Raises MechvalError where they are and the truth tables are too
    many; or as :func:`substitute`.
    """
    tables = reachable_tables(problem) if bits else None
    parser = ClauseParser(problem, circuit.prototypes, circuit.mean_resid_post)
    block = substitute(model, parser)
    read: dict[ReadingName, tuple[int, ...]] = {
        name: tuple(reading.neurons.tolist())
        for name, reading in circuit.readings.items()
        if tables is not None
    }
    plan = plan_enumeration(
        block, np.array(sorted({neuron for found in read.values() for neuron in found}), dtype=int)
    )
    columns: dict[ReadingName, Int[np.ndarray, " bit"]] = {
        name: np.searchsorted(plan.neurons[: plan.n_bits], found) for name, found in read.items()
    }
    compared = arrays.make_bits(plan, circuit, columns, tables)
    counter = make_counter(plan, compared, problem, device)
    return Enumerator(problem, block, plan, compared, columns, read, counter)


def make_counter(
    plan: EnumerationPlan, bits: arrays.Bits, problem: Problem, device: torch.device
) -> Callable[[Prefix, arrays.Tally], None]:
    """What counts a chunk: torch on a CUDA device, else the compiled loop."""
    if device.type == "cuda":
        return DeviceCounter(plan, bits, problem, device)

    def count(prefix: Prefix, tally: arrays.Tally) -> None:
        n_clauses, heads = problem.n_clauses, (0,) * len(plan.start)
        count_chunk(plan, bits, np.array(prefix), n_clauses, factorial(n_clauses), heads, tally)

    return count


def enumerate_multisets(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    *,
    scratch: Path,
    n_threads: int,
    device: torch.device = _CPU,
    at_any_size: bool = False,
) -> Enumeration:
    """Count the answers of the network after γ_1, and its bits, over all formulas.

    ``scratch`` is the directory of the file of finished chunks: an interrupted enumeration goes on.
    On the CPU ``n_threads`` chunks are counted at a time, on CUDA one. Raises MechvalError where
    there are too many multisets, unless ``at_any_size``, stating how many and about how many hours
    they would take; or as :func:`make_enumerator`.
    """
    if not at_any_size:
        chunks.refuse_too_many(problem, n_threads)
    chunks.refuse_too_heavy(problem)
    enumerator = make_enumerator(model, problem, circuit, device=device)
    file = chunks.ChunkFile(scratch / CHUNK_FILE, enumerator.key(), ChunkCounts)
    at_a_time = 1 if device.type == "cuda" else n_threads
    title = "enumerate multisets"
    counted = chunks.count_chunks(problem, file, enumerator.count, at_a_time, title)
    return Enumeration(tuple(counted), enumerator.readings, enumerator.columns)


def _smallest(formulas: Sequence[Formula]) -> tuple[Formula, ...]:
    """Those with the fewest distinct clauses, then first in the order of their clauses."""
    ordered = sorted(formulas, key=lambda formula: (len(set(formula)), formula))
    return tuple(ordered[: arrays.N_KEPT])
