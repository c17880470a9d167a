"""The network after γ_1 on every formula, counted by multisets of clauses.

The statements are about real arithmetic on the stored weights, prototypes and means. A case that
float64 cannot decide is decided in ball arithmetic; what that leaves undecided, an exact tie, is
counted apart.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from math import factorial, prod
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8, UInt64

from mechval.progress import progress_bar
from mechval.transformer import Transformer
from mechval.two_sat.certify.counting.enumeration_chunks import (
    ChunkCounts,
    ChunkFile,
    Formula,
    Prefix,
    chunk_formulas,
    chunk_multisets,
    chunk_prefixes,
    n_multisets,
    refuse_too_many,
)
from mechval.two_sat.certify.counting.enumeration_device import DeviceCounter
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
    count_chunk,
)
from mechval.two_sat.certify.counting.enumeration_plan import EnumerationPlan, plan_enumeration
from mechval.two_sat.certify.counting.exact_programs import (
    ReachableTables,
    program_bits,
    reachable_tables,
)
from mechval.two_sat.certify.counting.substituted_block import SubstitutedBlock, substitute
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.configs import ReadingName, Version
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.formulas.truth_tables import clause_truth_tables
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.problem import Problem

VERSIONS: tuple[Version, ...] = ("trees", "disjunction")
CHUNK_FILE = "enumeration.jsonl"
_FORMAT = 1
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Enumeration:
    """Everything counted over all formulas of a problem, chunk by chunk.

    Attributes:
        problem: the size of the formulas.
        chunks: in the order of :func:`chunk_prefixes`.
        readings: per reading whose bits were compared, its evaluating neurons.
        columns: of those neurons among the counts of all bits.
        margin_error: bound on the float64 error of a margin, in logits.
        column_error: bound on that of a pre-activation.
        n_evaluated: how many neurons were evaluated; the others are settled in advance.
    """

    problem: Problem
    chunks: tuple[ChunkCounts, ...]
    readings: dict[ReadingName, tuple[int, ...]]
    columns: dict[ReadingName, Int[np.ndarray, " bit"]]
    margin_error: float
    column_error: float
    n_evaluated: int

    @cached_property
    def answers(self) -> dict[tuple[int, int, int], tuple[int, int]]:
        """Formulas and multisets by satisfying assignments, distinct clauses and answer."""
        totals: dict[tuple[int, int, int], tuple[int, int]] = {}
        for chunk in self.chunks:
            for n_satisfying, n_distinct, answer, formulas, multisets in chunk.answers:
                before = totals.get((n_satisfying, n_distinct, answer), (0, 0))
                after = (before[0] + formulas, before[1] + multisets)
                totals[n_satisfying, n_distinct, answer] = after
        return totals


@dataclass(frozen=True)
class Enumerator:
    """A network after γ_1, made ready to be enumerated.

    Attributes:
        block: the network in ball arithmetic.
        plan: the same in float64, with its errors.
        bits: what its activation bits are compared with.
        columns: as in :class:`Enumeration`.
        readings: likewise.
        counter: adds the multisets of a chunk to an empty tally.
    """

    problem: Problem
    block: SubstitutedBlock
    plan: EnumerationPlan
    network: Network
    bits: Bits
    columns: dict[ReadingName, Int[np.ndarray, " bit"]]
    readings: dict[ReadingName, tuple[int, ...]]
    counter: Callable[[Prefix, Tally], None]

    def count(self, prefix: Prefix) -> ChunkCounts:
        """Count the multisets that begin with ``prefix``."""
        problem = self.problem
        tally = _empty_tally(problem, self.bits)
        self.counter(prefix, tally)
        revisited = self._revisit(tally)
        chunk = _chunk_counts(prefix, tally, revisited, self.network.tables)
        found = (chunk.n_formulas, chunk.n_multisets)
        expected = (chunk_formulas(problem, prefix), chunk_multisets(problem, prefix))
        assert found == expected, f"chunk {prefix} has {found} formulas and multisets, {expected}"
        return chunk

    def summary(self, chunks: Sequence[ChunkCounts]) -> Enumeration:
        """All chunks with what they were counted by."""
        return Enumeration(
            problem=self.problem,
            chunks=tuple(chunks),
            readings=self.readings,
            columns=self.columns,
            margin_error=self.plan.margin_error,
            column_error=float(self.plan.column_error.max()),
            n_evaluated=len(self.plan.neurons),
        )

    def key(self) -> dict[str, str | int]:
        """What the counts depend on."""
        state = hashlib.sha256()
        for part in (*self.network, *self.bits):
            state.update(np.ascontiguousarray(part).tobytes())
        return {"format": _FORMAT, "arrays": state.hexdigest()}

    def _revisit(self, tally: Tally) -> list[Formula]:
        """Decide in ball arithmetic what float64 left undecided; give back the wrong answers."""
        tables, wrong = clause_truth_tables(self.problem)[:, 0], []
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
                wrong.append(tuple(clauses.tolist()))
        return wrong

    def _decide(self, clauses: UInt8[np.ndarray, " clause_position"]) -> int:
        counts = np.bincount(clauses, minlength=self.problem.n_distinct_clauses)
        logits, vocabulary = self.block.logits(counts), Vocabulary(self.problem)
        yes, no = logits[vocabulary.satisfiable], logits[vocabulary.unsatisfiable]
        answers = (vocabulary.satisfiable, vocabulary.unsatisfiable)
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
    bits: bool,
    device: torch.device = _CPU,
) -> Enumerator:
    """Make the network after the circuit's γ_1 ready to be enumerated.

    Args:
        bits: whether activation bits are compared with the circuit's programs.
        device: what the multisets are counted on.

    Raises:
        MechvalError: where the bits are compared and the truth tables are too many; or as
            :func:`substitute`.
    """
    tables = reachable_tables(problem) if bits else None
    parser = ClauseParser(problem, circuit.prototypes, circuit.mean_resid_post)
    block = substitute(model, parser)
    readings: Mapping[ReadingName, Reading] = circuit.readings if bits else {}
    read: dict[ReadingName, list[int]] = {
        name: reading.neurons.tolist() for name, reading in readings.items()
    }
    plan = plan_enumeration(
        block, np.array(sorted({neuron for found in read.values() for neuron in found}), dtype=int)
    )
    columns: dict[ReadingName, Int[np.ndarray, " bit"]] = {
        name: np.searchsorted(plan.neurons[: plan.n_bits], found) for name, found in read.items()
    }
    network = _network(plan, problem)
    compared = _no_bits() if tables is None else _bits(plan, circuit, columns, tables)
    return Enumerator(
        problem=problem,
        block=block,
        plan=plan,
        network=network,
        bits=compared,
        columns=columns,
        readings={name: tuple(found) for name, found in read.items()},
        counter=_counter(network, compared, problem, device),
    )


def _counter(
    network: Network, bits: Bits, problem: Problem, device: torch.device
) -> Callable[[Prefix, Tally], None]:
    """What counts a chunk: torch on a CUDA device, else the compiled loop."""
    if device.type == "cuda":
        return DeviceCounter(network, bits, problem, device)

    def count(prefix: Prefix, tally: Tally) -> None:
        n_clauses, heads = problem.n_clauses, (0,) * len(network.start)
        count_chunk(network, bits, np.array(prefix), n_clauses, factorial(n_clauses), heads, tally)

    return count


def enumerate_multisets(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    *,
    scratch: Path,
    n_threads: int,
    bits: bool = True,
    device: torch.device = _CPU,
) -> Enumeration:
    """Count the answers of the network after γ_1, and its bits, over all formulas.

    Args:
        scratch: directory of the file of finished chunks; an interrupted enumeration goes on.
        n_threads: how many chunks are counted at a time on the CPU.
        bits: whether activation bits are compared with the circuit's programs.
        device: what the multisets are counted on, one chunk at a time if it is CUDA.

    Raises:
        MechvalError: where there are too many multisets, stating how many and about how many
            hours they would take; or as :func:`make_enumerator`.
    """
    refuse_too_many(problem, n_threads)
    enumerator = make_enumerator(model, problem, circuit, bits=bits, device=device)
    file = ChunkFile(scratch / CHUNK_FILE, enumerator.key())
    done = file.read()
    file.start(done)
    # By the second clause: the large ones first, and those of the same suffixes together.
    waiting = sorted(set(chunk_prefixes(problem)) - set(done), key=lambda prefix: prefix[::-1])
    at_a_time = 1 if device.type == "cuda" else n_threads
    with progress_bar(None, "enumerate multisets", n_multisets(problem)) as bar:
        bar.update(sum(chunk.n_multisets for chunk in done.values()))
        for chunk in _in_threads(enumerator.count, waiting, at_a_time):
            file.add(chunk)
            done[chunk.prefix] = chunk
            bar.update(chunk.n_multisets)
    return enumerator.summary([done[prefix] for prefix in chunk_prefixes(problem)])


def _in_threads(
    count: Callable[[Prefix], ChunkCounts], prefixes: Iterable[Prefix], n_threads: int
) -> Iterator[ChunkCounts]:
    """Chunks as they are finished; on an interruption, those not begun are dropped."""
    pool = ThreadPoolExecutor(n_threads)
    try:
        for future in as_completed([pool.submit(count, prefix) for prefix in prefixes]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _network(plan: EnumerationPlan, problem: Problem) -> Network:
    return Network(
        base=plan.base,
        start=plan.start,
        terms=plan.terms,
        weights=plan.weights,
        gains=plan.gains,
        first_margin=len(plan.neurons),
        margin_error=plan.margin_error,
        rival_error=plan.rival_error,
        tables=clause_truth_tables(problem)[:, 0],
    )


def _no_bits() -> Bits:
    return Bits(
        surely_on=np.zeros((0, 0)),
        maybe_on=np.zeros((0, 0)),
        first_table=np.zeros(0, dtype=np.int32),
        next_table=np.zeros((0, 0), dtype=np.int32),
        programs=np.zeros((0, 0, 0, 0), dtype=np.uint64),
    )


def _bits(
    plan: EnumerationPlan,
    circuit: Circuit,
    columns: dict[ReadingName, Int[np.ndarray, " bit"]],
    tables: ReachableTables,
) -> Bits:
    """Cuts and programs of all readings, side by side on the columns that any of them reads."""
    n_readings, n_words = len(columns), -(-plan.n_bits // WORD_BITS)
    cuts = np.full((n_readings, plan.n_bits), np.inf)
    shape = (len(tables.words), n_readings, len(VERSIONS), n_words * WORD_BITS)
    expected = np.zeros(shape, dtype=bool)
    for index, (name, found) in enumerate(columns.items()):
        reading = circuit.readings[name]
        # The activation is a positive part: it reaches a cut of zero or less always.
        cut = reading.levels.cut.double().numpy()
        cuts[index, found] = np.where(cut > 0, cut, -np.inf)
        for version, program in enumerate((reading.trees.program, reading.disjunctions)):
            expected[:, index, version, found] = program_bits(program, tables)
    error = plan.column_error[: plan.n_bits]
    packed = np.packbits(expected, axis=-1, bitorder="little")
    return Bits(
        surely_on=np.nextafter(cuts + error, np.inf),
        maybe_on=np.nextafter(cuts - error, -np.inf),
        first_table=tables.first_table(),
        next_table=tables.next_table(),
        programs=np.ascontiguousarray(packed).view("<u8").astype(np.uint64),
    )


def _empty_tally(problem: Problem, bits: Bits) -> Tally:
    n_positions = problem.n_clauses
    groups = (problem.n_assignments + 1, n_positions + 1, N_ANSWERS)
    (n_readings, n_bits), n_versions = bits.surely_on.shape, bits.programs.shape[2]
    return Tally(
        formulas=np.zeros(groups, dtype=np.int64),
        multisets=np.zeros(groups, dtype=np.int64),
        kept=np.zeros((2, n_positions + 1, N_KEPT, n_positions), dtype=np.uint8),
        n_kept=np.zeros((2, n_positions + 1), dtype=np.int64),
        revisited=np.zeros((N_REVISITED, n_positions), dtype=np.uint8),
        n_undecided=np.zeros(1, dtype=np.int64),
        bit_wrong=np.zeros((n_readings, n_versions, 2, n_bits), dtype=np.int64),
        bit_unsure=np.zeros((n_readings, 2, n_bits), dtype=np.int64),
        any_wrong=np.zeros((n_readings, n_versions, 2), dtype=np.int64),
        any_unsure=np.zeros((n_readings, n_versions, 2), dtype=np.int64),
    )


def smallest_formulas(formulas: Iterable[Formula]) -> tuple[Formula, ...]:
    """Those with the fewest distinct clauses, then first in the order of their clauses."""
    ordered = sorted(formulas, key=lambda formula: (len(set(formula)), formula))
    return tuple(ordered[:N_KEPT])


def _chunk_counts(
    prefix: Prefix, tally: Tally, revisited: list[Formula], tables: UInt64[np.ndarray, " clause"]
) -> ChunkCounts:
    wrong: tuple[list[Formula], list[Formula]] = ([], [])
    for formula in revisited:
        wrong[int(np.bitwise_and.reduce(tables[list(formula)]) != 0)].append(formula)
    for of_class, n_distinct in np.argwhere(tally.n_kept):
        kept = tally.kept[of_class, n_distinct, : tally.n_kept[of_class, n_distinct]]
        wrong[of_class].extend(map(tuple, kept.tolist()))
    return ChunkCounts(
        prefix=prefix,
        answers=tuple(
            (a, b, c, int(tally.formulas[a, b, c]), int(tally.multisets[a, b, c]))
            for a, b, c in np.argwhere(tally.multisets).tolist()
        ),
        smallest=(smallest_formulas(wrong[0]), smallest_formulas(wrong[1])),
        bit_wrong=tally.bit_wrong.tolist(),
        bit_unsure=tally.bit_unsure.tolist(),
        any_wrong=tally.any_wrong.tolist(),
        any_unsure=tally.any_unsure.tolist(),
    )
