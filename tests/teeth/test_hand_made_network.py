"""Wrong interpretations of a network that is its own program: every count is known exactly.

The network's components are the right program between its own α and γ, so the right
interpretation holds without exception and what a wrong one breaks follows by argument.
"""

import numpy as np
import pytest

from mechval.axioms import AxiomReport
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.network.components import Components
from tests.networks import SMALL_PROBLEM, hand_made_circuit, random_network, small_corpora
from tests.teeth.wrong import RIGHT, WRONG, Subject, counts, judge_all, moved_cells

N_VARIABLES = SMALL_PROBLEM.n_variables

PARSE_EQUIVALENCE = {"prefix equivalence/parse", "component equivalence/parse"}
PARSE_REPLACEABILITY = {"prefix replaceability/parse", "component replaceability/parse"}
EVALUATE_EQUIVALENCE = {"prefix equivalence/evaluate", "component equivalence/evaluate"}
EVALUATE_REPLACEABILITY = {
    "prefix replaceability/evaluate",
    "component replaceability/evaluate",
}
PREFIX_OUTPUT = {"prefix equivalence/output", "prefix replaceability/output"}
COMPONENT_OUTPUT = {"component equivalence/output", "component replaceability/output"}


@pytest.fixture(scope="module")
def formulas() -> Split:
    return small_corpora(SMALL_PROBLEM, 400).splits["analysis.test"]


@pytest.fixture(scope="module")
def reports(formulas: Split) -> dict[str, AxiomReport]:
    subject = Subject(
        SMALL_PROBLEM,
        hand_made_circuit(SMALL_PROBLEM),
        "calibrated",
        Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM),
    )
    right = subject.interpretation(subject.circuit)
    parse, evaluate, output = right.abstract
    concrete = (
        lambda tokens: right.gammas[1](parse(tokens)),
        lambda resid: right.gammas[2](evaluate(right.alphas[1](resid))),
        lambda state: output(right.alphas[2](state)),
    )
    return judge_all(subject, formulas, concrete)


@pytest.fixture(scope="module")
def tables(formulas: Split) -> np.ndarray:
    return unpack_truth_tables(truth_tables(SMALL_PROBLEM, formulas.clause_ids), N_VARIABLES)


def broken(report: AxiomReport) -> dict[str, int]:
    """Cells with a disagreement, and how many."""
    return {name: count for name, count in counts(report).items() if count}


def test_the_right_interpretation_holds_without_exception(
    reports: dict[str, AxiomReport],
) -> None:
    assert broken(reports[RIGHT]) == {}


def test_a_parse_of_the_neighbour_clause_fails_parse_equivalence_alone(
    reports: dict[str, AxiomReport], formulas: Split
) -> None:
    rolled = np.roll(formulas.clause_ids, 1, axis=1)
    n_changed = int((rolled != formulas.clause_ids).any(axis=1).sum())
    assert broken(reports["neighbour clause"]) == dict.fromkeys(PARSE_EQUIVALENCE, n_changed)


def test_and_for_or_fails_on_every_satisfiable_formula_at_the_output_alone(
    reports: dict[str, AxiomReport], formulas: Split
) -> None:
    n_satisfiable = int(formulas.satisfiable.sum())
    cells = PREFIX_OUTPUT | COMPONENT_OUTPUT
    assert broken(reports["AND for OR"]) == dict.fromkeys(cells, n_satisfiable)


def test_a_negated_tree_fails_evaluate_and_what_follows_it(
    reports: dict[str, AxiomReport], tables: np.ndarray
) -> None:
    # The bit of assignment 0 is now on where no other is, and off where no other is on.
    n_relabelled = int((~tables[:, 1:].any(axis=1)).sum())
    expected = dict.fromkeys(EVALUATE_EQUIVALENCE, len(tables)) | dict.fromkeys(
        EVALUATE_REPLACEABILITY | PREFIX_OUTPUT, n_relabelled
    )
    assert broken(reports["one tree negated"]) == expected


def test_an_inverted_gamma_fails_evaluate_replaceability_alone_on_unsatisfiable_formulas(
    reports: dict[str, AxiomReport], formulas: Split
) -> None:
    # No formula is satisfied by all assignments, so the inverted state always argues for SAT.
    n_unsatisfiable = int((~formulas.satisfiable).sum())
    expected = dict.fromkeys(EVALUATE_REPLACEABILITY, n_unsatisfiable)
    assert broken(reports["inverted gamma"]) == expected


def test_permuted_prototypes_fail_where_the_parse_is_read_or_written(
    reports: dict[str, AxiomReport],
) -> None:
    touched = PARSE_EQUIVALENCE | PARSE_REPLACEABILITY
    touched |= {"component equivalence/evaluate", "component replaceability/evaluate"}
    assert set(broken(reports["permuted prototypes"])) == touched


@pytest.mark.parametrize(
    ("cell", "least"),
    [
        ("prefix equivalence/parse", 0.99),
        ("component equivalence/evaluate", 0.60),
        ("prefix replaceability/parse", 0.35),
        ("component replaceability/evaluate", 0.35),
    ],
)
def test_permuted_prototypes_fail_badly(
    reports: dict[str, AxiomReport], cell: str, least: float
) -> None:
    report = reports["permuted prototypes"]
    assert counts(report)[cell] / report.n > least


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_interpretation_is_caught(reports: dict[str, AxiomReport], name: str) -> None:
    assert moved_cells(reports[name], reports[RIGHT])
