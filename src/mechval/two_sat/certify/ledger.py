"""What is proved, counted or undecided about a 2-SAT run, as statements of its ledger.

What is sampled of the axioms stands in ``axioms/axioms.csv`` and is not said again here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from math import prod
from typing import Any

from mechval import tables
from mechval.axioms import Axiom, Cell, Estimate, EvidenceKind, Statement
from mechval.errors import MechvalError
from mechval.two_sat.certify.counting.chunks import n_multisets
from mechval.two_sat.certify.counting.programs import ALL, CLASSES, ProgramDistance, ProgramError
from mechval.two_sat.certify.counting.tables import BALANCED, AnswerCount, BitCount
from mechval.two_sat.certify.drift.answer import DriftRow
from mechval.two_sat.certify.parsing.certificate import CaseStatus, ParsingCertificate
from mechval.two_sat.certify.theorem.composition import NETWORK, SUBSTITUTED, premises, weakest
from mechval.two_sat.certify.theorem.routes import LISTED, ListedNeuron
from mechval.two_sat.certify.theorem.theorem import Lemma, LemmaStatus, Theorem
from mechval.two_sat.interpretation import EVALUATE, OUTPUT, PARSE
from mechval.two_sat.problem import Problem

LEDGER = tables.Table("certify/ledger.csv", Statement)
DRIFT_CONFIDENCE = 0.95
WRONG_NETWORK = "the network after γ_1 answers wrongly"
WRONG_PROGRAM = "the program answers wrongly"
WRONG_ANSWER = "the network answers wrongly"
WRONG_NEURON = "some neuron is not active exactly if its assignment satisfies the formula"
_LISTED = LISTED.name
_UNIFORM = "uniform"
_HALVES = "uniform within each class, half satisfiable"
_ANSWERS_TEXTS = {
    "error": WRONG_NETWORK,
    "other_token": "the network after γ_1 answers neither `s` nor `u`",
}


@dataclass(frozen=True)
class Metrics:
    """Headlines: statements by kind of evidence, cases by status, counterexamples."""

    statements: dict[str, int]
    parsing: dict[str, int]
    counterexamples: int


METRICS = tables.Record("certify/metrics.json", Metrics)


def parsing_statement(certificate: ParsingCertificate) -> Statement:
    """How many formulas α_1 may misread, and what is open.

    Clauses are drawn independently of each other: formulas of certified cases alone are counted
    by multiplying the certified cases of every position. Later clauses do not matter to a refuted
    case, so it is misread whatever they are.
    """
    problem, cases = certificate.problem, certificate.cases
    certified = [case for case in cases if case.status is CaseStatus.CERTIFIED]
    refuted = [case.clause_position for case in cases if case.status is CaseStatus.REFUTED]
    n_open = len(cases) - len(certified) - len(refuted)
    right = prod(
        sum(case.clause_position == position for case in certified)
        for position in range(problem.n_clauses)
    )
    later = problem.n_clauses - 1 - min(refuted, default=problem.n_clauses - 1)
    least = problem.n_distinct_clauses**later if refuted else 0
    told = f"{len(certified)} of {len(cases)} cases of a position and its clause are certified"
    state = partial(
        Statement,
        axiom=Axiom.PREFIX_EQUIVALENCE,
        component=PARSE,
        distribution=_UNIFORM,
        file="parsing.csv",
        **_counts(problem, None, least, problem.n_formulas - right, problem.n_formulas),
    )
    if not right:
        stopped = f"{told}, {len(refuted)} are refuted and {n_open} undecided: no bound follows"
        return state("α_1 misreads a clause", kind=EvidenceKind.UNKNOWN, stopped_by=stopped)
    weakest = min(certified, key=lambda case: case.margin)
    return state(
        f"α_1 misreads a clause ({told}, {len(refuted)} refuted, {n_open} undecided)",
        kind=EvidenceKind.CERTIFIED,
        margin=weakest.margin,
        numerical_error=weakest.numerical_error,
    )


def theorem_statements(theorem: Theorem, problem: Problem) -> list[Statement]:
    """That the network answers rightly, and every cell that holds with epsilon 0, or why not."""
    state = partial(Statement, domain=all_formulas(problem), distribution=_UNIFORM)
    none, file = _counts(problem, None, 0, 0, problem.n_formulas), "theorem_lemmas.csv"
    proved = partial(state, kind=EvidenceKind.CERTIFIED, **none)
    if theorem.answers is LemmaStatus.PROVED:
        answer = weakest(theorem.lemmas, NETWORK)
        found = [proved(WRONG_ANSWER, file=file, **_tightest(answer))]
    else:
        stopped = theorem.failing_lemma
        found = [state(WRONG_ANSWER, EvidenceKind.UNKNOWN, stopped_by=stopped, file=file)]
    for cell in theorem.cells:
        if cell.status is LemmaStatus.PROVED:
            text = f"{cell.axiom} of {cell.component} fails in `{cell.interpretation}`"
            about = {"axiom": cell.axiom, "component": cell.component}
            needed = premises(**cell.tags)[cell.axiom, cell.component]
            tightest = _tightest(weakest(theorem.lemmas, needed))
            about |= {"interpretation": cell.interpretation, "file": "theorem_cells.csv"}
            found.append(proved(text, **about, **tightest))
    return found


def listing_statement(
    rows: Sequence[ListedNeuron] | None, stopped_by: str, problem: Problem
) -> Statement:
    """What listing every multiset of clauses says of the neurons, or what stopped it."""
    if rows is None:
        return not_counted(WRONG_NEURON, stopped_by, problem, file=_LISTED)
    least = min(rows, key=lambda row: row.margin)
    told = f"{WRONG_NEURON} ({n_multisets(problem):,} multisets listed)"
    if least.margin <= 0:
        found = f"neuron {least.neuron} has the margin {least.margin:.3g}"
        return not_counted(told, found, problem, file=_LISTED)
    return Statement(
        told,
        EvidenceKind.CERTIFIED,
        distribution=_UNIFORM,
        file=_LISTED,
        margin=least.margin + least.interval,
        numerical_error=least.interval,
        **_counts(problem, None, 0, 0, problem.n_formulas),
    )


def refuse_contradiction(theorem: Theorem, answers: Iterable[AnswerCount]) -> None:
    """Hold a theorem against a count of the network after γ_1: both say that it answers rightly.

    Raises:
        MechvalError: if a formula was counted that the theorem excludes.
    """
    proved = {row.name for row in theorem.lemmas if row.status is LemmaStatus.PROVED}
    of_all = [row for row in answers if row.quantity == "error" and row.stratum == ALL]
    wrong = sum(row.count_lower or 0 for row in of_all)
    if wrong and proved.issuperset((*NETWORK, *SUBSTITUTED)):
        raise MechvalError(
            f"the count finds {wrong} wrong answers after γ_1 where the theorem says there are "
            "none; allowed: a count and a theorem of one network that agree."
        )


def refuse_disagreement(theorem: Theorem, cells: Iterable[Cell]) -> None:
    """Hold a theorem against the sampled axiom table.

    Raises:
        MechvalError: if a formula was sampled on which a proved cell disagrees.
    """
    names = {
        f"{cell.interpretation}/{cell.axiom}/{cell.component}"
        for cell in theorem.cells
        if cell.status is LemmaStatus.PROVED
    }
    for cell in cells:
        name = f"{cell.interpretation}/{cell.name}"
        if cell.disagreements and name in names:
            raise MechvalError(
                f"{cell.disagreements:,} of {cell.n:,} sampled formulas disagree in {name}, of "
                "which the theorem says that none does; allowed: a sample and a theorem of one "
                "network that agree."
            )


def _tightest(lemma: Lemma) -> dict[str, float | None]:
    """Margin and rounding error of the weakest inequality of a proof."""
    return {"margin": lemma.margin, "numerical_error": lemma.rounding}


def drift_statements(rows: Iterable[DriftRow]) -> list[Statement]:
    """Formulas of the sample whose label the prefix's replacement provably cannot change.

    The proof is formula by formula; that the formulas are a sample makes the rate a sampled one.
    """
    statements = []
    for row in rows:
        alone = "" if row.source == "all" else f", if only the {row.source} drifted"
        state = partial(
            Statement,
            f"replacing the parse prefix is not proved to keep the network's label{alone}",
            axiom=Axiom.PREFIX_REPLACEABILITY,
            component=PARSE,
            domain="all formulas",
            distribution=_HALVES,
            file="drift.csv",
        )
        if not row.certified:
            told = (
                f"the bound is vacuous: no label of {row.n:,} formulas is certified, the median "
                f"drift bound is {row.median_drift:.3g} logits, the median margin "
                f"{row.median_margin:.3g}"
            )
            statements.append(state(kind=EvidenceKind.UNKNOWN, stopped_by=told))
            continue
        found = Estimate.of(row.n - row.certified, row.n, DRIFT_CONFIDENCE)
        counts = dict.fromkeys(("count_lower", "count_upper"), found.disagreements)
        sample: dict[str, Any] = {"n": found.n, "confidence": DRIFT_CONFIDENCE, **counts}
        statements.append(state(kind=EvidenceKind.SAMPLED, value_upper=found.epsilon, **sample))
    return statements


def enumeration_statements(
    answers: Iterable[AnswerCount], bits: Iterable[BitCount], problem: Problem
) -> list[Statement]:
    """The network after γ_1: its errors, and the bits of all its neurons against the programs."""
    statements = []
    for quantity, rows in groupby(answers, key=lambda row: row.quantity):
        about = {"component": OUTPUT, "file": "enumeration.csv"}
        counts = [_interval(row) for row in rows if row.stratum != BALANCED]
        statements += _by_class(_ANSWERS_TEXTS[quantity], counts, problem, about)
    together = (row for row in bits if row.neuron is None)
    for (version, reading), rows in groupby(together, key=lambda row: (row.version, row.reading)):
        name = f"{version}/{reading}"
        about = {"component": EVALUATE, "interpretation": name, "file": "enumeration_bits.csv"}
        text = f"after γ_1, some neuron's bit is not what `{name}` says"
        statements += _by_class(text, list(map(_interval, rows)), problem, about)
    return statements


def program_statements(
    errors: Iterable[ProgramError], distances: Iterable[ProgramDistance], problem: Problem
) -> list[Statement]:
    """The programs alone: errors against satisfiability and distances."""
    statements = []
    for name, rows in groupby(errors, key=lambda row: row.program):
        counts = [(row.errors, row.errors, row.formulas) for row in rows]
        about = {"interpretation": name, "file": "programs.csv"}
        statements += _by_class(f"the program `{name}` answers wrongly", counts, problem, about)
    state = partial(Statement, kind=EvidenceKind.EXACT, distribution=_UNIFORM)
    for row in distances:
        told = "answers" if row.on == "answer" else "bits"
        text = f"the {told} of `{row.program}` and `{row.other}` differ"
        counts = _counts(problem, None, row.differing, row.differing, row.formulas)
        statements.append(state(text, file="program_distances.csv", **counts))
    return statements


def not_counted(text: str, reason: str, problem: Problem, **about: Any) -> Statement:
    """Something that would have been counted on all formulas, and what stopped it."""
    domain = all_formulas(problem)
    return Statement(text, EvidenceKind.UNKNOWN, domain, _UNIFORM, stopped_by=reason, **about)


def all_formulas(problem: Problem) -> str:
    """The domain of every exact or certified statement, in words."""
    return f"all {problem.n_distinct_clauses}^{problem.n_clauses} formulas"


_Interval = tuple[int, int, int]


def _interval(row: AnswerCount | BitCount) -> _Interval:
    return row.count_lower or 0, row.count_upper or 0, row.total or 0


def _by_class(
    text: str, counts: Sequence[_Interval], problem: Problem, about: dict[str, str]
) -> list[Statement]:
    """One statement for all formulas (the last counts), each class, and both weighted alike."""
    first, second, every = counts
    # Over a common total in which each class weighs half.
    alike = (
        *(first[end] * second[2] + second[end] * first[2] for end in (0, 1)),
        2 * first[2] * second[2],
    )
    strata = zip((None, *CLASSES, None), (every, first, second, alike), strict=True)
    state = partial(Statement, text, kind=EvidenceKind.EXACT, **about)
    return [
        state(
            distribution=_HALVES if found is alike else _UNIFORM, **_counts(problem, name, *found)
        )
        for name, found in strata
        if found[2]
    ]


def _counts(
    problem: Problem, stratum: str | None, lower: int, upper: int, total: int
) -> dict[str, Any]:
    domain = all_formulas(problem)
    return {
        "domain": f"the {stratum} ones of {domain}" if stratum else domain,
        "count_lower": lower,
        "count_upper": upper,
        "total": total,
        "value_lower": lower / total,
        "value_upper": upper / total,
    }
