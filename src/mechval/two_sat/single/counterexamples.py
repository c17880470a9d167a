"""Formulas on which an axiom fails: found, shrunk, written down and replayed.

On file they are one table and the network's states in safetensors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias

import numpy as np
import safetensors.numpy
import torch
from jaxtyping import Bool, Int, Integer
from safetensors import SafetensorError

from mechval import axioms, tables
from mechval.errors import MechvalError
from mechval.progress import track
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.text import dimacs_text
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.subject import Facts, States, Subject, write_label

COUNTEREXAMPLES = "counterexamples"
STATES = "states.safetensors"
PADDING_RULE = (
    "Formulas have a fixed number of clauses, so shrinking replaces every occurrence of one "
    "clause by another clause of the formula, as long as the cell still fails"
)
_STARTS_PER_CASE = 2
"""Failing formulas that are shrunk for each one kept: some shrink to the same formula."""

Fails: TypeAlias = Callable[
    [Int[np.ndarray, "formula clause_position"]], Bool[np.ndarray, " formula"]
]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Where a counterexample, a shrunk formula, comes from.

    Attributes:
        file: the name of the case, and of its DIMACS file where one is written.
        same_in: all interpretations whose cell fails on the very same held-out formulas.
        held_out: how many formulas were looked at.
        held_out_disagreements: on how many of them the cell fails.
    """

    file: str
    interpretation: str
    axiom: axioms.Axiom
    component: str
    same_in: tuple[str, ...]
    held_out: int
    held_out_disagreements: int = tables.count(of="held_out")
    clause_ids: tuple[int, ...]

    @property
    def ids(self) -> Int[np.ndarray, " clause_position"]:
        return np.array(self.clause_ids)

    @property
    def finding(self) -> "Finding":
        """Where it comes from, without what it shows."""
        return Finding(**{field.name: getattr(self, field.name) for field in fields(Finding)})

    def observe(self, subject: Subject) -> tuple[Facts, States, bool]:
        """What the cell shows on the formula alone."""
        cell = subject.cell_of(self.interpretation, self.axiom, self.component)
        return subject.observe(self.interpretation, cell, self.ids)


@dataclass(frozen=True, kw_only=True)
class Counterexample(Facts, Finding):
    """A formula on which a cell fails, and what it shows."""


CASES = tables.Table(f"certify/{COUNTEREXAMPLES}/cases.csv", Counterexample)


@dataclass(frozen=True, eq=False)
class FailingCell:
    """A cell with disagreements, under the first interpretation in which it has just these.

    ``same_in`` are all interpretations in which it disagrees on the very same held-out formulas.
    """

    interpretation: axioms.Interpretation
    key: axioms.CellKey
    same_in: tuple[str, ...]
    disagrees: Bool[np.ndarray, " formula"]

    @property
    def component(self) -> str:
        return self.interpretation.components[self.key.component - 1]


@dataclass(frozen=True)
class Replay:
    """What a replay found: whether the cell fails on the formula again, and what has changed.

    ``differing_facts`` are columns of the case; ``is_bit_equal`` is about logits and all states.
    """

    fails: bool
    differing_facts: tuple[str, ...]
    is_bit_equal: bool
    largest_logit_change: float

    @property
    def succeeds(self) -> bool:
        """Whether the case is what it was; the last bits may be those of another processor."""
        return self.fails and not self.differing_facts


def find_cases(
    subject: Subject, audit: axioms.Disagreements, test: Split, limit: int
) -> list[Finding]:
    """Search every failing distinct cell of the main interpretations.

    ``audit`` says which of the held-out formulas, ``test``, disagree in which cell; at most
    ``limit`` formulas are kept of each cell.
    """
    cells, found = failing_cells(list(subject.interpretations.values()), audit), []
    for cell in track(cells, "counterexamples of failing cells"):
        name, axiom = cell.interpretation.name, cell.key.axiom
        stem = f"{axiom} {cell.component} {name}".replace(" ", "-").replace("/", "-")
        for number, formula in enumerate(smallest_formulas(subject, cell, test, limit), start=1):
            found.append(
                Finding(
                    file=f"{stem}-{number}.cnf",
                    interpretation=name,
                    axiom=axiom,
                    component=cell.component,
                    same_in=cell.same_in,
                    held_out=len(test),
                    held_out_disagreements=int(cell.disagrees.sum()),
                    clause_ids=tuple(formula.tolist()),
                )
            )
    return found


def failing_cells(
    interpretations: Sequence[axioms.Interpretation], audit: axioms.Disagreements
) -> list[FailingCell]:
    """The distinct cells that disagree somewhere; cells with equal disagreements are one."""
    groups: dict[tuple[axioms.CellKey, bytes], list[tuple[axioms.Interpretation, np.ndarray]]] = {}
    for interpretation in interpretations:
        for key in axioms.distinct_cells(interpretation):
            disagrees = audit[interpretation.name][interpretation.cell_name(key)].numpy()
            if disagrees.any():
                group = groups.setdefault((key, np.packbits(disagrees).tobytes()), [])
                group.append((interpretation, disagrees))
    return [
        FailingCell(group[0][0], key, tuple(member.name for member, _ in group), group[0][1])
        for (key, _), group in sorted(groups.items(), key=lambda item: item[0][0].place)
    ]


def smallest_formulas(
    subject: Subject, cell: FailingCell, test: Split, limit: int
) -> list[Int[np.ndarray, " clause_position"]]:
    """Shrink the failing formulas with the fewest distinct clauses; return the smallest results.

    These are ``limit`` different formulas at most, fewest distinct clauses first, each of which
    fails when it is evaluated alone.
    """
    failing = test.clause_ids[cell.disagrees].astype(np.int64)
    sizes = np.array([len(distinct_clauses(formula)) for formula in failing])
    starts = failing[np.argsort(sizes, kind="stable")[: _STARTS_PER_CASE * limit]]

    def fails(formulas: Int[np.ndarray, "formula clause_position"]) -> Bool[np.ndarray, " formula"]:
        tokens = encode_formulas(subject.problem, torch.from_numpy(formulas)).to(subject.device)
        return axioms.cell_sides(cell.interpretation, tokens, cell.key).disagrees.cpu().numpy()

    shrunk = {tuple(shrink(start, fails).tolist()) for start in starts}
    ordered = sorted(shrunk, key=lambda formula: (len(set(formula)), formula))
    formulas = (np.array(formula) for formula in ordered)
    # A formula that fails in a batch only does so by a rounding error.
    return [formula for formula in formulas if fails(formula[None])[0]][:limit]


def distinct_clauses(formula: Integer[np.ndarray, " clause_position"]) -> list[int]:
    """The clauses of a formula, each once, in order of first appearance."""
    return list(dict.fromkeys(formula.tolist()))


def shrink(
    formula: Int[np.ndarray, " clause_position"], fails: Fails
) -> Int[np.ndarray, " clause_position"]:
    """Replace clauses of a formula that fails by others of it for as long as it still fails.

    The number of clauses is fixed, so what shrinks is the number of distinct ones: every occurrence
    of one is replaced by another that remains. Clauses are tried in order of first appearance,
    their replacements too, so the result is determined. In it no single distinct clause can be
    replaced any more.
    """
    clauses = distinct_clauses(formula)
    for clause in clauses if len(clauses) > 1 else ():
        others = [other for other in clauses if other != clause]
        candidates = np.stack([np.where(formula == clause, other, formula) for other in others])
        is_failing = fails(candidates)
        if is_failing.any():
            return shrink(candidates[is_failing.argmax()], fails)
    return formula


def write_cases(
    subject: Subject, findings: Sequence[Finding], directory: Path
) -> list[Counterexample]:
    """Evaluate each finding on its own and write all files; nothing is written without findings.

    Raises MechvalError if one of them is no counterexample.
    """
    if not findings:
        return []
    cases, found = [], []
    for finding in findings:
        facts, states, disagrees = finding.observe(subject)
        if not disagrees:
            raise MechvalError(
                f"counterexample {finding.file} is none: {finding.axiom} of {finding.component} "
                f"holds on it in {finding.interpretation}; allowed: a formula on which it fails."
            )
        cases.append(Counterexample(**vars(finding), **vars(facts)))
        found.append(states)
    directory.mkdir()
    CASES.write(cases, directory.parent)
    tensors = {
        "logits": np.stack([states.logits for states in found]),
        "digest": np.stack([states.digest for states in found]),
    }
    (directory / STATES).write_bytes(safetensors.numpy.save(tensors))
    return cases


def load_cases(directory: Path) -> tuple[tuple[Counterexample, States], ...]:
    """Read what :func:`write_cases` wrote; empty if it wrote nothing.

    Raises MechvalError, naming the file, if one is damaged.
    """
    if not directory.exists():
        return ()
    cases, path = CASES.read(directory.parent), directory / STATES
    try:
        tensors = safetensors.numpy.load(path.read_bytes())
        states = [*map(States, tensors["logits"], tensors["digest"])]
    except (OSError, SafetensorError, KeyError) as error:
        raise MechvalError(
            f"{path} cannot be read ({type(error).__name__}); allowed: the states that stage "
            "certify writes beside its counterexamples."
        ) from None
    if len(states) != len(cases):
        raise MechvalError(
            f"{path} has states of {len(states)} formulas; allowed: {len(cases)}, as in "
            f"{CASES.file}."
        )
    return tuple(zip(cases, states, strict=True))


def replay_case(subject: Subject, case: Counterexample, recorded: States) -> Replay:
    """Evaluate a recorded counterexample again, on its own."""
    facts, states, fails = case.observe(subject)
    return Replay(
        fails=fails,
        differing_facts=tuple(k for k, value in vars(facts).items() if value != getattr(case, k)),
        is_bit_equal=all(
            now.tobytes() == before.tobytes()
            for now, before in zip(vars(states).values(), vars(recorded).values(), strict=True)
        ),
        largest_logit_change=float(np.abs(states.logits - recorded.logits).max()),
    )


def case_dimacs(problem: Problem, case: Counterexample) -> str:
    """The formula for a SAT solver, with what it shows in the comments."""
    comments = [
        f"{case.axiom} of {case.component} fails in {case.interpretation}",
        f"network: {case.network}",
        f"program: {case.program}",
        case.responsible,
        f"{write_label(case.satisfiable)}, {case.witness}",
        f"shrunk: {PADDING_RULE}",
        f"replay: python -m experiments.replay <run>/{CASES.file.replace('cases.csv', case.file)}",
    ]
    return dimacs_text(problem, case.ids, comments) + "\n"
