"""Counterexamples as files: one table, one DIMACS file per formula, states in safetensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import safetensors.numpy
from jaxtyping import Int
from safetensors import SafetensorError

from mechval import tables
from mechval.axioms import Disagreements
from mechval.errors import MechvalError
from mechval.progress import track
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.text import dimacs_text
from mechval.two_sat.single.cases import Facts, States, Subject, cell_of
from mechval.two_sat.single.finding import FailingCell, failing_cells, smallest_formulas

COUNTEREXAMPLES = "counterexamples"
TABLE = "cases.csv"
STATES = "states.safetensors"
PADDING_RULE = (
    "Formulas have a fixed number of clauses, so shrinking replaces every occurrence of one "
    "clause by another clause of the formula, as long as the cell still fails"
)


@dataclass(frozen=True)
class Finding:
    """Where a counterexample comes from.

    Attributes:
        file: the formula as DIMACS, beside the table.
        same_in: all interpretations whose cell fails on the very same held-out formulas.
        held_out: how many formulas were looked at, and ``held_out_disagreements`` how many of
            them the cell fails on.
        clause_ids: of the shrunk formula, in order.
    """

    file: str
    interpretation: str
    axiom_name: str
    component: str
    same_in: str
    held_out: int
    held_out_disagreements: int
    clause_ids: str

    @property
    def finding(self) -> "Finding":
        """Where it comes from, without what it shows."""
        return Finding(**{field.name: getattr(self, field.name) for field in fields(Finding)})

    @property
    def ids(self) -> Int[np.ndarray, " clause_position"]:
        """The formula's clause ids."""
        return np.array([int(id) for id in self.clause_ids.split()])


@dataclass(frozen=True)
class Case(Facts, Finding):
    """A formula on which a cell fails, and what it shows."""


CASES = tables.Table(f"certify/{COUNTEREXAMPLES}/{TABLE}", Case)


def find_cases(
    subject: Subject, audits: Mapping[str, Disagreements], test: Split, limit: int
) -> list[Finding]:
    """Search every failing distinct cell of the main interpretations.

    Args:
        audits: by interpretation, which formulas of ``test`` disagree in which cell.
        limit: formulas per cell at most.
    """
    cells = failing_cells(list(subject.interpretations.values()), audits)
    return [
        finding
        for cell in track(cells, "counterexamples of failing cells")
        for finding in _find(subject, cell, test, limit)
    ]


def write_cases(subject: Subject, findings: Sequence[Finding], directory: Path) -> list[Case]:
    """Evaluate each finding on its own and write all files; nothing is written without findings.

    Raises:
        MechvalError: if one of them is no counterexample.
    """
    if not findings:
        return []
    directory.mkdir()
    observed = [_observe(subject, finding) for finding in findings]
    cases = [Case(**vars(finding), **vars(facts)) for finding, facts, _ in observed]
    CASES.write(cases, directory.parent)
    for case in cases:
        text = dimacs_text(subject.problem, case.ids, _comments(case))
        (directory / case.file).write_text(text + "\n", encoding="utf-8")
    tensors = {
        "logits": np.stack([states.logits for *_, states in observed]),
        "digest": np.stack([states.digest for *_, states in observed]),
    }
    (directory / STATES).write_bytes(safetensors.numpy.save(tensors))
    return cases


def load_cases(directory: Path) -> tuple[tuple[Case, States], ...]:
    """Read what :func:`write_cases` wrote; empty if it wrote nothing.

    Raises:
        MechvalError: naming the file, if one is damaged.
    """
    if not directory.exists():
        return ()
    cases, path = CASES.read(directory.parent), directory / STATES
    try:
        tensors = safetensors.numpy.load(path.read_bytes())
        logits, digests = tensors["logits"], tensors["digest"]
    except (OSError, SafetensorError, KeyError) as error:
        raise MechvalError(
            f"{path} cannot be read ({type(error).__name__}); allowed: the states that stage "
            "certify writes beside its counterexamples."
        ) from None
    if not len(logits) == len(digests) == len(cases):
        raise MechvalError(
            f"{path} has states of {len(logits)} formulas; allowed: {len(cases)}, as in {TABLE}."
        )
    return tuple(
        (case, States(row, digest))
        for case, row, digest in zip(cases, logits, digests, strict=True)
    )


def _find(subject: Subject, cell: FailingCell, test: Split, limit: int) -> list[Finding]:
    name, axiom = cell.interpretation.name, cell.key.axiom.label
    stem = f"{axiom} {cell.component} {name}".replace(" ", "-").replace("/", "-")
    formulas = smallest_formulas(cell, subject.problem, test, limit=limit, device=subject.device)
    return [
        Finding(
            file=f"{stem}-{number}.cnf",
            interpretation=name,
            axiom_name=axiom,
            component=cell.component,
            same_in=" ".join(cell.same_in),
            held_out=len(test),
            held_out_disagreements=int(cell.disagrees.sum()),
            clause_ids=" ".join(map(str, formula.tolist())),
        )
        for number, formula in enumerate(formulas, start=1)
    ]


def _observe(subject: Subject, finding: Finding) -> tuple[Finding, Facts, States]:
    interpretation = subject.interpretations[finding.interpretation]
    cell = cell_of(interpretation, finding.axiom_name, finding.component)
    facts, states, disagrees = subject.observe(finding.interpretation, cell, finding.ids)
    if not disagrees:
        raise MechvalError(
            f"counterexample {finding.file} is none: {finding.axiom_name} of {finding.component} "
            f"holds on it in {finding.interpretation}; allowed: a formula on which the cell fails."
        )
    return finding, facts, states


def _comments(case: Case) -> list[str]:
    return [
        f"{case.axiom_name} of {case.component} fails in {case.interpretation}",
        f"network: {case.network}",
        f"program: {case.program}",
        f"{case.responsible}",
        f"{'satisfiable' if case.satisfiable else 'unsatisfiable'}, {case.witness}",
        f"shrunk: {PADDING_RULE}",
        "replay: python -m experiments.replay PATH_OF_THIS_FILE",
    ]
