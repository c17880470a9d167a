"""The ledger claims no more than the certificates and counts behind it."""

from dataclasses import replace
from math import prod

import numpy as np

from mechval.axioms import EvidenceKind
from mechval.two_sat.certify.counting.programs import ProgramDistance
from mechval.two_sat.certify.counting.tables import AnswerCount
from mechval.two_sat.certify.drift.answer import DriftRow
from mechval.two_sat.certify.ledger import (
    drift_statements,
    enumeration_statements,
    parsing_statement,
    program_statements,
)
from mechval.two_sat.certify.parsing.certificate import (
    CaseStatus,
    Leaves,
    ParsingCase,
    ParsingCertificate,
)
from mechval.two_sat.problem import Problem

PROBLEM = Problem(n_variables=3, n_clauses=4)
N_CLAUSES = PROBLEM.n_distinct_clauses
CERTIFIED = ParsingCase(
    clause_position=0,
    clause=0,
    status=CaseStatus.CERTIFIED,
    margin=2.0,
    numerical_error=1e-9,
    attained_margin=2.5,
    own_clause_attention=0.9,
    n_unstable=3,
    n_branches=0,
    worst_formula=(0, 0, 0, 0),
    stopped_by=None,
)


def certificate(changes: dict[tuple[int, int], CaseStatus]) -> ParsingCertificate:
    """All cases certified, with growing margins, but for those that are changed."""
    cases = tuple(
        replace(
            CERTIFIED,
            clause_position=position,
            clause=clause,
            margin=1.0 + position + clause,
            status=changes.get((position, clause), CaseStatus.CERTIFIED),
            stopped_by="the budget",
        )
        for position in range(PROBLEM.n_clauses)
        for clause in range(N_CLAUSES)
    )
    empty = Leaves(
        case=np.zeros(0, dtype=np.int32),
        fixed=np.zeros((0, 0), dtype=np.int16),
        lower=np.zeros((0, 1, 1), dtype=np.float32),
        upper=np.zeros((0, 1, 1), dtype=np.float32),
        is_swapped=np.zeros((0, 1), dtype=bool),
        ratio=np.zeros((0, 1, 1), dtype=np.float32),
        margin=np.zeros(0),
    )
    return ParsingCertificate(PROBLEM, "0", np.zeros((36, 1), dtype=np.float32), cases, empty)


def test_a_complete_certificate_proves_a_rate_of_zero_with_its_worst_margin() -> None:
    statement = parsing_statement(certificate({}))
    assert statement.kind is EvidenceKind.CERTIFIED
    assert (statement.count_lower, statement.count_upper) == (0, 0)
    assert statement.total == N_CLAUSES**4
    assert statement.margin == 1.0


def test_an_undecided_case_leaves_exactly_the_formulas_that_hold_it_open() -> None:
    statement = parsing_statement(certificate({(1, 3): CaseStatus.UNKNOWN}))
    assert statement.count_lower == 0
    assert statement.count_upper == N_CLAUSES**3
    assert statement.margin == 1.0


def test_a_refuted_case_misreads_every_formula_that_goes_on_from_it() -> None:
    statement = parsing_statement(certificate({(1, 3): CaseStatus.REFUTED}))
    assert statement.count_lower == N_CLAUSES**2
    assert statement.count_upper == N_CLAUSES**3


def test_open_cases_at_several_positions_are_multiplied_out() -> None:
    changes = dict.fromkeys([(0, 0), (2, 0), (2, 1)], CaseStatus.UNKNOWN)
    statement = parsing_statement(certificate(changes))
    right = prod((N_CLAUSES - 1, N_CLAUSES, N_CLAUSES - 2, N_CLAUSES))
    assert statement.count_upper == N_CLAUSES**4 - right


def test_a_position_without_a_certified_case_proves_nothing() -> None:
    changes = {(2, clause): CaseStatus.UNKNOWN for clause in range(N_CLAUSES)}
    statement = parsing_statement(certificate(changes))
    assert statement.kind is EvidenceKind.UNKNOWN
    assert statement.stopped_by is not None
    assert "no bound follows" in statement.stopped_by


def answers(unsatisfiable: tuple[int, int, int], satisfiable: tuple[int, int, int]) -> list:
    both = tuple(map(sum, zip(unsatisfiable, satisfiable, strict=True)))
    named = {"unsatisfiable": unsatisfiable, "satisfiable": satisfiable, "all": both}
    return [
        AnswerCount(
            quantity=quantity,
            stratum=name,
            count_lower=lower,
            count_upper=upper,
            total=total,
            value_lower=None,
            value_upper=None,
        )
        for quantity in ("error", "other_token")
        for name, (lower, upper, total) in named.items()
    ]


def test_classes_weighted_alike_keep_their_counts_as_integers() -> None:
    statements = enumeration_statements(answers((1, 1, 3), (2, 2, 5)), [], PROBLEM)
    alike = next(s for s in statements if "half satisfiable" in s.distribution)
    assert (alike.count_lower, alike.total) == (1 * 5 + 2 * 3, 2 * 3 * 5)
    assert alike.value_lower == 11 / 30


def test_an_undecided_formula_widens_the_interval() -> None:
    statements = enumeration_statements(answers((1, 2, 3), (2, 2, 5)), [], PROBLEM)
    assert (statements[0].count_lower, statements[0].count_upper) == (3, 4)


def test_a_class_without_formulas_has_no_statement() -> None:
    statements = enumeration_statements(answers((0, 0, 0), (2, 2, 5)), [], PROBLEM)
    assert not any("unsatisfiable ones" in s.domain for s in statements)


def drift(certified: int, median_drift: float) -> DriftRow:
    return DriftRow(
        source="all",
        n=200,
        certified=certified,
        share=certified / 200,
        median_margin=6.5,
        median_drift=median_drift,
        least_drift=0.5,
        kind=EvidenceKind.CERTIFIED,
    )


def test_a_vacuous_drift_is_unknown_and_says_its_numbers() -> None:
    (statement,) = drift_statements([drift(0, 3032.2)])
    assert statement.kind is EvidenceKind.UNKNOWN
    assert statement.stopped_by is not None
    assert "3.03e+03 logits, the median margin 6.5" in statement.stopped_by


def test_certified_formulas_of_a_sample_bound_the_rest() -> None:
    (statement,) = drift_statements([drift(150, 1.0)])
    assert statement.kind is EvidenceKind.SAMPLED
    assert (statement.count_lower, statement.n) == (50, 200)


def test_distances_of_programs_are_exact_counts() -> None:
    row = ProgramDistance(
        program="a",
        other="b",
        on="bits",
        differing=7,
        formulas=20,
        rate=7 / 20,
        equivalent=False,
    )
    (statement,) = program_statements([], [row], PROBLEM)
    assert (statement.kind, statement.count_lower) == (EvidenceKind.EXACT, 7)
    assert statement.statement == "the bits of `a` and `b` differ"
