"""What stands behind every number of a 2-SAT run, as statements of its ledger."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from math import prod

from mechval.axioms import EvidenceKind, clopper_pearson_upper
from mechval.axioms.evidence import Statement
from mechval.reporting.tables import Row
from mechval.two_sat.certify.counting.enumeration_rows import ALL, CLASSES
from mechval.two_sat.certify.parsing.certificate import Case, CaseStatus, ParsingCertificate
from mechval.two_sat.interpretation import EVALUATE, OUTPUT, PARSE
from mechval.two_sat.problem import Problem
from mechval.two_sat.report.report_records import CellRow

BALANCED = "balanced"
DRIFT_CONFIDENCE = 0.95
_UNIFORM = "uniform"
_HALVES = "uniform within each class, half satisfiable"
_PREFIX_EQUIVALENCE = "prefix equivalence"


def sampled_statements(cells: Sequence[CellRow], confidence: float) -> list[Statement]:
    """One statement per distinct cell of the main axiom table.

    Args:
        confidence: of each one-sided bound.
    """
    return [
        Statement(
            statement=f"{cell.axiom_name} of {cell.component} fails in `{cell.interpretation}`",
            axiom=cell.axiom_name,
            component=cell.component,
            interpretation=cell.interpretation,
            kind=cell.kind,
            domain="all formulas",
            distribution=_HALVES,
            count_lower=cell.disagreements,
            count_upper=cell.disagreements,
            value_upper=cell.epsilon,
            n=cell.n,
            confidence=confidence,
            file="axioms/axioms.csv",
        )
        for cell in cells
        if cell.is_distinct
    ]


def parsing_statements(certificate: ParsingCertificate, file: str) -> list[Statement]:
    """How many formulas α_1 may misread, and what is open.

    Clauses are drawn independently of each other: formulas of certified cases alone are counted
    by multiplying the certified cases of every position.
    """
    problem, cases = certificate.problem, certificate.cases
    certified = [case for case in cases if case.status is CaseStatus.CERTIFIED]
    refuted = [case for case in cases if case.status is CaseStatus.REFUTED]
    n_open = len(cases) - len(certified) - len(refuted)
    right = prod(
        sum(case.clause_position == position for case in certified)
        for position in range(problem.n_clauses)
    )
    told = f"{len(certified)} of {len(cases)} cases of a position and its clause are certified"
    misread = _known_misread(problem, refuted), problem.n_formulas - right
    state = partial(
        Statement,
        axiom=_PREFIX_EQUIVALENCE,
        component=PARSE,
        domain=all_formulas(problem),
        distribution=_UNIFORM,
        file=file,
        count_lower=misread[0],
        count_upper=misread[1],
        total=problem.n_formulas,
        value_lower=misread[0] / problem.n_formulas,
        value_upper=misread[1] / problem.n_formulas,
    )
    if not right:
        stopped = f"{told}, {len(refuted)} are refuted and {n_open} undecided: no bound follows"
        return [state("α_1 misreads a clause", kind=EvidenceKind.UNKNOWN, stopped_by=stopped)]
    weakest = min(certified, key=lambda case: case.margin)
    return [
        state(
            f"α_1 misreads a clause ({told}, {len(refuted)} refuted, {n_open} undecided)",
            kind=EvidenceKind.CERTIFIED,
            margin=weakest.margin,
            numerical_error=weakest.numerical_error,
        )
    ]


def drift_statements(rows: Sequence[Row], file: str) -> list[Statement]:
    """Formulas of the sample whose label the prefix's replacement provably cannot change.

    The proof is formula by formula; that the formulas are a sample makes the rate a sampled one.
    """
    statements = []
    for row in rows:
        certified, n = _whole(row["certified"]), _whole(row["n"])
        alone = "" if row["source"] == "all" else f", if only the {row['source']} drifted"
        text = f"replacing the parse prefix is not proved to keep the network's label{alone}"
        state = partial(
            Statement,
            text,
            axiom="prefix replaceability",
            component=PARSE,
            domain="all formulas",
            distribution=_HALVES,
            file=file,
        )
        if not certified:
            told = (
                f"the bound is vacuous: no label of {n:,} formulas is certified, the median drift "
                f"bound is {float(str(row['median_drift'])):.3g} logits, the median margin "
                f"{float(str(row['median_margin'])):.3g}"
            )
            statements.append(state(kind=EvidenceKind.UNKNOWN, stopped_by=told))
            continue
        statements.append(
            state(
                kind=EvidenceKind.SAMPLED,
                count_lower=n - certified,
                count_upper=n - certified,
                value_upper=clopper_pearson_upper(n - certified, n, DRIFT_CONFIDENCE),
                n=n,
                confidence=DRIFT_CONFIDENCE,
            )
        )
    return statements


def enumeration_statements(
    answers: Sequence[Row], bits: Sequence[Row], problem: Problem
) -> list[Statement]:
    """What was counted of the network after γ_1: its errors, and its bits against the programs.

    Args:
        answers: rows of ``enumeration.csv``.
        bits: rows of ``enumeration_bits.csv``; of these, those on all neurons together.
    """
    texts = {
        "error": "the network after γ_1 answers wrongly",
        "other_token": "the network after γ_1 answers neither `s` nor `u`",
    }
    statements = [
        statement
        for quantity, text in texts.items()
        for statement in _by_class(
            text,
            {str(row["class"]): row for row in answers if row["quantity"] == quantity},
            problem,
            OUTPUT,
            None,
            "enumeration.csv",
        )
    ]
    together = [row for row in bits if row["neuron"] in (None, "")]
    for name in dict.fromkeys(f"{row['version']}/{row['reading']}" for row in together):
        rows = {
            str(row["class"]): row
            for row in together
            if f"{row['version']}/{row['reading']}" == name
        }
        text = f"after γ_1, some neuron's bit is not what `{name}` says"
        statements += _by_class(text, rows, problem, EVALUATE, name, "enumeration_bits.csv")
    return statements


def program_statements(
    errors: Sequence[Row], distances: Sequence[Row], problem: Problem
) -> list[Statement]:
    """What was counted of the programs alone: errors against satisfiability and distances."""
    statements = []
    for name in dict.fromkeys(str(row["program"]) for row in errors):
        rows = {
            str(row["class"]): {
                "count_lower": row["errors"],
                "count_upper": row["errors"],
                "total": row["formulas"],
            }
            for row in errors
            if row["program"] == name
        }
        text = f"the program `{name}` answers wrongly"
        statements += _by_class(text, rows, problem, None, name, "programs.csv")
    for row in distances:
        told = "answers" if row["on"] == "answer" else "bits"
        text = f"the {told} of `{row['program']}` and `{row['other']}` differ"
        statements.append(
            _exact(
                text,
                (_whole(row["differing"]), _whole(row["differing"]), _whole(row["formulas"])),
                all_formulas(problem),
                _UNIFORM,
                None,
                None,
                "program_distances.csv",
            )
        )
    return statements


def unknown_statement(
    text: str, stopped_by: str, problem: Problem, component: str | None, file: str
) -> Statement:
    """Something that would have been proved or counted on all formulas."""
    return Statement(
        statement=text,
        component=component,
        kind=EvidenceKind.UNKNOWN,
        domain=all_formulas(problem),
        distribution=_UNIFORM,
        stopped_by=stopped_by,
        file=file,
    )


def all_formulas(problem: Problem) -> str:
    """The domain of every exact or certified statement, in words."""
    return f"all {problem.n_distinct_clauses}^{problem.n_clauses} formulas"


def _known_misread(problem: Problem, refuted: Sequence[Case]) -> int:
    """Formulas that are surely misread: later clauses do not matter to a refuted case."""
    return max(
        (
            problem.n_distinct_clauses ** (problem.n_clauses - 1 - case.clause_position)
            for case in refuted
        ),
        default=0,
    )


def _by_class(
    text: str,
    rows: Mapping[str, Row],
    problem: Problem,
    component: str | None,
    interpretation: str | None,
    file: str,
) -> list[Statement]:
    """One statement for all formulas, each class, and both classes weighted alike."""
    intervals = {name: _interval(row) for name, row in rows.items() if name != BALANCED}
    domains = {
        ALL: all_formulas(problem),
        **{name: f"the {name} ones of {all_formulas(problem)}" for name in CLASSES},
    }
    statements = [
        _exact(text, intervals[name], domain, _UNIFORM, component, interpretation, file)
        for name, domain in domains.items()
        if intervals[name][2]
    ]
    first, second = (intervals[name] for name in CLASSES)
    if first[2] and second[2]:
        both = _weighted_alike(first, second)
        domain = all_formulas(problem)
        statements.append(_exact(text, both, domain, _HALVES, component, interpretation, file))
    return statements


def _weighted_alike(
    first: tuple[int, int, int], second: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Counts over a common total in which each class weighs half."""
    lower, upper = (first[end] * second[2] + second[end] * first[2] for end in (0, 1))
    return lower, upper, 2 * first[2] * second[2]


def _exact(
    text: str,
    interval: tuple[int, int, int],
    domain: str,
    distribution: str,
    component: str | None,
    interpretation: str | None,
    file: str,
) -> Statement:
    lower, upper, total = interval
    return Statement(
        statement=text,
        component=component,
        interpretation=interpretation,
        kind=EvidenceKind.EXACT,
        domain=domain,
        distribution=distribution,
        count_lower=lower,
        count_upper=upper,
        total=total,
        value_lower=float(Fraction(lower, total)),
        value_upper=float(Fraction(upper, total)),
        file=file,
    )


def _interval(row: Row) -> tuple[int, int, int]:
    return _whole(row["count_lower"]), _whole(row["count_upper"]), _whole(row["total"])


def _whole(value: object) -> int:
    return int(str(value))
